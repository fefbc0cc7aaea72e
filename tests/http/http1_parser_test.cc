// SPDX-License-Identifier: Apache-2.0
// The head grammar: what is taken, what is refused and with which reason, in one piece, byte by
// byte and at every split point. Thread: main only.
#include "proxy/http/http1_parser.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/arena.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// Parses `bytes` offered as growing prefixes that end at `ends`, each in fresh memory.
template <class Parser>
Result<std::size_t> parsePrefixes(Parser& parser, const std::string& bytes,
                                  const std::vector<std::size_t>& ends, std::string& kept) {
  for (const std::size_t end : ends) {
    std::string next = bytes.substr(0, end);
    kept.swap(next);  // the old memory dies after the parser has seen the new
    auto length = parser.parse(kept);
    if (!length || *length > 0) return length;
  }
  return std::size_t{0};
}

// The ways to cut `bytes`: whole, every split in two, byte by byte.
std::vector<std::vector<std::size_t>> waysToCut(std::size_t size) {
  std::vector<std::vector<std::size_t>> ways{{size}};
  std::vector<std::size_t> each;
  for (std::size_t at = 1; at <= size; ++at) {
    each.push_back(at);
    if (at < size) ways.push_back({at, size});
  }
  ways.push_back(each);
  return ways;
}

std::string describe(const RequestHead& head) {
  std::string text = std::string(head.method_token) + "|" + std::string(head.target.path) + "|" +
                     std::string(head.target.query) + "|" + std::string(head.authority);
  for (const Header& field : head.headers) {
    text += "|" + std::string(field.name) + "=" + std::string(field.value);
  }
  return text + "|" + std::to_string(static_cast<int>(head.body.kind)) + ":" +
         std::to_string(head.body.bytes) + (head.is_persistent ? " keep" : " close") +
         (head.expects_continue ? " continue" : "") + (head.wants_upgrade ? " upgrade" : "");
}

struct AcceptedRow {
  const char* law;
  std::string head;
  std::string seen;
};

const AcceptedRow kAcceptedRequests[] = {
    {"plain", "GET / HTTP/1.1\r\nHost: a\r\n\r\n", "GET|/||a|Host=a|0:0 keep"},
    {"query and port", "GET /x?y=1 HTTP/1.1\r\nHost: a.b:8443\r\n\r\n",
     "GET|/x|y=1|a.b:8443|Host=a.b:8443|0:0 keep"},
    {"blanks around a value", "GET / HTTP/1.1\r\nHost:\t a \t\r\nX:\r\n\r\n",
     "GET|/||a|Host=a|X=|0:0 keep"},
    {"blanks and UTF-8 within", "GET / HTTP/1.1\r\nHost: a\r\nX: a \t b\xc3\xa9\r\n\r\n",
     "GET|/||a|Host=a|X=a \t b\xc3\xa9|0:0 keep"},
    {"length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 12\r\n\r\n",
     "POST|/||a|Host=a|Content-Length=12|1:12 keep"},
    {"length zero", "POST / HTTP/1.1\r\nHost: a\r\ncontent-length: 0\r\n\r\n",
     "POST|/||a|Host=a|content-length=0|1:0 keep"},
    {"largest length", "POST / HTTP/1.1\r\nHost: a\r\nContent-Length: 999999999999999999\r\n\r\n",
     "POST|/||a|Host=a|Content-Length=999999999999999999|1:999999999999999999 keep"},
    {"chunked in any case", "POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: ChunKed\r\n\r\n",
     "POST|/||a|Host=a|Transfer-Encoding=ChunKed|2:0 keep"},
    {"close", "GET / HTTP/1.1\r\nHost: a\r\nConnection: te, Close\r\n\r\n",
     "GET|/||a|Host=a|Connection=te, Close|0:0 close"},
    {"1.0 closes", "GET / HTTP/1.0\r\nHost: a\r\n\r\n", "GET|/||a|Host=a|0:0 close"},
    {"1.0 kept when asked", "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive\r\n\r\n",
     "GET|/||a|Host=a|Connection=keep-alive|0:0 keep"},
    {"close wins over keep-alive",
     "GET / HTTP/1.0\r\nHost: a\r\nConnection: keep-alive, close\r\n\r\n",
     "GET|/||a|Host=a|Connection=keep-alive, close|0:0 close"},
    {"continue", "PUT /a HTTP/1.1\r\nHost: a\r\nContent-Length: 1\r\nExpect: 100-Continue\r\n\r\n",
     "PUT|/a||a|Host=a|Content-Length=1|Expect=100-Continue|1:1 keep continue"},
    {"continue without content", "PUT /a HTTP/1.1\r\nHost: a\r\nExpect: 100-continue\r\n\r\n",
     "PUT|/a||a|Host=a|Expect=100-continue|0:0 keep"},
    {"upgrade", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\r\n",
     "GET|/||a|Host=a|Upgrade=websocket|Connection=Upgrade|0:0 close upgrade"},
    {"upgrade unasked by connection", "GET / HTTP/1.1\r\nHost: a\r\nUpgrade: h2c\r\n\r\n",
     "GET|/||a|Host=a|Upgrade=h2c|0:0 keep"},
    {"absolute form", "GET http://A.b/c HTTP/1.1\r\nHost: a.B\r\n\r\n",
     "GET|/c||a.B|Host=a.B|0:0 keep"},
    {"asterisk form", "OPTIONS * HTTP/1.1\r\nHost: a\r\n\r\n", "OPTIONS|*||a|Host=a|0:0 keep"},
    {"other method", "M-SEARCH / HTTP/1.1\r\nHost: a\r\n\r\n", "M-SEARCH|/||a|Host=a|0:0 keep"},
    {"IPv6 host", "GET / HTTP/1.1\r\nHost: [::1]:80\r\n\r\n",
     "GET|/||[::1]:80|Host=[::1]:80|0:0 keep"},
    {"underscore in an unknown name", "GET / HTTP/1.1\r\nHost: a\r\napi_key: 1\r\n\r\n",
     "GET|/||a|Host=a|api_key=1|0:0 keep"},
};

