// SPDX-License-Identifier: Apache-2.0
// regex.match: what it finds, what it refuses, and that its work is charged.
// Thread: one loop.
#include <gmock/gmock.h>

#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;

std::string said(const std::string& expression) {
  return RuleFixture({"return deny(tostring(" + expression + "))"}).say();
}

TEST(Regex, GivesTheMatchItsGroupsOrNil) {
  EXPECT_EQ(said("regex.match('see http://x.y', 'https?://[a-z.]+')"), "deny: http://x.y");
  EXPECT_EQ(said("regex.match('abc', 'd')"), "deny: nil");
  EXPECT_EQ(said("regex.match(nil, 'd')"), "deny: nil");
  EXPECT_EQ(said("select(2, regex.match('k=v', '(k)=(v)'))"), "deny: v");
  EXPECT_EQ(said("select('#', regex.match('k=v', '(k)=(v)'))"), "deny: 2");
  EXPECT_EQ(said("regex.match('b', '(a)?b') == ''"), "deny: true");
  EXPECT_EQ(said("regex.match('', '') == ''"), "deny: true");
  EXPECT_EQ(said("regex.match('straße', '(?i)STRA.E')"), "deny: straße");
  EXPECT_EQ(said("regex.match('a\\0b', 'a.b') ~= nil"), "deny: true");
}

TEST(Regex, RefusesWhatIsNoPattern) {
  for (const char* const pattern : {"(", "[", "*", "(?<=a)b", "a{1001}"}) {
    EXPECT_THAT(said(std::string("regex.match('a', '") + pattern + "')"),
                HasSubstr("rules/r1.lua:1: regex.match: "))
        << pattern;
  }
  EXPECT_THAT(said("regex.match('a', ('(a)'):rep(17))"), HasSubstr("more than 16 groups"));
  EXPECT_EQ(said("regex.match(('a'):rep(16), ('(a)'):rep(16))"), "deny: a");
  EXPECT_THAT(said("regex.match(5, 'a')"), HasSubstr("string expected"));
}

TEST(Regex, CompilesABoundedNumberOfPatterns) {
  RuleFixture fixture(
      {"for i = 1, request.json.n do regex.match('x', 'x' .. i) end return deny('ran')"},
      {.instructions = 10'000'000, .wall = std::chrono::seconds(60)});
  static_assert(limits::kRulePatternsMax == 64);
  EXPECT_EQ(fixture.say(R"({"n":64})"), "deny: ran");
  EXPECT_EQ(fixture.say(R"({"n":64})"), "deny: ran");
  EXPECT_THAT(fixture.say(R"({"n":65})"), HasSubstr("more than 64 patterns"));
}

// The charge is the length of the text times the size of the pattern, however fast RE2 was.
TEST(Regex, IsChargedByTextAndPattern) {
  RuleFixture fixture({"regex.match('x', 'a+b') regex.match(('a'):rep(request.json.n), 'a+b')"});
  const auto costOf = [&](const char* body) {
    const std::uint64_t before = fixture.engine().costs()[0].instructions;
    EXPECT_EQ(fixture.say(body), "allow");
    return fixture.engine().costs()[0].instructions - before;
  };
  costOf(R"({"n":1})");  // compiles
  const std::uint64_t small = costOf(R"({"n":1000})");
  const std::uint64_t large = costOf(R"({"n":10000})");
  EXPECT_GT(large, small + 9000 / 8 * 4);
  EXPECT_THAT(fixture.say(R"({"n":1000000})"), HasSubstr("instruction budget is spent"));
}

}  // namespace
}  // namespace edgehold
