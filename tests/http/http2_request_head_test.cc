// SPDX-License-Identifier: Apache-2.0
// The laws of HTTP/2 requests (RFC 9113 8.2, 8.3): what passes can be written as HTTP/1.
// Thread: main only.
#include "proxy/http/http2_request_head.h"

#include <optional>
#include <string>
#include <utility>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/http/recording_events.h"

namespace edgehold {
namespace {

using Fields = std::vector<std::pair<std::string, std::string>>;

struct Sent {
  Fields fields;
  bool has_content = false;
};

Result<RequestHead> parse(Http2RequestHead& head, const Sent& sent) {
  head.begin();
  for (const auto& [name, value] : sent.fields) head.add(name, value);
  return head.finish(sent.has_content);
}

std::optional<Reason> refusalOf(const Sent& sent, bool is_secure = true) {
  Http2RequestHead head(is_secure);
  const auto parsed = parse(head, sent);
  return parsed ? std::nullopt : std::optional(parsed.error().reason);
}

Fields get() {
  return {{":method", "GET"}, {":scheme", "https"}, {":authority", "h.example"}, {":path", "/a"}};
}
Fields with(Fields more) {
  Fields fields = get();
  fields.insert(fields.end(), more.begin(), more.end());
  return fields;
}
// get() with one pseudo-header of another value.
Fields having(std::string_view name, std::string value) {
  Fields fields = get();
  for (auto& field : fields) {
    if (field.first == name) field.second = value;
  }
  return fields;
}
Fields without(std::string_view name) {
  Fields fields = get();
  std::erase_if(fields, [name](const auto& field) { return field.first == name; });
  return fields;
}

TEST(Http2RequestHead, IsTheRequestOfItsPseudoHeaders) {
  Http2RequestHead head(true);
  const auto parsed = parse(head, {with({{"accept", "*/*"}, {"x-a", ""}})});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_EQ(parsed->method, Method::kGet);
  EXPECT_EQ(parsed->method_token, "GET");
  EXPECT_EQ(parsed->target.path, "/a");
  EXPECT_EQ(parsed->authority, "h.example");
  EXPECT_FALSE(parsed->body.hasBody());
  const Fields expected = {{"host", "h.example"}, {"accept", "*/*"}, {"x-a", ""}};
  EXPECT_EQ(fieldsOf(parsed->headers), expected);
}

TEST(Http2RequestHead, KeepsEveryViewInItsBlock) {
  Http2RequestHead head(true);
  auto parsed = parse(head, {having(":path", "/a?b=c")});
  ASSERT_TRUE(parsed);
  Arena arena;
  parsed->keepIn(arena);
  head.begin();
  head.add(":method", "XXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXXX");
  EXPECT_EQ(parsed->method_token, "GET");
  EXPECT_EQ(parsed->target.text, "/a?b=c");
  EXPECT_EQ(parsed->target.query, "b=c");
  EXPECT_EQ(parsed->headers.find(HeaderId::kHost), "h.example");
}

TEST(Http2RequestHead, JoinsCookieCrumbs) {
  Http2RequestHead head(true);
  const auto parsed =
      parse(head, {with({{"cookie", "a=1"}, {"x-a", "y"}, {"cookie", "b=2"}, {"cookie", ""}})});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->headers.count("cookie"), 1u);
  EXPECT_EQ(parsed->headers.find(HeaderId::kCookie), "a=1; b=2");
}

TEST(Http2RequestHead, TakesTheHostForAMissingAuthority) {
  Http2RequestHead head(true);
  Fields fields = without(":authority");
  fields.emplace_back("host", "other.example:8443");
  const auto parsed = parse(head, {fields});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->authority, "other.example:8443");
  EXPECT_EQ(parsed->headers.count("host"), 1u);
}

TEST(Http2RequestHead, HasOneHostWhenItAgreesWithTheAuthority) {
  Http2RequestHead head(true);
  const auto parsed = parse(head, {with({{"host", "H.example"}})});
  ASSERT_TRUE(parsed);
  EXPECT_EQ(parsed->headers.count("host"), 1u);
  EXPECT_EQ(parsed->authority, "h.example");
}

