// SPDX-License-Identifier: Apache-2.0
// Rules that take longer than a slice: they pause, others run meanwhile, and nothing else about
// them changes. Time passes with every look at the clock, so what a slice holds does not depend on
// the machine. Thread: one loop.
#include <gmock/gmock.h>

#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::StartsWith;
using Pace = RuleRun::Pace;

class TickingClock final : public Clock {
 public:
  Instant now() const override { return now_ += 100us; }
  WallTime wallNow() const override { return WallTime(now_.time_since_epoch()); }
  void advance(Duration by) { now_ += by; }

 private:
  mutable Instant now_{1h};
};

class CountingMemory final : public RuleMemory {
 public:
  Taken take(std::string_view, std::string_view, const Rate&) override { return {true, ++uses}; }
  std::uint64_t uses = 0;
};

// Several exchanges of one engine.
class Slices {
 public:
  struct Ask {
    explicit Ask(std::string_view path, std::string_view json = "{}") {
      exchange.request.method_token = "POST";
      exchange.request.target.path = path;
      exchange.body.append(json);
      exchange.is_body_complete = true;
    }
    Exchange exchange;
    CountingMemory memory;
    std::optional<RuleRun> run;
  };

  // Bodies of check functions. `work(n)` takes 2n instructions and more.
  explicit Slices(const std::vector<std::string>& bodies,
                  const RuleBudgets& budgets = {.instructions = 1'000'000, .wall = 60s},
                  RuleWatch* watch = nullptr) {
    std::vector<RuleSource> sources;
    for (const std::string& body : bodies) {
      const std::string id = "r" + std::to_string(sources.size() + 1);
      sources.push_back({"rules/" + id + ".lua",
                         "local function work(n) local x = 0 for i = 1, n do x = x + i end end "
                         "return { id = '" +
                             id + "', check = function(request) " + body + " end }"});
    }
    rules_ =
        RuleSet::fromSources(std::move(sources), budgets, {.after = 1, .cooling = 60s}).value();
    engine.emplace(*rules_, clock, watch);
  }

  // One slice of it.
  std::optional<std::string> step(Ask& ask) {
    if (!ask.run) ask.run.emplace(engine->start(ask.exchange, pool_, &ask.memory));
    auto verdict = ask.run->goOn(Pace::kInSlices);
    if (!verdict) return std::nullopt;
    ask.run.reset();
    if (!*verdict)
      return std::string(reasonCode(verdict->error().reason)) + ": " + verdict->error().message;
    if ((*verdict)->kind == RuleVerdict::Kind::kAllow) return "allow";
    const bool is_hold = (*verdict)->kind == RuleVerdict::Kind::kHold;
    return (is_hold ? "hold: " : "deny: ") + std::string((*verdict)->reason);
  }
  // To its end; `slices` says how many there were.
  std::string finish(Ask& ask) {
    for (slices = 1; slices < 100'000; ++slices) {
      if (auto said = step(ask)) return *said;
    }
    return "no end";
  }
  JsonPool& pool() { return pool_; }

  TickingClock clock;
  std::optional<RuleEngine> engine;
  int slices = 0;

 private:
  FakeRandom random_;
  JsonPool pool_{random_};
  std::shared_ptr<const RuleSet> rules_;
};

TEST(RuleSlice, HoldsAShortRuleWhole) {
  Slices s({"work(10) return deny('quick')"});
  Slices::Ask ask("/");
  EXPECT_EQ(s.finish(ask), "deny: quick");
  EXPECT_EQ(s.slices, 1);
  EXPECT_EQ(s.engine->idlePrograms(), 1u);
}

