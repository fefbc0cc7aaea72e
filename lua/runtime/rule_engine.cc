// SPDX-License-Identifier: Apache-2.0
// One evaluation: the request object, then rule after rule under its own budget.
// Thread: one loop.
#include "lua/runtime/rule_engine.h"

#include <algorithm>

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

Result<RuleVerdict> RuleEngine::evaluate(Exchange& exchange, JsonPool& json, RuleMemory* memory) {
  failed_ = {};
  if (program_ != nullptr) checkKept();
  if (program_ == nullptr) {
    TRY_ASSIGN(program_, RuleProgram::compile(rules_.sources(), clock_));
    kept_bytes_.assign(costs_.size(), 0);
  }
  LuaState& state = program_->state();
  RuleCall call{exchange, json, ++generation_, memory};
  state.rule_call = &call;
  pushRequest(state.raw());
  Result<RuleVerdict> verdict = runAll(exchange);
  lua_settop(state.raw(), 0);
  state.rule_call = nullptr;
  if (state.spent() != LuaState::Spent::kNothing) cleanUp();
  return verdict;
}

// The stack holds the request object, at index 1.
Result<RuleVerdict> RuleEngine::runAll(Exchange& exchange) {
  RuleVerdict first_hold;
  for (std::size_t i = 0; i < rules_.ids().size(); ++i) {
    if (entryOf(i, exchange) <= 0) continue;  // it has nothing to say of these
    Result<RuleVerdict> verdict = runWatched(i, exchange);
    if (!verdict) {
      failed_ = rules_.ids()[i];
      return fail(verdict.error().within("rule `" + rules_.ids()[i] + "`"));
    }
    if (verdict->kind == RuleVerdict::Kind::kDeny) return verdict;
    if (verdict->kind == RuleVerdict::Kind::kHold && first_hold.rule.empty()) {
      first_hold = *verdict;
    }
  }
  return first_hold;
}

int RuleEngine::entryOf(std::size_t index, const Exchange& exchange) const {
  const RuleProgram::Rule& rule = program_->rules()[index];
  return exchange.message ? rule.on_message : rule.check;
}

Result<RuleVerdict> RuleEngine::runWatched(std::size_t index, Exchange& exchange) {
  if (keeper_ == index) {
    keeper_.reset();
    if (!records_.empty()) {
      records_[index]->ended(RuleRecord::Permit::kRun, true, rules_.quarantine(), clock_.now());
    }
    ++costs_[index].errors;
    return fail(Reason::kRuleBudgetExceeded,
                "the memory budget is spent by what it kept from call to call");
  }
  if (records_.empty()) return run(index, exchange);
  RuleRecord& record = *records_[index];
  const RuleQuarantine& terms = rules_.quarantine();
  // The usual case needs no clock.
  RuleRecord::Permit permit = RuleRecord::Permit::kRun;
  if (record.isQuarantined()) permit = record.ask(terms, clock_.now());
  if (permit == RuleRecord::Permit::kRefused) {
    return fail(Reason::kRuleQuarantined, "in quarantine: it spent its budget too often");
  }
  Result<RuleVerdict> verdict = run(index, exchange);
  const bool was_over_budget = !verdict && verdict.error().reason == Reason::kRuleBudgetExceeded;
  record.ended(permit, was_over_budget, terms, was_over_budget ? clock_.now() : Instant{});
  return verdict;
}

Result<RuleVerdict> RuleEngine::run(std::size_t index, Exchange& exchange) {
  LuaState& state = program_->state();
  lua_State* const raw = state.raw();
  lua_rawgeti(raw, LUA_REGISTRYINDEX, entryOf(index, exchange));
  lua_pushvalue(raw, 1);
  state.rule_call->rule = rules_.ids()[index];
  state.rule_call->memory_uses = 0;
  state.rule_call->knows_json_error = false;
  state.rule_call->json_refusal.clear();
  const auto grown_before = static_cast<std::int64_t>(state.growth());
  state.begin(rules_.budgets());
  const Result<void> called = state.call(1, 1);
  const LuaState::Usage usage = state.end();
  kept_bytes_[index] += static_cast<std::int64_t>(state.growth()) - grown_before;
  Result<RuleVerdict> verdict = called ? readVerdict(raw) : fail(called.error());
  const bool is_json_refused = !called && called.error().reason == Reason::kRuleFailed &&
                               !state.rule_call->json_refusal.empty();
  if (is_json_refused) verdict = fail(Reason::kJsonInvalid, state.rule_call->json_refusal);
  if (verdict && verdict->kind != RuleVerdict::Kind::kAllow) {
    verdict->rule = rules_.ids()[index];
    verdict->reason = exchange.keepFact(verdict->reason);
  }
  account(index, usage, verdict);
  lua_settop(raw, 1);
  return verdict;
}

void RuleEngine::account(std::size_t index, const LuaState::Usage& usage,
                         const Result<RuleVerdict>& verdict) {
  RuleCost& cost = costs_[index];
  ++cost.calls;
  if (!verdict) {
    ++cost.errors;
  } else if (verdict->kind == RuleVerdict::Kind::kDeny) {
    ++cost.denies;
  } else if (verdict->kind == RuleVerdict::Kind::kHold) {
    ++cost.holds;
  }
  cost.instructions += usage.instructions;
  cost.time += usage.wall;
  cost.time_max = std::max(cost.time_max, usage.wall);
  cost.memory_bytes_max = std::max(cost.memory_bytes_max, usage.memory_bytes_max);
}

// After a spent budget: gives the garbage back, so that the next request starts with a whole
// budget. A rule that keeps what it made (an upvalue that grows) loses it.
void RuleEngine::cleanUp() {
  if (program_->state().collect() > rules_.budgets().memory_bytes / kKeptPart) program_.reset();
}

// A rule pays for what it makes, not for what other calls left behind. What is kept from call to
// call (an upvalue that grows) is over the budget too, but each call is within it: the rule that
// made the state grow most is refused once, and the state starts afresh.
void RuleEngine::checkKept() {
  if (program_->state().growth() <= grownMax(rules_.budgets())) return;
  if (program_->state().collect() <= keptMax(rules_.budgets())) return;
  const auto most = std::max_element(kept_bytes_.begin(), kept_bytes_.end());
  keeper_ = static_cast<std::size_t>(most - kept_bytes_.begin());
  program_.reset();
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