TEST(Http1RequestParser, AcceptsHeadsHoweverTheyAreCut) {
  for (const AcceptedRow& row : kAcceptedRequests) {
    for (const auto& ends : waysToCut(row.head.size())) {
      Http1RequestParser parser;
      std::string kept;
      const auto length = parsePrefixes(parser, row.head, ends, kept);
      ASSERT_TRUE(length) << row.law << ": " << length.error().message;
      ASSERT_EQ(*length, row.head.size()) << row.law << " cut at " << ends.front();
      ASSERT_EQ(describe(parser.head()), row.seen) << row.law << " cut at " << ends.front();
    }
  }
}

struct RefusedRow {
  const char* law;
  std::string head;
  Reason reason = Reason::kMalformedRequest;
};

std::string withField(const std::string& field) {
  return "POST / HTTP/1.1\r\nHost: a\r\n" + field + "\r\n\r\n";
}

std::vector<RefusedRow> refusedRequests() {
  using std::string_literals::operator""s;
  const Reason conflict = Reason::kFramingConflict;
  return {
      {"bare LF after the request line", "GET / HTTP/1.1\nHost: a\r\n\r\n"},
      {"bare LF after a field", "GET / HTTP/1.1\r\nHost: a\n\r\n"},
      {"bare LF at the end", "GET / HTTP/1.1\r\nHost: a\r\n\n"},
      {"bare CR in a value", withField("X: a\rb")},
      {"bare CR at the end", "GET / HTTP/1.1\r\nHost: a\r\n\rX\r\n"},
      {"bare CR after the version", "GET / HTTP/1.1\rHost: a\r\n\r\n"},
      {"obs-fold", withField("X: a\r\n b")},
      {"obs-fold with a tab", withField("X: a\r\n\tb")},
      {"blank before the first field", "GET / HTTP/1.1\r\n Host: a\r\n\r\n"},
      {"space before the colon", withField("X : a")},
      {"tab before the colon", withField("X\t: a")},
      {"no colon", withField("X")},
      {"empty name", withField(": a")},
      {"odd name", withField("X(: a")},
      {"token byte that no field uses", withField("X!: a")},
      {"name of one hyphen", withField("-: a")},
      {"name starts with a dot", withField(".x: a")},
      {"NUL in a name", withField("X\0: a"s)},
      {"non-ASCII name", withField("X\xc3\xa9: a")},
      {"known name in disguise", withField("Content_Length: 1")},
      {"known name in disguise, mixed", withField("X_Forwarded-For: 1")},
      {"NUL in a value", withField("X: a\0b"s)},
      {"control byte in a value", withField("X: a\x01")},
      {"DEL in a value", withField("X: \x7f")},
      {"no host", "GET / HTTP/1.1\r\n\r\n"},
      {"no host in 1.0", "GET / HTTP/1.0\r\n\r\n"},
      {"two hosts", withField("Host: a")},
      {"empty host", "GET / HTTP/1.1\r\nHost:\r\n\r\n"},
      {"user in host", "GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"},
      {"host with path", "GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"},
      {"host list", "GET / HTTP/1.1\r\nHost: a, b\r\n\r\n"},
      {"absolute form of another host", "GET http://b/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"absolute form of another port", "GET http://a:80/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"length twice", withField("Content-Length: 1\r\nContent-Length: 1"), conflict},
      {"two lengths", withField("Content-Length: 1\r\ncontent-length: 2"), conflict},
      {"length and chunked", withField("Content-Length: 1\r\nTransfer-Encoding: chunked"),
       conflict},
      {"chunked and length", withField("Transfer-Encoding: chunked\r\nContent-Length: 1"),
       conflict},
      {"signed length", withField("Content-Length: +1"), conflict},
      {"negative length", withField("Content-Length: -1"), conflict},
      {"hexadecimal length", withField("Content-Length: 0x1"), conflict},
      {"length with a blank", withField("Content-Length: 1 1"), conflict},
      {"length list", withField("Content-Length: 1, 1"), conflict},
      {"empty length", withField("Content-Length:"), conflict},
      {"length with a leading zero", withField("Content-Length: 010"), conflict},
      {"length past the largest", withField("Content-Length: 1000000000000000000"), conflict},
      {"length past 64 bits", withField("Content-Length: 18446744073709551617"), conflict},
      {"chunked twice", withField("Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked"),
       conflict},
      {"chunked listed twice", withField("Transfer-Encoding: chunked, chunked"), conflict},
      {"chunked not alone", withField("Transfer-Encoding: gzip, chunked"), conflict},
      {"chunked not last", withField("Transfer-Encoding: chunked, identity"), conflict},
      {"chunked with a parameter", withField("Transfer-Encoding: chunked;q=1"), conflict},
      {"chunked quoted", withField("Transfer-Encoding: \"chunked\""), conflict},
      {"chunked with something before", withField("Transfer-Encoding: xchunked"), conflict},
      {"tab before chunked", withField("Transfer-Encoding:\tchunked"), conflict},
      {"tab after chunked", withField("Transfer-Encoding: chunked\t"), conflict},
      {"tab after the length", withField("Content-Length: 1 \t"), conflict},
      {"empty coding", withField("Transfer-Encoding:"), conflict},
      {"other coding", withField("Transfer-Encoding: gzip"), Reason::kTransferCodingUnsupported},
      {"identity", withField("Transfer-Encoding: identity"), Reason::kTransferCodingUnsupported},
      {"chunked in 1.0", "POST / HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n",
       conflict},
      {"other expectation", withField("Expect: 200-ok"), Reason::kExpectationUnsupported},
      {"two authorizations", withField("Authorization: a\r\nAuthorization: b")},
      {"two content types", withField("Content-Type: a/b\r\nContent-Type: a/c")},
      {"connection with a bad token", withField("Connection: a b")},
      {"TRACE", "TRACE / HTTP/1.1\r\nHost: a\r\n\r\n", Reason::kMethodNotAllowed},
      {"method in lower case", "get / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"method in mixed case", "Get / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"method with a digit", "GET2 / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"method that starts with a hyphen", "-GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"two blanks after the method", "GET  / HTTP/1.1\r\nHost: a\r\n\r\n",
       Reason::kMalformedRequest},
      {"tab after the method", "GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"blank before the method", " GET / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"odd method", "G(T / HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"blank after the version", "GET / HTTP/1.1 \r\nHost: a\r\n\r\n"},
      {"two blanks before the version", "GET /  HTTP/1.1\r\nHost: a\r\n\r\n"},
      {"HTTP/0.9", "GET /\r\n"},
      {"version missing", "GET / \r\nHost: a\r\n\r\n"},
      {"version in lower case", "GET / http/1.1\r\nHost: a\r\n\r\n"},
      {"version with two digits", "GET / HTTP/1.10\r\nHost: a\r\n\r\n"},
      {"HTTP/2 preface", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", Reason::kVersionUnsupported},
      {"HTTP/1.2", "GET / HTTP/1.2\r\nHost: a\r\n\r\n", Reason::kVersionUnsupported},
      {"asterisk for GET", "GET * HTTP/1.1\r\nHost: a\r\n\r\n", Reason::kTargetNotCanonical},
      {"CONNECT", "CONNECT a:443 HTTP/1.1\r\nHost: a:443\r\n\r\n", Reason::kMethodNotAllowed},
      {"control byte in the target", "GET /\x01 HTTP/1.1\r\nHost: a\r\n\r\n",
       Reason::kTargetNotCanonical},
      {"method too long", std::string(limits::kMethodBytesMax + 1, 'A') + " / HTTP/1.1\r\n"},
      {"TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03\n"s},
  };
}

TEST(Http1RequestParser, RefusesHeadsHoweverTheyAreCut) {
  for (const RefusedRow& row : refusedRequests()) {
    for (const auto& ends : waysToCut(row.head.size())) {
      Http1RequestParser parser;
      std::string kept;
      const auto length = parsePrefixes(parser, row.head, ends, kept);
      ASSERT_FALSE(length) << row.law << " cut at " << ends.front();
      ASSERT_EQ(reasonCode(length.error().reason), reasonCode(row.reason))
          << row.law << " cut at " << ends.front();
    }
  }
}

TEST(Http1RequestParser, TakesEveryLimitAndNothingPastIt) {
  const auto parse = [](const std::string& head) {
    Http1RequestParser parser;
    const auto length = parser.parse(head);
    return length ? std::string(*length == head.size() ? "ok" : "incomplete")
                  : std::string(reasonCode(length.error().reason));
  };
  const auto target = [](std::size_t bytes) {
    return "GET /" + std::string(bytes - 1, 'a') + " HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(parse(target(limits::kTargetBytesMax)), "ok");
  EXPECT_EQ(parse(target(limits::kTargetBytesMax + 1)), "target_too_long");
  const auto name = [](std::size_t bytes) { return withField(std::string(bytes, 'a') + ": b"); };
  EXPECT_EQ(parse(name(limits::kHeaderNameBytesMax)), "ok");
  EXPECT_EQ(parse(name(limits::kHeaderNameBytesMax + 1)), "head_too_large");
  const auto fields = [](std::size_t count) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\n";
    for (std::size_t i = 1; i < count; ++i) head += "X: y\r\n";
    return head + "\r\n";
  };
  EXPECT_EQ(parse(fields(limits::kHeaderCountMax)), "ok");
  EXPECT_EQ(parse(fields(limits::kHeaderCountMax + 1)), "head_too_large");
  const auto method = [](std::size_t bytes) {
    return std::string(bytes, 'A') + " / HTTP/1.1\r\nHost: a\r\n\r\n";
  };
  EXPECT_EQ(parse(method(limits::kMethodBytesMax)), "ok");
  EXPECT_EQ(parse(method(limits::kMethodBytesMax + 1)), "malformed_request");
  const auto head = [](std::size_t bytes) {
    std::string text = "GET / HTTP/1.1\r\nHost: a\r\nX: ";
    return text + std::string(bytes - text.size() - 4, 'y') + "\r\n\r\n";
  };
  EXPECT_EQ(parse(head(limits::kHeadBytesMax)), "ok");
  EXPECT_EQ(parse(head(limits::kHeadBytesMax + 1)), "head_too_large");
}

TEST(Http1RequestParser, RefusesAnEndlessHeadByteByByte) {
  for (const std::string start : {"GET / HTTP/1.1\r\nX: ", "GET /", "GET / HTTP/1.1\r\n"}) {
    Http1RequestParser parser;
    std::string head = start;
    auto length = parser.parse(head);
    while (length && head.size() <= limits::kHeadBytesMax + 1) {
      head += 'a';
      length = parser.parse(head);
    }
    ASSERT_FALSE(length) << start;
    EXPECT_LE(head.size(), limits::kHeadBytesMax + 1) << start;
  }
}

TEST(Http1RequestParser, StopsAtTheEndOfTheHead) {
  Http1RequestParser parser;
  const std::string head = "GET / HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string bytes = head + "POST /b HTTP/1.1\r\n";
  EXPECT_EQ(parser.parse(bytes).value(), head.size());
  EXPECT_EQ(parser.head().block, head);
}

TEST(RequestHead, OutlivesItsBytesOnceKept) {
  Arena arena;
  RequestHead head;
  {
    const std::string bytes = "PUT /p/q?r=s HTTP/1.1\r\nHost: h:1\r\nX-Y:  z \r\n\r\n";
    Http1RequestParser parser;
    ASSERT_EQ(parser.parse(bytes).value(), bytes.size());
    head = std::move(parser.head());
    head.keepIn(arena);
  }
  EXPECT_EQ(describe(head), "PUT|/p/q|r=s|h:1|Host=h:1|X-Y=z|0:0 keep");
  EXPECT_EQ(head.target.text, "/p/q?r=s");
}

struct ResponseRow {
  const char* law;
  std::string head;
  int status;
  BodyLength::Kind kind;
  std::uint64_t bytes;
  bool is_persistent;
};

const ResponseRow kAcceptedResponses[] = {
    {"length", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\n", 200, BodyLength::Kind::kKnown, 3,
     true},
    {"chunked", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", 200,
     BodyLength::Kind::kChunked, 0, true},
    {"until close", "HTTP/1.1 200 OK\r\n\r\n", 200, BodyLength::Kind::kUntilClose, 0, true},
    {"empty phrase", "HTTP/1.1 200 \r\nContent-Length: 0\r\n\r\n", 200, BodyLength::Kind::kKnown, 0,
     true},
    {"no blank before no phrase", "HTTP/1.1 599\r\nContent-Length: 0\r\n\r\n", 599,
     BodyLength::Kind::kKnown, 0, true},
    {"1.0", "HTTP/1.0 200 OK\r\n\r\n", 200, BodyLength::Kind::kUntilClose, 0, false},
    {"close", "HTTP/1.1 404 Not Found\r\nConnection: close\r\nContent-Length: 1\r\n\r\n", 404,
     BodyLength::Kind::kKnown, 1, false},
    {"repeated content type", "HTTP/1.1 200 OK\r\nContent-Type: a/b\r\nContent-Type: a/b\r\n\r\n",
     200, BodyLength::Kind::kUntilClose, 0, true},
};

TEST(Http1ResponseParser, AcceptsHeadsHoweverTheyAreCut) {
  for (const ResponseRow& row : kAcceptedResponses) {
    for (const auto& ends : waysToCut(row.head.size())) {
      Http1ResponseParser parser;
      std::string kept;
      const auto length = parsePrefixes(parser, row.head, ends, kept);
      ASSERT_TRUE(length) << row.law << ": " << length.error().message;
      ASSERT_EQ(*length, row.head.size()) << row.law << " cut at " << ends.front();
      const ResponseHead& head = parser.head();
      ASSERT_EQ(head.status, row.status) << row.law;
      ASSERT_EQ(head.body.kind, row.kind) << row.law;
      ASSERT_EQ(head.body.bytes, row.bytes) << row.law;
      ASSERT_EQ(head.is_persistent, row.is_persistent) << row.law;
    }
  }
}

TEST(Http1ResponseParser, RefusesHeadsHoweverTheyAreCut) {
  const std::string refused[] = {
      "HTTP/2.0 200 OK\r\n\r\n",
      "http/1.1 200 OK\r\n\r\n",
      "ICY 200 OK\r\n\r\n",
      "HTTP/1.1 20 OK\r\n\r\n",
      "HTTP/1.1 2000 OK\r\n\r\n",
      "HTTP/1.1 600 No\r\n\r\n",
      "HTTP/1.1 099 No\r\n\r\n",
      "HTTP/1.1  200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\n\r\n",
      "HTTP/1.1 200 O\rK\r\n\r\n",
      "HTTP/1.1 200 O\x01K\r\n\r\n",
      "\r\nHTTP/1.1 200 OK\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n",
      "HTTP/1.1 200 OK\r\nTransfer-Encoding: gzip, chunked\r\n\r\n",
      "HTTP/1.0 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX : y\r\n\r\n",
      "HTTP/1.1 200 OK\r\nX: y\r\n z\r\n\r\n",
  };
  for (const std::string& bytes : refused) {
    for (const auto& ends : waysToCut(bytes.size())) {
      Http1ResponseParser parser;
      std::string kept;
      const auto length = parsePrefixes(parser, bytes, ends, kept);
      ASSERT_FALSE(length) << bytes << " cut at " << ends.front();
      ASSERT_EQ(length.error().reason, Reason::kUpstreamMalformed) << bytes;
    }
  }
}

TEST(Http1ResponseParser, RefusesAnEndlessHead) {
  Http1ResponseParser parser;
  const std::string head = "HTTP/1.1 200 OK\r\nX: " + std::string(limits::kHeadBytesMax, 'a');
  EXPECT_FALSE(parser.parse(head));
}

}  // namespace
}  // namespace edgehold
