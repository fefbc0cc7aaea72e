// SPDX-License-Identifier: Apache-2.0
// Field names and lists of fields, methods and phrases, hop-by-hop hygiene.
// Thread: main only.
#include "proxy/http/headers.h"

#include <algorithm>
#include <string>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/message.h"

namespace edgehold {
namespace {

const std::pair<const char*, HeaderId> kKnown[] = {
    {"Accept", HeaderId::kAccept},
    {"Authorization", HeaderId::kAuthorization},
    {"Connection", HeaderId::kConnection},
    {"Content-Length", HeaderId::kContentLength},
    {"Content-Type", HeaderId::kContentType},
    {"Cookie", HeaderId::kCookie},
    {"Date", HeaderId::kDate},
    {"Expect", HeaderId::kExpect},
    {"Forwarded", HeaderId::kForwarded},
    {"Host", HeaderId::kHost},
    {"Keep-Alive", HeaderId::kKeepAlive},
    {"Origin", HeaderId::kOrigin},
    {"Proxy-Authenticate", HeaderId::kProxyAuthenticate},
    {"Proxy-Authorization", HeaderId::kProxyAuthorization},
    {"Proxy-Connection", HeaderId::kProxyConnection},
    {"Retry-After", HeaderId::kRetryAfter},
    {"Server", HeaderId::kServer},
    {"TE", HeaderId::kTe},
    {"Traceparent", HeaderId::kTraceparent},
    {"Tracestate", HeaderId::kTracestate},
    {"Trailer", HeaderId::kTrailer},
    {"Transfer-Encoding", HeaderId::kTransferEncoding},
    {"Upgrade", HeaderId::kUpgrade},
    {"User-Agent", HeaderId::kUserAgent},
    {"Via", HeaderId::kVia},
    {"X-Forwarded-For", HeaderId::kXForwardedFor},
    {"X-Forwarded-Host", HeaderId::kXForwardedHost},
    {"X-Forwarded-Proto", HeaderId::kXForwardedProto},
    {"X-Request-Id", HeaderId::kXRequestId},
};

TEST(HeaderId, IsFoundInAnyCase) {
  for (const auto& [name, id] : kKnown) {
    EXPECT_EQ(headerIdOf(name), id) << name;
    EXPECT_EQ(headerIdOf(toLower(name)), id) << name;
    std::string upper = name;
    std::transform(upper.begin(), upper.end(), upper.begin(),
                   [](char c) { return c >= 'a' && c <= 'z' ? static_cast<char>(c - 32) : c; });
    EXPECT_EQ(headerIdOf(upper), id) << upper;
  }
}

TEST(HeaderId, IsOtherWhenOneByteDiffers) {
  for (const auto& [name, id] : kKnown) {
    const std::string text = name;
    for (std::size_t at = 0; at < text.size(); ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = text;
        changed[at] = static_cast<char>(byte);
        const HeaderId expected = equalsIgnoreCase(changed, text) ? id : HeaderId::kOther;
        ASSERT_EQ(headerIdOf(changed), expected) << text << " at " << at << ": " << byte;
      }
    }
    EXPECT_EQ(headerIdOf(text + "s"), HeaderId::kOther);
    EXPECT_EQ(headerIdOf(text.substr(1)), HeaderId::kOther);
  }
  EXPECT_EQ(headerIdOf(""), HeaderId::kOther);
  EXPECT_EQ(headerIdOf(std::string(300, 'a')), HeaderId::kOther);
}

TEST(Headers, FindCountSetAndRemoveWithoutCase) {
  Headers headers;
  headers.add("X-Signature", "1");
  headers.add("Host", "h");
  headers.add("x-signature", "2");
  EXPECT_EQ(headers.find("X-SIGNATURE"), "1");
  EXPECT_EQ(headers.find("host"), "h");
  EXPECT_EQ(headers.find(HeaderId::kHost), "h");
  EXPECT_EQ(headers.find("x-other"), std::nullopt);
  EXPECT_EQ(headers.count("X-signature"), 2u);
  headers.set("X-Signature", "3");
  EXPECT_EQ(headers.count("x-signature"), 1u);
  EXPECT_EQ(headers.find("x-signature"), "3");
  EXPECT_EQ(headers.remove(HeaderId::kHost), 1u);
  EXPECT_FALSE(headers.contains(HeaderId::kHost));
  EXPECT_EQ(headers.remove("x-signature"), 1u);
  EXPECT_TRUE(headers.empty());
}

TEST(Headers, RebaseMovesOnlyWhatLiesWithin) {
  const std::string from = "name: value";
  const std::string to = from;
  Headers headers;
  headers.add(std::string_view(from).substr(0, 4), std::string_view(from).substr(6));
  headers.add("own", "text");
  const char* const own = headers.begin()[1].name.data();
  headers.rebase(from, to.data());
  EXPECT_EQ(headers.begin()[0].name.data(), to.data());
  EXPECT_EQ(headers.begin()[0].value.data(), to.data() + 6);
  EXPECT_EQ(headers.begin()[1].name.data(), own);
}

TEST(Method, IsCaseSensitive) {
  for (const auto& [token, method] :
       {std::pair{"GET", Method::kGet}, std::pair{"HEAD", Method::kHead},
        std::pair{"POST", Method::kPost}, std::pair{"PUT", Method::kPut},
        std::pair{"DELETE", Method::kDelete}, std::pair{"PATCH", Method::kPatch},
        std::pair{"OPTIONS", Method::kOptions}, std::pair{"TRACE", Method::kTrace},
        std::pair{"CONNECT", Method::kConnect}, std::pair{"get", Method::kOther},
        std::pair{"GETT", Method::kOther}, std::pair{"", Method::kOther}}) {
    EXPECT_EQ(methodOf(token), method) << token;
  }
  EXPECT_TRUE(isIdempotent(Method::kPut));
  EXPECT_FALSE(isIdempotent(Method::kPost));
  EXPECT_FALSE(isIdempotent(Method::kOther));
}

TEST(Grammar, AcceptsOnlyFieldsThatCannotSplitAMessage) {
  EXPECT_TRUE(isFieldName("X-Edgehold-Group"));
  for (const char* const name : {"", "a b", "a:", "a\r", "-a", "\xc3\xa9"}) {
    EXPECT_FALSE(isFieldName(name)) << name;
  }
  EXPECT_TRUE(isFieldValue(""));
  EXPECT_TRUE(isFieldValue("a\tb \xc3\xa9"));
  for (const char* const value :
       {"a\r\nX: y", "a\n", "\ra", " a", "a\t", "\x7f", "0123456789abcde\x01"}) {
    EXPECT_FALSE(isFieldValue(value)) << value;
  }
  EXPECT_FALSE(isFieldValue(std::string(1, '\0')));
}

TEST(Grammar, FindsAControlByteAtEveryPlace) {
  for (std::size_t size = 1; size < 50; ++size) {
    for (std::size_t at = 0; at < size; ++at) {
      for (const char c : {'\0', '\x1f', '\n', '\r', '\x7f'}) {
        std::string text(size, '\xff');
        text[at] = c;
        ASSERT_EQ(findControl(text.data(), text.data() + size) - text.data(),
                  static_cast<std::ptrdiff_t>(at));
      }
    }
    const std::string clean(size, '\t');
    ASSERT_EQ(findControl(clean.data(), clean.data() + size), clean.data() + size);
  }
}

TEST(Grammar, FindsWhereANameEndsWhereverItStands) {
  const std::string clean = "X-Some_long.Name-0123456789-of-more-than-2-words";
  for (unsigned byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    for (std::size_t size = 1; size <= clean.size(); ++size) {
      for (std::size_t at = 0; at < size; ++at) {
        std::string text = clean.substr(0, size);
        text[at] = c;
        ASSERT_EQ(findNameEnd(text.data(), text.data() + size) - text.data(),
                  static_cast<std::ptrdiff_t>(isNameByte(c) ? size : at))
            << byte << " at " << at << " of " << size;
      }
    }
  }
}

std::string stripped(std::initializer_list<std::pair<const char*, const char*>> fields) {
  Headers headers;
  for (const auto& [name, value] : fields) headers.add(name, value);
  stripHopByHop(headers);
  std::string left;
  for (const Header& field : headers) left += std::string(field.name) + " ";
  return left;
}

TEST(HopByHop, RemovesWhatConcernsOneConnection) {
  EXPECT_EQ(stripped({{"Host", "h"},
                      {"Connection", "close"},
                      {"Keep-Alive", "1"},
                      {"Proxy-Connection", "close"},
                      {"Proxy-Authenticate", "x"},
                      {"proxy-authorization", "x"},
                      {"Proxy-Authentication-Info", "x"},
                      {"Proxy", "http://evil"},
                      {"HTTP2-Settings", "AAMAAABk"},
                      {"TE", "trailers"},
                      {"Trailer", "X"},
                      {"Transfer-Encoding", "chunked"},
                      {"Upgrade", "h2c"},
                      {"Accept", "a"}}),
            "Host Accept ");
}

TEST(HopByHop, RemovesWhatConnectionNames) {
  EXPECT_EQ(stripped({{"X-Hop", "1"},
                      {"Connection", "close, x-hop"},
                      {"HTTP2-Settings", "x"},
                      {"x-HOP", "2"},
                      {"X-Stays", "3"},
                      {"Connection", ",HTTP2-Settings ,"}}),
            "X-Stays ");
}

TEST(HopByHop, KeepsWhatOthersTrustEvenIfConnectionNamesIt) {
  for (const char* const name :
       {"Host", "Content-Length", "Content-Type", "Authorization", "Cookie", "Set-Cookie", "Origin",
        "Forwarded", "X-Forwarded-For", "X-Forwarded-Anything", "X-Real-IP", "X-Edgehold-Principal",
        "x-edgehold-new", "X-Request-Id", "X-OpenClaw-Agent"}) {
    EXPECT_EQ(stripped({{name, "v"}, {"Connection", name}}), std::string(name) + " ");
  }
}

TEST(HopByHop, IsBoundedByTheParser) {
  const auto parse = [](std::size_t names) {
    std::string head = "GET / HTTP/1.1\r\nHost: a\r\nConnection: close\r\nConnection: x";
    for (std::size_t i = 2; i < names; ++i) head += ",x";
    head += "\r\n\r\n";
    Http1RequestParser parser;
    return parser.parse(head).has_value();
  };
  EXPECT_TRUE(parse(limits::kConnectionOptionsMax));
  EXPECT_FALSE(parse(limits::kConnectionOptionsMax + 1));
}

}  // namespace
}  // namespace edgehold
