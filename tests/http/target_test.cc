// SPDX-License-Identifier: Apache-2.0
// Request targets and authorities: one spelling each.
// Thread: main only.
#include "proxy/http/target.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// "path|query" or "path" when there is none, or the reason of the refusal.
std::string parsed(const std::string& text, Method method = Method::kGet) {
  const auto result = parseTarget(text, method);
  if (!result) return std::string(reasonCode(result.error().reason));
  const Target& target = result->target;
  return std::string(target.path) + (target.has_query ? "|" + std::string(target.query) : "");
}

TEST(Target, TakesCanonicalPathsAndQueriesAsTheyStand) {
  EXPECT_EQ(parsed("/"), "/");
  EXPECT_EQ(parsed("/?"), "/|");
  EXPECT_EQ(parsed("/a/b/"), "/a/b/");
  EXPECT_EQ(parsed("/a.b/..c/.d/e./...?f=../g//h"), "/a.b/..c/.d/e./...|f=../g//h");
  EXPECT_EQ(parsed("/-_~!$&'()*+,=:@"), "/-_~!$&'()*+,=:@");
  EXPECT_EQ(parsed("/a?b;c=d;%3B%253B"), "/a|b;c=d;%3B%253B");
  EXPECT_EQ(parsed("/a?b?c/d:@%2F%5C%2e%61%0A+"), "/a|b?c/d:@%2F%5C%2e%61%0A+");
  EXPECT_EQ(parsed("/%E4%BD%A0%F0%9F%98%80%20%3A%25"), "/%E4%BD%A0%F0%9F%98%80%20%3A%25");
  EXPECT_EQ(parsed("/a?q=%e4%bd%a0"), "/a|q=%e4%bd%a0");
}

TEST(Target, RefusesEverySecondSpelling) {
  const char* const refused[] = {
      "",
      "a",
      "?a",
      "//",
      "//a",
      "/a//b",
      "/.",
      "/..",
      "/./",
      "/../",
      "/a/..",
      "/a/../b",
      "/a/.?b",
      "/a/..?b",
      "/..;/b",
      "/..%3B/b",
      "/..%20/b",
      "/.%20./b",
      "/.;x/b",
      "/a;b=c",
      "/a;b/c",
      "/a;",
      "/;",
      "/;/a",
      "/a;?b",
      "/a%3Bb",
      "/a%3bb",
      "/%3B",
      "/a%253Bb",
      "http://h/a;b",
      "/%2e",
      "/%2E%2E/",
      "/.%2e/",
      "/%2e./a",
      "/a%2fb",
      "/a%2Fb",
      "/a%5cb",
      "/a%5Cb",
      "/a\\b",
      "/a#b",
      "/a?b#c",
      "/%00",
      "/a?%00",
      "/%0A",
      "/%7F",
      "/%61",
      "/%7E",
      "/%2D",
      "/%5F",
      "/%30",
      "/%",
      "/%4",
      "/%g0",
      "/%0g",
      "/a?%",
      "/a?%zz",
      "/a?b=%4",
      "/%c3%a9",
      "/%C3",
      "/%C3/",
      "/%C3%28",
      "/%A9",
      "/%C0%AF",
      "/%C1%9C",
      "/%E0%80%AF",
      "/%F0%80%80%AF",
      "/%ED%A0%80",
      "/%F4%90%80%80",
      "/%FF",
      "/a?%C0%AF",
      "/a?%FF",
      "/%252e",
      "/%252F",
      "/%255c",
      "/%2500",
      "/%25252e",
      "/a b",
      "/a\tb",
      "/a\x7f",
      "/\xc3\xa9",
      "/a?\xc3\xa9",
      "/a\"b",
      "/a<b",
      "/a>b",
      "/a[b",
      "/a^b",
      "/a`b",
      "/a{b}",
      "/a|b",
      "/a?b|c",
      "*",
      "*a",
      "http://",
      "http://a",
      "http://a?b",
      "http://a#b",
      "http:///a",
      "http://u@a/",
      "http://a:/",
      "http://a//",
      "ftp://a/",
      "HTTP:/a/",
      "http://a/../b",
      "http://a b/",
  };
  for (const char* const text : refused) {
    EXPECT_EQ(parsed(text), "target_not_canonical") << text;
  }
}

TEST(Target, RefusesEveryRawByteThatUrisDoNotHave) {
  const std::string allowed =
      "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789-._~!$&'()*+,=:@/?";
  for (int byte = 0; byte < 256; ++byte) {
    const char c = static_cast<char>(byte);
    const bool is_allowed = c != '\0' && allowed.find(c) != std::string::npos;
    EXPECT_EQ(parseTarget(std::string("/a") + c + "b", Method::kGet).has_value(), is_allowed)
        << byte;
    EXPECT_EQ(parseTarget(std::string("/?a") + c, Method::kGet).has_value(), is_allowed || c == ';')
        << byte;
  }
}

TEST(Target, TakesTheAsteriskForOptionsOnly) {
  EXPECT_EQ(parsed("*", Method::kOptions), "*");
  EXPECT_EQ(parsed("*", Method::kPost), "target_not_canonical");
}

TEST(Target, RefusesConnect) { EXPECT_EQ(parsed("a:443", Method::kConnect), "method_not_allowed"); }

TEST(Target, GivesTheAuthorityOfTheAbsoluteForm) {
  const auto result = parseTarget("HTTPS://Example.org:8443/a?b", Method::kGet);
  ASSERT_TRUE(result);
  EXPECT_EQ(result->authority, "Example.org:8443");
  EXPECT_EQ(result->target.text, "/a?b");
  EXPECT_EQ(parseTarget("/a", Method::kGet)->authority, "");
}

TEST(Target, BoundsItsLength) {
  EXPECT_EQ(parsed("/" + std::string(limits::kTargetBytesMax - 1, 'a')).size(),
            limits::kTargetBytesMax);
  EXPECT_EQ(parsed("/" + std::string(limits::kTargetBytesMax, 'a')), "target_too_long");
}

TEST(Authority, TakesNamesAddressesAndPorts) {
  for (const char* const text : {"a", "a.b-c.d", "my_service:80", "127.0.0.1", "127.0.0.1:65535",
                                 "[::1]", "[2001:DB8::1]:443", "[::ffff:1.2.3.4]"}) {
    EXPECT_TRUE(isValidAuthority(text)) << text;
  }
}

TEST(Authority, RefusesEverythingElse) {
  for (const char* const text : {"",        ":",           ":80",
                                 "a:",      "a:0",         "a:080",
                                 "a:65536", "a:+1",        "a:80:80",
                                 "a.",      ".a",          "a..b",
                                 "a b",     "u@a",         "a/b",
                                 "a%2eb",   "a,b",         "a;b",
                                 "a\t",     "\xc3\xa9",    "[::1",
                                 "::1",     "[]",          "[a]",
                                 "[::1]a",  "[::1]:",      "[fe80::1%eth0]",
                                 "[v1.x]",  "[127.0.0.1]", "[1::2::3]"}) {
    EXPECT_FALSE(isValidAuthority(text)) << text;
  }
  EXPECT_FALSE(isValidAuthority(std::string_view("[::1\0]", 6)));
  EXPECT_TRUE(isValidAuthority(std::string(253, 'a')));
  EXPECT_FALSE(isValidAuthority(std::string(254, 'a')));
}

TEST(Authority, ComparesWithoutCase) {
  EXPECT_TRUE(isSameAuthority("A.b:1", "a.B:1"));
  EXPECT_FALSE(isSameAuthority("a", "a:80"));
}

}  // namespace
}  // namespace edgehold
