// SPDX-License-Identifier: Apache-2.0
// `state` in rules: what is asked of the memory behind it, and the bounds of that.
// Thread: one loop.
#include <gmock/gmock.h>

#include "lua/runtime/test_memory.h"
#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using namespace std::chrono_literals;

class FakeMemory final : public RuleMemory {
 public:
  Taken take(std::string_view rule, std::string_view key, const Rate& rate) override {
    asked.push_back(
        std::string(rule) + " " + std::string(key) + " " + std::to_string(rate.tokens) + "/" +
        std::to_string(std::chrono::duration_cast<std::chrono::seconds>(rate.period).count()));
    return answer;
  }
  std::vector<std::string> asked;
  Taken answer{true, 7};
};

std::string sayWith(FakeMemory& memory, const std::string& body) {
  RuleFixture fixture({body});
  fixture.newExchange();
  const auto verdict = fixture.engine().evaluate(fixture.exchange(), fixture.pool(), &memory);
  return verdict ? std::string(verdict->reason) : verdict.error().message;
}

TEST(RuleMemory, TakesFromTheRulesOwnKeys) {
  FakeMemory memory;
  EXPECT_EQ(sayWith(memory,
                    "local ok, left = state.take('mail ann', 5, '1m') "
                    "return deny(tostring(ok) .. left)"),
            "true7");
  memory.answer = {};
  EXPECT_EQ(sayWith(memory, "return deny(tostring(state.once('mail ann', 90)))"), "false");
  EXPECT_THAT(memory.asked, testing::ElementsAre("r1 mail ann 5/60", "r1 mail ann 1/90"));
}

TEST(RuleMemory, RefusesWhatIsOutOfBounds) {
  FakeMemory memory;
  for (const char* const use :
       {"state.take('', 1, '1m')", "state.take(('x'):rep(257), 1, '1m')", "state.take(5, 1, '1m')",
        "state.take('k', 0, '1m')", "state.take('k', -1, '1m')", "state.take('k', 1.5, '1m')",
        "state.take('k', 1000001, '1m')", "state.take('k', 1, '25h')", "state.take('k', 1, 0)",
        "state.take('k', 1)", "state.take('k', 1, 'soon')", "state.once('k')",
        "state.once('k', '1w')", "state.take()", "state.take('k', '5', '1m')"}) {
    EXPECT_THAT(sayWith(memory, use), HasSubstr("rules/r1.lua:1: ")) << use;
  }
  EXPECT_TRUE(memory.asked.empty());
  EXPECT_EQ(sayWith(memory, "state.take(('x'):rep(256), 1000000, '24h')"), "");
}

TEST(RuleMemory, IsUsedABoundedNumberOfTimesInOneCall) {
  FakeMemory memory;
  static_assert(limits::kRuleStateCallsMax == 16);
  EXPECT_EQ(sayWith(memory, "for i = 1, 16 do state.once('k', 1) end"), "");
  EXPECT_THAT(sayWith(memory, "for i = 1, 17 do state.once('k', 1) end"),
              HasSubstr("at most 16 uses"));
  memory.asked.clear();
  EXPECT_THAT(sayWith(memory, "while true do pcall(state.once, 'k', 1) end"),
              HasSubstr("instruction budget is spent"));
  EXPECT_EQ(memory.asked.size(), 16u);
}

TEST(TestMemory, FollowsTheClockOfItsRequests) {
  TestMemory memory;
  const RuleMemory::Rate rate{3, 60s};
  memory.setNow(1000s);
  EXPECT_EQ(memory.take("r", "k", rate).remaining, 2u);
  EXPECT_EQ(memory.take("r", "k", rate).remaining, 1u);
  EXPECT_EQ(memory.take("r", "k", rate).remaining, 0u);
  EXPECT_FALSE(memory.take("r", "k", rate).is_taken);
  EXPECT_TRUE(memory.take("other", "k", rate).is_taken);
  memory.setNow(1020s);
  EXPECT_TRUE(memory.take("r", "k", rate).is_taken);
  EXPECT_FALSE(memory.take("r", "k", rate).is_taken);
  memory.setNow(2000s);
  EXPECT_EQ(memory.take("r", "k", rate).remaining, 2u);
}

TEST(TestMemory, SaysWhatATestSets) {
  TestMemory memory;
  memory.setLeft("k", 1);
  EXPECT_EQ(memory.take("r", "k", {100, 60s}).remaining, 0u);
  EXPECT_FALSE(memory.take("r", "k", {100, 60s}).is_taken);
  memory.clear();
  EXPECT_TRUE(memory.take("r", "k", {100, 60s}).is_taken);
}

}  // namespace
}  // namespace edgehold