TEST(Http2RequestHead, KnowsWhereTheContentEnds) {
  Http2RequestHead head(true);
  const Fields five = with({{"content-length", "5"}});
  const Fields none = with({{"content-length", "0"}});
  EXPECT_EQ(parse(head, {five, true})->body.bytes, 5u);
  EXPECT_EQ(parse(head, {get(), true})->body.kind, BodyLength::Kind::kChunked);
  EXPECT_EQ(parse(head, {none, true})->body.kind, BodyLength::Kind::kChunked);
  EXPECT_EQ(parse(head, {none, false})->body.kind, BodyLength::Kind::kKnown);
  EXPECT_EQ(refusalOf({five, false}), Reason::kFramingConflict);
}

TEST(Http2RequestHead, ExpectsTheSchemeOfItsTransport) {
  EXPECT_EQ(refusalOf({get()}, /*is_secure=*/true), std::nullopt);
  EXPECT_EQ(refusalOf({get()}, /*is_secure=*/false), Reason::kMalformedRequest);
  EXPECT_EQ(refusalOf({having(":scheme", "http")}, false), std::nullopt);
  EXPECT_EQ(refusalOf({having(":scheme", "http")}, true), Reason::kMalformedRequest);
}

TEST(Http2RequestHead, AllowsTeOnlyForTrailers) {
  EXPECT_EQ(refusalOf({with({{"te", "trailers"}})}), std::nullopt);
  EXPECT_EQ(refusalOf({with({{"te", "gzip"}})}), Reason::kMalformedRequest);
  EXPECT_EQ(refusalOf({with({{"te", "trailers, deflate"}})}), Reason::kMalformedRequest);
}

TEST(Http2RequestHead, AllowsTheAsteriskForOptionsAlone) {
  Fields options = having(":method", "OPTIONS");
  options[3].second = "*";
  EXPECT_EQ(refusalOf({options}), std::nullopt);
  EXPECT_EQ(refusalOf({having(":path", "*")}), Reason::kTargetNotCanonical);
}

TEST(Http2RequestHead, RefusesWhatIsMalformed) {
  const std::string nul(1, '\0');
  const std::vector<Fields> kCases = {
      without(":method"),
      without(":scheme"),
      without(":path"),
      without(":authority"),
      having(":method", ""),
      having(":method", "get"),
      having(":method", "GET /evil HTTP/1.1\r\nHost: x\r\n\r\n"),
      having(":method", "G T"),
      having(":method", std::string(limits::kMethodBytesMax + 1, 'A')),
      having(":scheme", ""),
      having(":scheme", "HTTPS"),
      having(":scheme", "ftp"),
      having(":scheme", "https://evil/"),
      having(":path", ""),
      having(":authority", ""),
      having(":authority", "user@h"),
      having(":authority", "h\r\nx-evil: 1"),
      having(":authority", "h /"),
      having(":authority", "[::1" + nul + "]"),  // seen first by http2_to_http1_fuzz
      with({{":method", "GET"}}),
      with({{":path", "/b"}}),
      with({{":status", "200"}}),
      with({{":protocol", "websocket"}}),
      with({{":", "x"}}),
      with({{"x-a", "1"}, {":path", "/b"}}),
      Fields{{"x-a", "1"}, {":method", "GET"}, {":scheme", "https"}, {":authority", "h"}},
      with({{"Accept", "x"}}),
      with({{"x-A", "x"}}),
      with({{"", "x"}}),
      with({{"x a", "x"}}),
      with({{"x:a", "x"}}),
      with({{"x-a\r\nx-b", "x"}}),
      with({{"x-a" + nul, "x"}}),
      with({{"-x", "x"}}),
      with({{"content_length", "5"}}),
      with({{"transfer_encoding", "chunked"}}),
      with({{"x-a", "a\r\nx-b: c"}}),
      with({{"x-a", "a\nb"}}),
      with({{"x-a", "a\rb"}}),
      with({{"x-a", "a" + nul + "b"}}),
      with({{"x-a", "\x7f"}}),
      with({{"x-a", " a"}}),
      with({{"x-a", "a "}}),
      with({{"x-a", "\ta"}}),
      with({{"x-a", "a\t"}}),
      with({{"x-a", " "}}),
      with({{"connection", "close"}}),
      with({{"connection", ""}}),
      with({{"keep-alive", "5"}}),
      with({{"proxy-connection", "close"}}),
      with({{"transfer-encoding", "chunked"}}),
      with({{"transfer-encoding", "identity"}}),
      with({{"upgrade", "websocket"}}),
      with({{"host", "evil.example"}}),
      with({{"host", "h.example"}, {"host", "h.example"}}),
      with({{"host", "h.example"}, {"host", "evil.example"}}),
      with({{"host", "h.example:443"}}),
      with({{"host", ""}}),
      with({{"authorization", "a"}, {"authorization", "b"}}),
      with({{"content-type", "a/b"}, {"content-type", "c/d"}}),
      with({{"cookie", "a\r\nb"}}),
  };
  for (const Fields& fields : kCases) {
    std::string shown;
    for (const auto& [name, value] : fields) shown += name + "=" + value + "; ";
    EXPECT_EQ(refusalOf({fields}), Reason::kMalformedRequest) << shown;
  }
}

