// SPDX-License-Identifier: Apache-2.0
// What evaluations share: Lua states, quarantine, costs.
// Thread: one loop.
#include "lua/runtime/rule_engine.h"

#include <algorithm>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

// A state that keeps this part of its budget after a spent one is thrown away.
constexpr std::size_t kKeptPart = 4;
// Between calls, garbage is collected past so much of the budget, and half of it kept is too much.
constexpr std::size_t grownMax(const RuleBudgets& budgets) { return budgets.memory_bytes / 4 * 3; }
constexpr std::size_t keptMax(const RuleBudgets& budgets) { return budgets.memory_bytes / 2; }

}  // namespace

RuleEngine::RuleEngine(const RuleSet& rules, const Clock& clock, RuleWatch* watch)
    : rules_(rules), clock_(clock) {
  costs_.resize(rules.ids().size());
  for (std::size_t i = 0; i < costs_.size(); ++i) {
    costs_[i].rule = rules.ids()[i];
    if (watch == nullptr) continue;
    records_.push_back(watch->recordOf(rules.ids()[i], rules.identities()[i]));
  }
}

RuleRun RuleEngine::start(Exchange& exchange, JsonPool& json, RuleMemory* memory) {
  return RuleRun(*this, exchange.message ? RuleEntry::kMessage : RuleEntry::kCheck,
                 RuleCall{exchange, json, ++generation_, memory});
}

Result<RuleVerdict> RuleEngine::evaluate(Exchange& exchange, JsonPool& json, RuleMemory* memory) {
  return *start(exchange, json, memory).goOn(RuleRun::Pace::kToTheEnd);
}

Result<RuleVerdict> RuleEngine::evaluateEvent(Exchange& exchange, const SseEvent& event,
                                              JsonPool& json, RuleMemory* memory) {
  RuleCall call{exchange, json, ++generation_, memory};
  call.event = &event;
  return *RuleRun(*this, RuleEntry::kSseEvent, std::move(call)).goOn(RuleRun::Pace::kToTheEnd);
}

Result<std::unique_ptr<RuleProgram>> RuleEngine::takeProgram() {
  failed_ = {};
  std::unique_ptr<RuleProgram> program;
  if (!idle_.empty()) {
    program = std::move(idle_.back());
    idle_.pop_back();
    if (!keepsTooMuch(*program)) return program;
    program.reset();
  }
  return RuleProgram::compile(rules_.sources(), clock_);
}

// After a spent budget the garbage goes at once, so that the next request starts with a whole one.
// A rule that keeps what it made (an upvalue that grows) loses it.
void RuleEngine::giveBack(std::unique_ptr<RuleProgram> program) {
  LuaState& state = program->state();
  if (state.spent() != LuaState::Spent::kNothing &&
      state.collect() > rules_.budgets().memory_bytes / kKeptPart) {
    return;
  }
  if (idle_.empty()) return idle_.push_back(std::move(program));
  // There were two at once, which will hardly be so for long: the other one is the warm one now.
  state.collect();
  idle_.insert(idle_.begin(), std::move(program));
}

Result<RuleRecord::Permit> RuleEngine::permitFor(std::size_t index) {
  if (keeper_ == index) {
    keeper_.reset();
    if (!records_.empty()) {
      records_[index]->ended(RuleRecord::Permit::kRun, true, rules_.quarantine(), clock_.now());
    }
    ++costs_[index].errors;
    return fail(Reason::kRuleBudgetExceeded,
                "the memory budget is spent by what it kept from call to call");
  }
  // The usual case needs no clock.
  if (records_.empty() || !records_[index]->isQuarantined()) return RuleRecord::Permit::kRun;
  const RuleRecord::Permit permit = records_[index]->ask(rules_.quarantine(), clock_.now());
  if (permit != RuleRecord::Permit::kRefused) return permit;
  return fail(Reason::kRuleQuarantined, "in quarantine: it spent its budget too often");
}

void RuleEngine::ended(std::size_t index, RuleRecord::Permit permit,
                       const Result<RuleVerdict>& verdict) {
  if (records_.empty()) return;
  const bool was_over_budget = !verdict && verdict.error().reason == Reason::kRuleBudgetExceeded;
  records_[index]->ended(permit, was_over_budget, rules_.quarantine(),
                         was_over_budget ? clock_.now() : Instant{});
}

Error RuleEngine::failedAt(std::size_t index, const Error& error) {
  failed_ = rules_.ids()[index];
  return error.within("rule `" + rules_.ids()[index] + "`");
}

std::string_view RuleEngine::keepEventReason(std::string_view reason) {
  event_reason_ = reason;
  return event_reason_;
}

void RuleEngine::account(std::size_t index, const LuaState::Usage& usage,
                         const Result<RuleVerdict>* verdict) {
  RuleCost& cost = costs_[index];
  ++cost.calls;
  cost.instructions += usage.instructions;
  cost.time += usage.wall;
  cost.time_max = std::max(cost.time_max, usage.wall);
  cost.memory_bytes_max = std::max(cost.memory_bytes_max, usage.memory_bytes_max);
  if (verdict == nullptr) return;
  if (!*verdict) {
    ++cost.errors;
  } else if ((*verdict)->kind == RuleVerdict::Kind::kDeny ||
             (*verdict)->kind == RuleVerdict::Kind::kCut) {
    ++cost.denies;
  } else if ((*verdict)->kind == RuleVerdict::Kind::kHold) {
    ++cost.holds;
  }
}

// What one turn may spend on rules that have paused is one slice, shared by all of them.
Duration RuleEngine::sliceFor(bool has_paused) const {
  if (!has_paused && paused_ == limits::kRulesPausedMax) return Duration::max();
  return Duration(limits::kRuleSlice) /
         static_cast<Duration::rep>(has_paused ? paused_ : paused_ + 1);
}

// A rule pays for what it makes, not for what other calls left behind. What is kept from call to
// call (an upvalue that grows) is over the budget too, but each call is within it: the rule that
// made the state grow most is refused once, and the state starts afresh.
bool RuleEngine::keepsTooMuch(RuleProgram& program) {
  if (program.state().growth() <= grownMax(rules_.budgets())) return false;
  if (program.state().collect() <= keptMax(rules_.budgets())) return false;
  const std::vector<RuleProgram::Rule>& rules = program.rules();
  const auto most = std::max_element(
      rules.begin(), rules.end(),
      [](const auto& one, const auto& other) { return one.grown_bytes < other.grown_bytes; });
  keeper_ = static_cast<std::size_t>(most - rules.begin());
  return true;
}

RuleEngine& RuleEngines::engineFor(const std::shared_ptr<const RuleSet>& rules) {
  CHECK(rules != nullptr);
  for (Entry& entry : entries_) {
    if (entry.identity == rules.get() && !entry.rules.expired()) return *entry.engine;
  }
  // A set that is new here is the sign of a reload: what it replaced may be gone.
  sweep();
  entries_.push_back({rules.get(), rules, std::make_unique<RuleEngine>(*rules, clock_, &watch_)});
  return *entries_.back().engine;
}

void RuleEngines::sweep() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.rules.expired(); });
}

}  // namespace edgehold
