// SPDX-License-Identifier: Apache-2.0
// When a rule is not run any more, what becomes of its requests, and how it comes back.
// Thread: one loop.
#include <gmock/gmock.h>

#include "tests/lua/rule_fixture.h"
#include "tests/support/fake_clock.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::StartsWith;
using namespace std::chrono_literals;

constexpr RuleQuarantine kTerms{.after = 3, .cooling = 60s};
constexpr const char* kMoody =
    "return { id = 'moody', check = function(request) "
    "if request.path == '/bad' then while true do end end return deny('ran') end }";

// Two workers with the same rules. The clock stands still while a rule runs: instructions end it.
class TwoWorkers {
 public:
  TwoWorkers() { load(kMoody); }

  void load(const std::string& text, const RuleBudgets& budgets = {}) {
    rules_ = *RuleSet::fromSources({{"rules/moody.lua", text}}, budgets, kTerms);
  }
  std::string ask(RuleEngines& worker, std::string_view path) {
    Exchange exchange;
    exchange.request.method_token = "POST";
    exchange.request.target.path = path;
    const auto verdict = worker.engineFor(rules_).evaluate(exchange, pool_);
    if (verdict) return std::string(verdict->reason);
    EXPECT_EQ(worker.engineFor(rules_).failedRule(), "moody");
    return std::string(reasonCode(verdict.error().reason));
  }
  void quarantine() {
    for (int i = 0; i < 3; ++i) EXPECT_EQ(ask(first, "/bad"), "rule_budget_exceeded");
  }
  const RuleRecord& record() { return *watch.records().at(0); }

  FakeClock clock;
  RuleWatch watch;
  RuleEngines first{clock, watch};
  RuleEngines second{clock, watch};

 private:
  FakeRandom random_;
  JsonPool pool_{random_};
  std::shared_ptr<const RuleSet> rules_;
};

TEST(RuleQuarantine, BeginsAfterSoManyInARowAndHoldsForAllWorkers) {
  TwoWorkers w;
  EXPECT_EQ(w.ask(w.first, "/bad"), "rule_budget_exceeded");
  EXPECT_EQ(w.ask(w.second, "/bad"), "rule_budget_exceeded");
  EXPECT_FALSE(w.record().isQuarantined());
  EXPECT_EQ(w.ask(w.first, "/bad"), "rule_budget_exceeded");
  EXPECT_TRUE(w.record().isQuarantined());
  EXPECT_EQ(w.ask(w.first, "/good"), "rule_quarantined");
  EXPECT_EQ(w.ask(w.second, "/good"), "rule_quarantined");
  EXPECT_EQ(w.record().quarantines(), 1u);
  EXPECT_EQ(w.record().cooling(w.clock.now()), 60s);
}

TEST(RuleQuarantine, IsNotForCallsThatAreNotInARow) {
  TwoWorkers w;
  for (int i = 0; i < 10; ++i) {
    EXPECT_EQ(w.ask(w.first, "/bad"), "rule_budget_exceeded");
    EXPECT_EQ(w.ask(w.first, "/bad"), "rule_budget_exceeded");
    EXPECT_EQ(w.ask(w.second, "/good"), "ran");
  }
  EXPECT_FALSE(w.record().isQuarantined());
}

// A request that a rule cannot read is the sender's fault: no sender may take a rule away.
TEST(RuleQuarantine, IsNotForRulesThatFailWithinTheirBudget) {
  TwoWorkers w;
  w.load("return { id = 'moody', check = function(request) error('x') end }");
  for (int i = 0; i < 10; ++i) EXPECT_EQ(w.ask(w.first, "/"), "rule_failed");
}

TEST(RuleQuarantine, LetsOneTryThroughAfterCoolingDown) {
  TwoWorkers w;
  w.quarantine();
  w.clock.advance(60s - 1ns);
  EXPECT_EQ(w.ask(w.second, "/good"), "rule_quarantined");
  w.clock.advance(1ns);
  EXPECT_EQ(w.ask(w.second, "/bad"), "rule_budget_exceeded");
  EXPECT_EQ(w.ask(w.first, "/good"), "rule_quarantined");
  w.clock.advance(60s);
  EXPECT_EQ(w.ask(w.first, "/good"), "ran");
  EXPECT_FALSE(w.record().isQuarantined());
  EXPECT_EQ(w.ask(w.second, "/good"), "ran");
  // The row starts anew, and the alarm counts again.
  w.quarantine();
  EXPECT_TRUE(w.record().isQuarantined());
  EXPECT_EQ(w.record().quarantines(), 2u);
}