TEST(Http2RequestHead, RefusesLengthsThatTwoReadersCouldTakeForTwo) {
  for (const std::string length : {"", "+5", "-5", "05", "5,5", "5, 6", "0x5", "5.0", "five",
                                   "1000000000000000000", "5\t5", "5 5"}) {
    EXPECT_EQ(refusalOf({with({{"content-length", length}}), true}), Reason::kFramingConflict)
        << length;
  }
  EXPECT_EQ(refusalOf({with({{"content-length", "5"}, {"content-length", "5"}}), true}),
            Reason::kFramingConflict);
}

TEST(Http2RequestHead, RefusesTargetsWithASecondSpelling) {
  for (const std::string path :
       {"a", "//h/a", "/a/../b", "/a/./b", "/%61", "/a%2fb", "/a#b", "/a b", "/a\r\n", "/a\\b",
        "https://h.example/a", "http://evil/", "*a", "/\xff", "/a%0d%0a"}) {
    EXPECT_EQ(refusalOf({having(":path", path)}), Reason::kTargetNotCanonical) << path;
  }
  EXPECT_EQ(refusalOf({having(":path", "/" + std::string(limits::kTargetBytesMax, 'a'))}),
            Reason::kTargetTooLong);
}

TEST(Http2RequestHead, RefusesConnectAndTrace) {
  EXPECT_EQ(refusalOf({having(":method", "TRACE")}), Reason::kMethodNotAllowed);
  // RFC 9113 8.5: a CONNECT names an authority and nothing else.
  EXPECT_EQ(refusalOf({having(":method", "CONNECT")}), Reason::kMalformedRequest);
  EXPECT_EQ(refusalOf({{{":method", "CONNECT"}}}), Reason::kMalformedRequest);
  EXPECT_EQ(refusalOf({{{":method", "CONNECT"}, {":authority", "h:443"}, {":path", "/"}}}),
            Reason::kMalformedRequest);
  EXPECT_EQ(refusalOf({{{":method", "CONNECT"}, {":authority", "h:443"}}}),
            Reason::kMethodNotAllowed);
}

TEST(Http2RequestHead, RefusesExpectationsButOne) {
  EXPECT_EQ(refusalOf({with({{"expect", "100-continue"}}), true}), std::nullopt);
  EXPECT_EQ(refusalOf({with({{"expect", "200-ok"}}), true}), Reason::kExpectationUnsupported);
}

TEST(Http2RequestHead, RefusesOneFieldTooMany) {
  Fields most;
  for (std::size_t i = 1; i < limits::kHeaderCountMax; ++i) most.emplace_back("x-a", "1");
  EXPECT_EQ(refusalOf({with(most)}), std::nullopt);
  most.emplace_back("x-a", "1");
  EXPECT_EQ(refusalOf({with(most)}), Reason::kHeadTooLarge);
}

