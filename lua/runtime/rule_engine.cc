// SPDX-License-Identifier: Apache-2.0
// One evaluation: the request object, then rule after rule under its own budget.
// Thread: one loop.
#include "lua/runtime/rule_engine.h"

#include <algorithm>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

// A state that keeps this part of its budget after a full collection is thrown away.
constexpr std::size_t kKeptPart = 4;

}  // namespace

RuleEngine::RuleEngine(const RuleSet& rules, const Clock& clock) : rules_(rules), clock_(clock) {
  costs_.resize(rules.ids().size());
  for (std::size_t i = 0; i < costs_.size(); ++i) costs_[i].rule = rules.ids()[i];
}

Result<RuleVerdict> RuleEngine::evaluate(Exchange& exchange, JsonPool& json) {
  failed_ = {};
  if (program_ == nullptr) {
    TRY_ASSIGN(program_, RuleProgram::compile(rules_.sources(), clock_));
  }
  LuaState& state = program_->state();
  RuleCall call{exchange, json, ++generation_};
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
    Result<RuleVerdict> verdict = run(i, exchange);
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

Result<RuleVerdict> RuleEngine::run(std::size_t index, Exchange& exchange) {
  LuaState& state = program_->state();
  lua_State* const raw = state.raw();
  lua_rawgeti(raw, LUA_REGISTRYINDEX, program_->rules()[index].check);
  lua_pushvalue(raw, 1);
  state.begin(rules_.budgets());
  const Result<void> called = state.call(1, 1);
  const LuaState::Usage usage = state.end();
  Result<RuleVerdict> verdict = called ? readVerdict(raw) : fail(called.error());
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

RuleEngine& RuleEngines::engineFor(const std::shared_ptr<const RuleSet>& rules) {
  CHECK(rules != nullptr);
  for (Entry& entry : entries_) {
    if (entry.identity == rules.get() && !entry.rules.expired()) return *entry.engine;
  }
  // A set that is new here is the sign of a reload: what it replaced may be gone.
  sweep();
  entries_.push_back({rules.get(), rules, std::make_unique<RuleEngine>(*rules, clock_)});
  return *entries_.back().engine;
}

void RuleEngines::sweep() {
  std::erase_if(entries_, [](const Entry& entry) { return entry.rules.expired(); });
}

}  // namespace edgehold