TEST(RuleSlice, EndsAndTheRuleGoesOnInTheNext) {
  Slices s({"work(10000) return deny('after ' .. request.path)"});
  Slices::Ask ask("/long");
  EXPECT_EQ(s.step(ask), std::nullopt);
  EXPECT_EQ(s.engine->paused(), 1u);
  EXPECT_EQ(s.finish(ask), "deny: after /long");
  EXPECT_GT(s.slices, 5);
  EXPECT_EQ(s.engine->paused(), 0u);
  EXPECT_EQ(s.engine->costs()[0].calls, 1u);
  EXPECT_GE(s.engine->costs()[0].instructions, 20'000u);
}

TEST(RuleSlice, IsSharedByAllRulesOfARequest) {
  Slices s(std::vector<std::string>(20, "work(500)"));
  Slices::Ask ask("/");
  EXPECT_EQ(s.finish(ask), "allow");
  EXPECT_GT(s.slices, 3);
}

TEST(RuleSlice, KeepsTheOrderOfVerdicts) {
  Slices s({"work(9000) return hold('first')", "work(9000) return hold('second')",
            "work(9000) if request.path == '/bad' then return deny('third') end"});
  Slices::Ask good("/good"), bad("/bad");
  EXPECT_EQ(s.step(good), std::nullopt);
  EXPECT_EQ(s.step(bad), std::nullopt);
  EXPECT_EQ(s.finish(good), "hold: first");
  EXPECT_EQ(s.finish(bad), "deny: third");
}

TEST(RuleSlice, LeavesTheEngineToOthers) {
  Slices s(
      {"local event = request.json if request.path == '/long' then work(10000) end "
       "set_fact('action', event.name) tag('path', request.path) "
       "return deny(event.name .. ' ' .. request.path)"});
  Slices::Ask slow("/long", R"({"name":"slow"})");
  EXPECT_EQ(s.step(slow), std::nullopt);
  for (int i = 0; i < 100; ++i) {
    Slices::Ask quick("/quick", R"({"name":"quick"})");
    EXPECT_EQ(s.finish(quick), "deny: quick /quick");
    EXPECT_EQ(s.slices, 1);
    EXPECT_EQ(quick.exchange.facts.action, "quick");
  }
  EXPECT_EQ(slow.exchange.facts.action, "");
  EXPECT_EQ(s.finish(slow), "deny: slow /long");
  EXPECT_EQ(slow.exchange.facts.action, "slow");
  EXPECT_EQ(s.engine->idlePrograms(), 2u);
}

TEST(RuleSlice, CountsUsesOfStateOfEachCallAlone) {
  Slices s({"for i = 1, 16 do state.take('k', 5, '1m') work(2000) end"});
  Slices::Ask one("/"), other("/");
  EXPECT_EQ(s.step(one), std::nullopt);
  EXPECT_EQ(s.finish(other), "allow");
  EXPECT_EQ(s.finish(one), "allow");
  EXPECT_EQ(one.memory.uses, 16u);
  EXPECT_EQ(other.memory.uses, 16u);
}

TEST(RuleSlice, TakesItsMemoryFromABudgetOfItsOwn) {
  Slices s({"local t = {} for i = 1, 20 do t[i] = string.rep('x', 250000) .. i end "
            "set_fact('event_id', 'full') work(20000) return deny('had ' .. #t)"},
           {.instructions = 10'000'000, .memory_bytes = 8 * 1024 * 1024, .wall = 60s});
  Slices::Ask one("/"), other("/");
  while (one.exchange.facts.event_id.empty()) ASSERT_EQ(s.step(one), std::nullopt);
  EXPECT_EQ(s.finish(other), "deny: had 20");
  EXPECT_EQ(s.finish(one), "deny: had 20");
}

TEST(RuleSlice, ChargesTheRuleForTheTimeItRanNotForItsPauses) {
  Slices s({"work(10000)"}, {.instructions = 1'000'000, .wall = 50ms});
  Slices::Ask ask("/");
  std::optional<std::string> said;
  while (!(said = s.step(ask))) s.clock.advance(10s);
  EXPECT_EQ(said, "allow");
  EXPECT_LT(s.engine->costs()[0].time, 50ms);
}

TEST(RuleSlice, SpendsOneBudgetOverAllSlices) {
  for (const RuleBudgets& budgets : {RuleBudgets{.instructions = 100'000, .wall = 60s},
                                     RuleBudgets{.instructions = 100'000'000, .wall = 20ms}}) {
    Slices s({"if request.path == '/' then pcall(function() while true do end end) end"}, budgets);
    Slices::Ask endless("/"), next("/next");
    EXPECT_THAT(s.finish(endless), StartsWith("rule_budget_exceeded: rule `r1`: rules/r1.lua:1: "));
    EXPECT_GT(s.slices, 5);
    EXPECT_EQ(s.finish(next), "allow");
  }
}

TEST(RuleSlice, EndsInsideProtectedCalls) {
  Slices s(
      {"local good, sum = pcall(function(n) work(n) return n + 1 end, 9000) "
       "local bad, why = pcall(function() work(9000) error('planned', 0) end) "
       "local _, told = xpcall(function() work(9000) error('twice', 0) end, "
       "function(e) work(9000) return e .. '!' end) "
       "return deny(tostring(good) .. sum .. tostring(bad) .. why .. told)"});
  Slices::Ask ask("/");
  EXPECT_EQ(s.step(ask), std::nullopt);
  EXPECT_EQ(s.finish(ask), "deny: true9001falseplannedtwice!");
  EXPECT_GT(s.slices, 10);
}

TEST(RuleSlice, LeavesDeepProtectedCallsRight) {
  Slices s(
      {"local function down(n) if n == 0 then work(9000) error('deep', 0) end "
       "local ok, e = pcall(down, n - 1) work(100) error(e .. n, 0) end "
       "local _, e = pcall(down, 20) return deny(e)"});
  Slices::Ask ask("/");
  std::string expected = "deny: deep";
  for (int i = 1; i <= 20; ++i) expected += std::to_string(i);
  EXPECT_EQ(s.finish(ask), expected);
  EXPECT_GT(s.slices, 1);
}

TEST(RuleSlice, WaitsForAFunctionThatCallsBack) {
  Slices s(
      {"local n = 0 local t = {} for i = 1, 9 do t[i] = 10 - i end "
       "table.sort(t, function(a, b) n = n + 1 work(3000) set_fact('event_id', '' .. n) "
       "return a < b end) "
       "local text = ('abc'):gsub('.', function(c) work(3000) return c .. t[1] end) "
       "work(3000) return deny(text .. n)"});
  Slices::Ask ask("/");
  EXPECT_EQ(s.step(ask), std::nullopt);
  const std::string compared(ask.exchange.facts.event_id);
  EXPECT_EQ(s.finish(ask), "deny: a1b1c1" + compared) << "it paused while it sorted";
}

TEST(RuleSlice, EndsBetweenTwoLongCallsOfTheLibrary) {
  Slices s(
      {"local text = string.rep('x', 100000) "
       "for i = 1, 100 do set_fact('event_id', '' .. i) text:find('y', 1, true) end"});
  Slices::Ask ask("/");
  EXPECT_EQ(s.step(ask), std::nullopt);
  // A look at the clock and 100 us for each: at the sixth the slice is over.
  EXPECT_LE(std::stoi(std::string(ask.exchange.facts.event_id)), 7);
  EXPECT_EQ(s.finish(ask), "allow");
}

TEST(RuleSlice, EndsInDeepRecursionAndInLoopsOverJson) {
  Slices s(
      {"local function f(n) if n == 0 then return 0 end return 1 + f(n - 1) end "
       "local n = f(5000) for _, x in json.each(request.json) do work(2000) n = n + x end "
       "for w in ('a b c'):gmatch('%a') do work(2000) n = n + 1 end return deny('' .. n)"});
  Slices::Ask ask("/", "[1,2,3]");
  EXPECT_EQ(s.finish(ask), "deny: 5009");
  EXPECT_GT(s.slices, 5);
}

TEST(RuleSlice, IsTheLastOfARunThatIsGivenUp) {
  Slices s({"state.take('k', 5, '1m') work(10000) state.take('k', 5, '1m')"});
  CountingMemory memory;
  {
    Slices::Ask left("/");
    EXPECT_EQ(s.step(left), std::nullopt);
    left.run->rememberIn(memory);
  }
  EXPECT_EQ(memory.uses, 0u);
  EXPECT_EQ(s.engine->paused(), 0u);
  EXPECT_EQ(s.engine->idlePrograms(), 1u);
  EXPECT_EQ(s.engine->costs()[0].calls, 1u);
  EXPECT_EQ(s.engine->costs()[0].errors, 0u);
  Slices::Ask next("/");
  EXPECT_EQ(s.finish(next), "allow");
  EXPECT_EQ(next.memory.uses, 2u);
}

TEST(RuleSlice, IsTheWholeRuleForOneMoreThanMayPause) {
  Slices s({"work(request.path == '/next' and 10 or 10000)"});
  std::vector<std::unique_ptr<Slices::Ask>> asks;
  for (std::size_t i = 0; i < limits::kRulesPausedMax; ++i) {
    asks.push_back(std::make_unique<Slices::Ask>("/"));
    EXPECT_EQ(s.step(*asks.back()), std::nullopt);
  }
  Slices::Ask past("/");
  EXPECT_EQ(s.step(past), "allow") << "to its end";
  for (const auto& ask : asks) EXPECT_EQ(s.finish(*ask), "allow");
  EXPECT_EQ(s.engine->idlePrograms(), limits::kRulesPausedMax + 1);
  EXPECT_EQ(s.engine->paused(), 0u);
  Slices::Ask again("/");
  EXPECT_EQ(s.step(again), std::nullopt);
}

TEST(RuleSlice, IsSmallerTheMoreHavePaused) {
  Slices s({"work(20000)"});
  Slices::Ask alone("/");
  s.finish(alone);
  const int slices_alone = s.slices;
  Slices::Ask first("/"), second("/"), third("/"), fourth("/");
  for (auto* const ask : {&first, &second, &third, &fourth}) EXPECT_EQ(s.step(*ask), std::nullopt);
  s.finish(first);
  EXPECT_GT(s.slices, 2 * slices_alone);
}

TEST(RuleSlice, OfARuleThatGoesIntoQuarantineMeanwhileIsNotTheLast) {
  RuleWatch watch;
  Slices s({"if request.path == '/bad' then while true do end end work(10000) return deny('ran')"},
           {.instructions = 100'000, .wall = 60s}, &watch);
  Slices::Ask slow("/"), bad("/bad"), next("/");
  EXPECT_EQ(s.step(slow), std::nullopt);
  EXPECT_THAT(s.finish(bad), StartsWith("rule_budget_exceeded: "));
  EXPECT_THAT(s.finish(next), StartsWith("rule_quarantined: "));
  EXPECT_EQ(s.finish(slow), "deny: ran");
  Slices::Ask after("/");
  EXPECT_THAT(s.finish(after), StartsWith("rule_quarantined: ")) << "it had begun before";
}

TEST(RuleSlice, IsNotForThoseWhoCannotWait) {
  Slices s({"work(10000) return deny('at once')"});
  Slices::Ask ask("/");
  const auto verdict = s.engine->evaluate(ask.exchange, s.pool());
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->reason, "at once");
  EXPECT_EQ(s.engine->idlePrograms(), 1u);
}

}  // namespace
}  // namespace edgehold
