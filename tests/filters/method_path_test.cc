// SPDX-License-Identifier: Apache-2.0
// The laws of method_path and of path patterns.
// Thread: main only.
#include <gtest/gtest.h>

#include "filters/grammar.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

TEST(MethodPath, RefusesOtherMethodsAndSaysWhichThereAre) {
  ExchangeFixture f;
  f.add("method_path", "{methods: [POST, GET]}");
  EXPECT_EQ(f.send({.method = "POST"})->reason(), Reason::kAllowed);
  EXPECT_EQ(f.send({.method = "HEAD"})->reason(), Reason::kAllowed);
  const auto refused = f.send({.method = "DELETE"});
  EXPECT_EQ(refused->reason(), Reason::kMethodNotAllowed);
  EXPECT_EQ(refused->verdict->status(), 405);
  EXPECT_EQ(refused->replyHeader("Allow"), "POST, GET, HEAD");
}

TEST(MethodPath, TakesMethodsCaseSensitively) {
  ExchangeFixture f;
  f.add("method_path", "{methods: [POST]}");
  EXPECT_EQ(f.send({.method = "post"})->reason(), Reason::kMethodNotAllowed);
  EXPECT_EQ(f.send({.method = "POSTX"})->reason(), Reason::kMethodNotAllowed);
}

TEST(MethodPath, HidesOtherPaths) {
  ExchangeFixture f;
  f.add("method_path", "{methods: [POST], paths: [/hook, \"/v1/{bot}/events\"]}");
  EXPECT_EQ(f.send({.target = "/hook?x=1"})->reason(), Reason::kAllowed);
  EXPECT_EQ(f.send({.target = "/v1/7/events"})->reason(), Reason::kAllowed);
  const auto hidden = f.send({.method = "DELETE", .target = "/admin"});
  EXPECT_EQ(hidden->reason(), Reason::kRouteNotFound) << "not 405: that would say it is there";
  EXPECT_EQ(hidden->verdict->status(), 404);
}

TEST(MethodPath, RefusesMistakesInItsConfiguration) {
  ExchangeFixture f;
  for (const std::string_view config :
       {"{}", "{methods: [post]}", "{methods: [\"PO ST\"]}", "{paths: [hook]}",
        "{paths: [\"/a/{b}c\"]}", "{paths: [\"/a*\"]}", "{paths: [\"/**/a\"]}"}) {
    f.add("method_path", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

struct PathCase {
  std::string_view pattern, path;
  bool matches;
};

TEST(PathPattern, MatchesSegmentBySegment) {
  const PathCase cases[] = {
      {"/", "/", true},          {"/", "/a", false},
      {"/a", "/a", true},        {"/a", "/a/", true},
      {"/a/", "/a", true},       {"/a", "/a/b", false},
      {"/a", "/ab", false},      {"/a", "/A", false},
      {"/a", "/", false},        {"/a", "/a//", false},
      {"/a/b", "/a", false},     {"/{x}", "/a", true},
      {"/{x}", "/", false},      {"/{x}/b", "/a/b", true},
      {"/{x}/b", "//b", false},  {"/{x}/b", "/a/c/b", false},
      {"/**", "/", true},        {"/**", "/a/b/c", true},
      {"/a/**", "/a", true},     {"/a/**", "/a/", true},
      {"/a/**", "/a/b/c", true}, {"/a/**", "/ab", false},
      {"/**", "*", false},       {"/a", "*", false},
  };
  for (const PathCase& one : cases) {
    const auto pattern = PathPattern::parse(one.pattern);
    ASSERT_TRUE(pattern.has_value()) << one.pattern;
    EXPECT_EQ(pattern->matches(one.path), one.matches) << one.pattern << " on " << one.path;
  }
}

TEST(Timestamp, IsDecimalAndBounded) {
  EXPECT_EQ(parseTimestamp("1700000000", TimeUnit::kSeconds), 1'700'000'000'000);
  EXPECT_EQ(parseTimestamp("1700000000123", TimeUnit::kMilliseconds), 1'700'000'000'123);
  EXPECT_EQ(parseTimestamp("0", TimeUnit::kSeconds), 0);
  for (const std::string_view text :
       {"", "-1", "+1", " 1", "1 ", "1.5", "0x10", "1e9", "123456789012", "\xD9\xA1"}) {
    EXPECT_FALSE(parseTimestamp(text, TimeUnit::kSeconds).has_value()) << text;
  }
  EXPECT_FALSE(parseTimestamp("123456789012345", TimeUnit::kMilliseconds).has_value());
}

}  // namespace
}  // namespace edgehold
