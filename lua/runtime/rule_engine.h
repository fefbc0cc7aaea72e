// SPDX-License-Identifier: Apache-2.0
// Runs the rules of one set on requests and on messages: every rule in order, the first deny wins,
// then the first hold, else allow. Whatever goes wrong in a rule is an error, never an allow. An
// evaluation that takes long pauses, and others run meanwhile, in another Lua state.
// Thread: one loop (each worker has its own).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>
#include <vector>

#include "lua/runtime/bindings.h"
#include "lua/runtime/rule_memory.h"
#include "lua/runtime/rule_program.h"
#include "lua/runtime/rule_run.h"
#include "lua/runtime/rule_set.h"
#include "lua/runtime/rule_watch.h"
#include "proxy/base/clock.h"
#include "proxy/base/json.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

// What one rule has cost this worker so far.
struct RuleCost {
  std::string_view rule;  // lives with the rule set
  std::uint64_t calls = 0;
  std::uint64_t errors = 0;  // of these: failed or over budget
  std::uint64_t denies = 0;
  std::uint64_t holds = 0;
  std::uint64_t instructions = 0;  // exact in sum, to about 100 for one call
  Duration time{};
  Duration time_max{};
  std::size_t memory_bytes_max = 0;  // largest growth in one call
};

class RuleEngine {
 public:
  // `clock` must move while a rule runs (SystemClock). `watch`: null where a rule is to run however
  // often it fails (tests). REQUIRES: all outlive the engine.
  RuleEngine(const RuleSet& rules, const Clock& clock, RuleWatch* watch = nullptr);

  // The verdict's reason lives in the exchange's arena. Facts and tags that rules set are in
  // exchange.facts afterwards (not in shadow mode). `memory`: null where rules may not use `state`.
  // Errors: kRuleFailed, kRuleBudgetExceeded, kRuleQuarantined; failedRule() is the rule at fault.
  Result<RuleVerdict> evaluate(Exchange& exchange, JsonPool& json, RuleMemory* memory = nullptr);
  // The same for who can wait: nothing of it has run yet.
  RuleRun start(Exchange& exchange, JsonPool& json, RuleMemory* memory = nullptr);

  // One event of an answer to `exchange`: the first rule that does not allow it wins. kDeny: it is
  // dropped, kCut: the stream ends. The reason lives until the next call; the exchange keeps
  // nothing. Errors as above.
  Result<RuleVerdict> evaluateEvent(Exchange& exchange, const SseEvent& event, JsonPool& json,
                                    RuleMemory* memory = nullptr);

  // Of the evaluation that failed last; lives with the rule set.
  std::string_view failedRule() const { return failed_; }
  // In the order of the rules.
  const std::vector<RuleCost>& costs() const { return costs_; }
  // Evaluations that have paused and are not over.
  std::size_t paused() const { return paused_; }
  // Lua states that wait for the next evaluation.
  std::size_t idlePrograms() const { return idle_.size(); }

 private:
  friend class RuleRun;
  const RuleSet& rules() const { return rules_; }
  Result<std::unique_ptr<RuleProgram>> takeProgram();
  void giveBack(std::unique_ptr<RuleProgram> program);
  Result<RuleRecord::Permit> permitFor(std::size_t index);
  void ended(std::size_t index, RuleRecord::Permit permit, const Result<RuleVerdict>& verdict);
  Error failedAt(std::size_t index, const Error& error);
  // `verdict`: null when the call was given up.
  void account(std::size_t index, const LuaState::Usage& usage, const Result<RuleVerdict>* verdict);
  std::string_view keepEventReason(std::string_view reason);
  Duration sliceFor(bool has_paused) const;
  void hasPaused() { ++paused_; }
  void resumedForGood() { --paused_; }
  bool keepsTooMuch(RuleProgram& program);

  const RuleSet& rules_;
  const Clock& clock_;
  // Those that no evaluation has: the last one is warm, the others are without garbage.
  std::vector<std::unique_ptr<RuleProgram>> idle_;
  std::size_t paused_ = 0;
  std::uint64_t generation_ = 0;
  std::string_view failed_;
  std::string event_reason_;  // of the last verdict on an event
  std::vector<RuleCost> costs_;
  std::vector<std::shared_ptr<RuleRecord>> records_;  // of each rule; empty: not watched
  std::optional<std::size_t> keeper_;  // a rule that is to be told that it keeps too much
};

// A worker's engines, one for each rule set in use.
class RuleEngines {
 public:
  // REQUIRES: both outlive the engines.
  RuleEngines(const Clock& clock, RuleWatch& watch) : clock_(clock), watch_(watch) {}
  RuleEngines(const RuleEngines&) = delete;
  RuleEngines& operator=(const RuleEngines&) = delete;

  // The engine of `rules`, made on first use. Dropped some time after the set is gone. The
  // reference is good for the call.
  RuleEngine& engineFor(const std::shared_ptr<const RuleSet>& rules);

  // Drops the engines of sets that are gone.
  void sweep();
  std::size_t size() const { return entries_.size(); }

  // fn(const RuleSet&, const RuleEngine&) for each live engine.
  template <class Function>
  void forEach(Function function) const {
    for (const Entry& entry : entries_) {
      if (const auto rules = entry.rules.lock()) function(*rules, *entry.engine);
    }
  }

 private:
  struct Entry {
    const RuleSet* identity;
    std::weak_ptr<const RuleSet> rules;  // tells a new set at the address of an old one
    std::unique_ptr<RuleEngine> engine;
  };

  const Clock& clock_;
  RuleWatch& watch_;
  std::vector<Entry> entries_;  // few: one per live rule set
};

}  // namespace edgehold