TEST(Http2RequestHead, CountsCookieCrumbsAsOneField) {
  Fields crumbs;
  for (std::size_t i = 0; i < 2 * limits::kHeaderCountMax; ++i) crumbs.emplace_back("cookie", "a");
  EXPECT_EQ(refusalOf({with(crumbs)}), std::nullopt);
}

TEST(Http2RequestHead, RefusesOneByteTooMany) {
  Http2RequestHead head(true);
  ASSERT_TRUE(parse(head, {with({{"x-a", ""}})}));
  const std::size_t room = limits::kHeadBytesMax - head.listBytes();
  EXPECT_EQ(refusalOf({with({{"x-a", std::string(room, 'a')}})}), std::nullopt);
  EXPECT_EQ(refusalOf({with({{"x-a", std::string(room + 1, 'a')}})}), Reason::kHeadTooLarge);
}

TEST(Http2RequestHead, RefusesANameTooLong) {
  const std::string longest(limits::kHeaderNameBytesMax, 'a');
  EXPECT_EQ(refusalOf({with({{longest, "1"}})}), std::nullopt);
  EXPECT_EQ(refusalOf({with({{longest + "a", "1"}})}), Reason::kHeadTooLarge);
}

Fields tunnel() {
  Fields fields = with({});
  fields[0].second = "CONNECT";
  fields.emplace_back(":protocol", "websocket");
  return fields;
}

TEST(Http2RequestHead, TakesATunnelForTheUpgradeItMeans) {
  Http2RequestHead head(true, /*allows_tunnels=*/true);
  const auto parsed = parse(head, {tunnel(), true});
  ASSERT_TRUE(parsed) << parsed.error().message;
  EXPECT_TRUE(parsed->wants_upgrade);
  EXPECT_EQ(parsed->protocol, "websocket");
  EXPECT_EQ(parsed->method, Method::kConnect);
  EXPECT_EQ(parsed->target.path, "/a");
  EXPECT_EQ(parsed->body.kind, BodyLength::Kind::kNone);
  EXPECT_TRUE(parse(head, {get()}));
  EXPECT_FALSE(parse(head, {get()})->wants_upgrade);
}

TEST(Http2RequestHead, RefusesMalformedTunnels) {
  Http2RequestHead head(true, /*allows_tunnels=*/true);
  const auto reasonOf = [&head](const Fields& fields, bool has_content = true) {
    const auto parsed = parse(head, {fields, has_content});
    return parsed ? Reason::kAllowed : parsed.error().reason;
  };
  const auto changed = [](std::size_t at, std::string value) {
    Fields fields = tunnel();
    fields[at].second = std::move(value);
    return fields;
  };
  const auto lacking = [](std::size_t at) {
    Fields fields = tunnel();
    fields.erase(fields.begin() + static_cast<std::ptrdiff_t>(at));
    return fields;
  };
  const auto more = [](const char* name, const char* value) {
    Fields fields = tunnel();
    fields.emplace_back(name, value);
    return fields;
  };
  EXPECT_EQ(reasonOf(tunnel()), Reason::kAllowed);
  for (const std::size_t at : {1u, 2u, 3u})
    EXPECT_EQ(reasonOf(lacking(at)), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(changed(0, "GET")), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(changed(4, "")), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(changed(4, "a b")), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(changed(4, "a\r\nb")), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(changed(3, "*")), Reason::kTargetNotCanonical);
  EXPECT_EQ(reasonOf(tunnel(), false), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(more(":protocol", "websocket")), Reason::kMalformedRequest);
  EXPECT_EQ(reasonOf(more("content-length", "0")), Reason::kFramingConflict);
  EXPECT_EQ(reasonOf(more("upgrade", "websocket")), Reason::kMalformedRequest);
}

TEST(Http2RequestHead, ForgetsTheFaultOfTheLastBlock) {
  Http2RequestHead head(true);
  EXPECT_FALSE(parse(head, {with({{"connection", "x"}})}));
  EXPECT_TRUE(parse(head, {get()}));
}

}  // namespace
}  // namespace edgehold
