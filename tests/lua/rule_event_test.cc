// SPDX-License-Identifier: Apache-2.0
// What rules see of a server-sent event, and how they answer.
// Thread: one loop.
#include <gmock/gmock.h>

#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

SseEvent eventOf(std::string_view text, std::string_view type = "message",
                 std::string_view id = {}) {
  return {.raw = text, .type = type, .data = text, .id = id, .has_data = true};
}

class RuleEvent : public testing::Test {
 protected:
  // One rule for each body of on_sse_event(event, request).
  RuleFixture& use(const std::vector<std::string>& bodies,
                   const RuleBudgets& budgets = kPatientBudgets) {
    RuleFiles files;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      files.sources.push_back(
          {"rules/r" + number + ".lua", "return { id = \"r" + number +
                                            "\", on_sse_event = function(event, request) " +
                                            bodies[i] + "\nend }"});
    }
    fixture_ = std::make_unique<RuleFixture>(std::move(files), budgets);
    fixture_->newExchange();
    return *fixture_;
  }
  std::string say(const SseEvent& event = eventOf("hello")) {
    const auto verdict =
        fixture_->engine().evaluateEvent(fixture_->exchange(), event, fixture_->pool());
    if (!verdict) {
      return std::string(reasonCode(verdict.error().reason)) + ": " + verdict.error().message;
    }
    constexpr std::array<const char*, 4> kNames = {"allow", "deny", "hold", "cut"};
    const char* const name = kNames[static_cast<std::size_t>(verdict->kind)];
    return verdict->reason.empty() ? name : std::string(name) + ": " + std::string(verdict->reason);
  }

  std::unique_ptr<RuleFixture> fixture_;
};

TEST_F(RuleEvent, PassesIsDroppedOrEndsTheStream) {
  for (const char* const body : {"", "return nil", "return true", "return allow()"}) {
    use({body});
    EXPECT_EQ(say(), "allow") << body;
  }
  use({"return deny('no')"});
  EXPECT_EQ(say(), "deny: no");
  use({"return cut('stop')"});
  EXPECT_EQ(say(), "cut: stop");
}

TEST_F(RuleEvent, CannotBeHeldAndARequestCannotBeCut) {
  use({"return hold('wait')"});
  EXPECT_THAT(say(), StartsWith("rule_failed: rule `r1`: on_sse_event returned `hold`"));
  EXPECT_THAT(RuleFixture({"return cut('x')"}).say(),
              StartsWith("rule_failed: rule `r1`: check returned `cut`"));
  use({"return 5"});
  EXPECT_THAT(say(), HasSubstr("expected nothing, allow(), deny() or cut()"));
}

TEST_F(RuleEvent, ShowsWhatAClientWouldSee) {
  use({"return deny(event.type .. '|' .. event.data .. '|' .. tostring(event.id))"});
  EXPECT_EQ(say(eventOf("a\nb")), "deny: message|a\nb|nil");
  EXPECT_EQ(say(eventOf("", "x", "7")), "deny: x||7");
  use({"return event.nothing"});
  EXPECT_THAT(say(), HasSubstr("event has no field `nothing`"));
  use({"event.data = 'x'"});
  EXPECT_THAT(say(), StartsWith("rule_failed"));
  use({"return deny(request.path)"});
  EXPECT_EQ(say(), "deny: /hook");
}

TEST_F(RuleEvent, ReadsItsDataAsJson) {
  use({"return deny(event.json.a[2] .. event.json.a[2])"});
  EXPECT_EQ(say(eventOf("{\"a\":[1,\"two\"]}")), "deny: twotwo");
  EXPECT_THAT(say(eventOf("[DONE]")), StartsWith("json_invalid: "));
  EXPECT_THAT(say(eventOf("{\"a\":1,\"a\":2}")), StartsWith("json_invalid: "));
  use({"if event.json_error then return deny('no json') end return deny(tostring(event.json))"});
  EXPECT_EQ(say(eventOf("[DONE]")), "deny: no json");
  EXPECT_EQ(say(eventOf("5")), "deny: 5");
}

TEST_F(RuleEvent, AsksEveryRuleUntilOneSaysNo) {
  use({"", "return deny('second')", "return cut('third')"});
  EXPECT_EQ(say(), "deny: second");
  EXPECT_EQ(fixture_->engine().costs()[1].denies, 1u);
  EXPECT_EQ(fixture_->engine().costs()[2].calls, 0u);
}

TEST_F(RuleEvent, AsksOnlyRulesThatLookAtEvents) {
  RuleFixture requests({"return deny('never')"});
  requests.newExchange();
  EXPECT_FALSE(requests.rules().asks(RuleEntry::kSseEvent));
  EXPECT_TRUE(requests.rules().asks(RuleEntry::kCheck));
  const auto verdict =
      requests.engine().evaluateEvent(requests.exchange(), eventOf("x"), requests.pool());
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, RuleVerdict::Kind::kAllow);
  use({"return deny('never')"});
  EXPECT_TRUE(fixture_->rules().asks(RuleEntry::kSseEvent));
  EXPECT_EQ(fixture_->say(), "allow") << "of a request";
}

TEST_F(RuleEvent, LeavesNothingInTheExchange) {
  use({"set_fact('action', 'x')"});
  EXPECT_THAT(say(), HasSubstr("only while a request is checked"));
  use({"tag('a', 'b')"});
  EXPECT_THAT(say(), HasSubstr("only while a request is checked"));
}

TEST_F(RuleEvent, IsDeadAfterItsCall) {
  use({"if kept then return deny(kept.data) end kept = event"});
  EXPECT_THAT(say(), StartsWith("rule_failed")) << "no globals";
  RuleFiles files;
  files.sources.push_back({"rules/r.lua",
                           "local kept return { id = 'r', on_sse_event = function(event) "
                           "if kept then return deny(kept.data) end kept = event end }"});
  RuleFixture fixture(std::move(files));
  fixture.newExchange();
  const SseEvent event = eventOf("x");
  EXPECT_TRUE(fixture.engine().evaluateEvent(fixture.exchange(), event, fixture.pool()));
  const auto again = fixture.engine().evaluateEvent(fixture.exchange(), event, fixture.pool());
  ASSERT_FALSE(again);
  EXPECT_THAT(again.error().message, HasSubstr("belongs to a request that is over"));
}

TEST_F(RuleEvent, HasTheBudgetOfARule) {
  use({"while true do pcall(error) end"}, {.wall = std::chrono::seconds(60)});
  EXPECT_THAT(say(), StartsWith("rule_budget_exceeded"));
  EXPECT_THAT(say(), StartsWith("rule_budget_exceeded"));
  use({"local s = event.data while true do s = s .. s end"});
  EXPECT_THAT(say(eventOf(std::string_view("0123456789"))), StartsWith("rule_budget_exceeded"));
}

TEST_F(RuleEvent, IsAFunctionOrNotThere) {
  const auto load = [](const char* fields) {
    return RuleSet::fromSources(
        {{"rules/r.lua", std::string("return { id = 'r', ") + fields + "}"}});
  };
  EXPECT_TRUE(load("on_sse_event = function() end"));
  EXPECT_TRUE(load("check = function() end, on_sse_event = function() end"));
  EXPECT_FALSE(load("on_sse_event = 5"));
  EXPECT_FALSE(load("check = function() end, on_sse_event = {}"));
  EXPECT_FALSE(load("on_sse_events = function() end"));
  EXPECT_FALSE(load("phase = 'request'"));
}

}  // namespace
}  // namespace edgehold