TEST(RuleQuarantine, ATryThatIsUnderWayIsTheOnlyOne) {
  RuleRecord record("r");
  const Instant start{1000h};
  for (int i = 0; i < 3; ++i) record.ended(record.ask(kTerms, start), true, kTerms, start);
  EXPECT_EQ(record.ask(kTerms, start), RuleRecord::Permit::kRefused);
  const Instant later = start + 60s;
  EXPECT_EQ(record.ask(kTerms, later), RuleRecord::Permit::kProbe);
  EXPECT_EQ(record.ask(kTerms, later), RuleRecord::Permit::kRefused);
  // A call that began before the quarantine and ends now does not end it.
  record.ended(RuleRecord::Permit::kRun, false, kTerms, later);
  EXPECT_TRUE(record.isQuarantined());
  record.ended(RuleRecord::Permit::kProbe, false, kTerms, later);
  EXPECT_FALSE(record.isQuarantined());
}

TEST(RuleQuarantine, OutlivesAReloadOfTheSameRule) {
  TwoWorkers w;
  w.quarantine();
  w.load(kMoody);
  EXPECT_EQ(w.ask(w.first, "/good"), "rule_quarantined");
  EXPECT_EQ(w.ask(w.second, "/good"), "rule_quarantined");
}

TEST(RuleQuarantine, EndsWithAChangeOfTheRuleOrItsBudget) {
  TwoWorkers w;
  w.quarantine();
  w.load(std::string("-- mended\n") + kMoody);
  EXPECT_EQ(w.ask(w.first, "/good"), "ran");
  TwoWorkers v;
  v.quarantine();
  v.load(kMoody, {.instructions = 300'000});
  EXPECT_EQ(v.ask(v.first, "/good"), "ran");
}

TEST(RuleQuarantine, SparesTheOtherRulesOfTheSet) {
  FakeClock clock;
  RuleWatch watch;
  RuleEngines engines(clock, watch);
  FakeRandom random;
  JsonPool pool(random);
  const auto rules = *RuleSet::fromSources(
      {{"rules/a.lua",
        "return { id = 'a', check = function(request) "
        "if request.method == 'GET' then return deny('a') end end }"},
       {"rules/b.lua", "return { id = 'b', check = function() while true do end end }"}},
      {}, kTerms);
  const auto say = [&](std::string_view method) {
    Exchange exchange;
    exchange.request.method_token = method;
    exchange.request.target.path = "/";
    const auto verdict = engines.engineFor(rules).evaluate(exchange, pool);
    return verdict ? std::string(verdict->rule) : verdict.error().message;
  };
  for (int i = 0; i < 3; ++i) EXPECT_THAT(say("POST"), HasSubstr("budget is spent"));
  EXPECT_THAT(say("POST"), StartsWith("rule `b`: in quarantine"));
  EXPECT_EQ(say("GET"), "a");
}

TEST(RuleWatch, RemembersABoundedNumberOfRulesAndForgetsUnusedOnes) {
  RuleWatch watch;
  const auto kept = watch.recordOf("kept", "kept");
  for (std::size_t i = 0; i < limits::kRulesWatchedMax + 10; ++i) {
    watch.recordOf("x", std::to_string(i));
  }
  EXPECT_EQ(watch.records().size(), 1u);
  EXPECT_EQ(watch.recordOf("kept", "kept"), kept);
  std::vector<std::shared_ptr<RuleRecord>> held;
  for (std::size_t i = 0; i < limits::kRulesWatchedMax; ++i) {
    held.push_back(watch.recordOf("y", "y" + std::to_string(i)));
  }
  EXPECT_EQ(watch.records().size(), limits::kRulesWatchedMax);
  EXPECT_NE(watch.recordOf("z", "z"), nullptr);
  EXPECT_EQ(watch.records().size(), limits::kRulesWatchedMax);
}

}  // namespace
}  // namespace edgehold
