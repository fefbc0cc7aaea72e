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
  RuleCall call{exchange, json, ++generation_, memory};
  return ask(exchange.message ? RuleEntry::kMessage : RuleEntry::kCheck, call);
}

Result<RuleVerdict> RuleEngine::evaluateEvent(Exchange& exchange, const SseEvent& event,
                                              JsonPool& json, RuleMemory* memory) {
  RuleCall call{exchange, json, ++generation_, memory};
  call.event = &event;
  return ask(RuleEntry::kSseEvent, call);
}

Result<RuleVerdict> RuleEngine::ask(RuleEntry entry, RuleCall& call) {
  failed_ = {};
  if (program_ != nullptr) checkKept();
  if (program_ == nullptr) {
    TRY_ASSIGN(program_, RuleProgram::compile(rules_.sources(), clock_));
    kept_bytes_.assign(costs_.size(), 0);
  }
  LuaState& state = program_->state();
  state.rule_call = &call;
  pushRequest(state.raw());
  if (call.event != nullptr) {
    pushEvent(state.raw());
    lua_insert(state.raw(), 1);  // on_sse_event(event, request)
  }
  Result<RuleVerdict> verdict = runAll(entry);
  lua_settop(state.raw(), 0);
  state.rule_call = nullptr;
  if (state.spent() != LuaState::Spent::kNothing) cleanUp();
  return verdict;
}

// The stack holds the arguments of every rule, and nothing else.
Result<RuleVerdict> RuleEngine::runAll(RuleEntry entry) {
  RuleVerdict first_hold;
  for (std::size_t i = 0; i < rules_.ids().size(); ++i) {
    if (!program_->rules()[i].has(entry)) continue;
    Result<RuleVerdict> verdict = runWatched(entry, i);
    if (!verdict) {
      failed_ = rules_.ids()[i];
      return fail(verdict.error().within("rule `" + rules_.ids()[i] + "`"));
    }
    const bool is_last =
        verdict->kind == RuleVerdict::Kind::kDeny || verdict->kind == RuleVerdict::Kind::kCut;
    if (is_last) return verdict;
    if (verdict->kind == RuleVerdict::Kind::kHold && first_hold.rule.empty()) {
      first_hold = *verdict;
    }
  }
  return first_hold;
}

Result<RuleVerdict> RuleEngine::runWatched(RuleEntry entry, std::size_t index) {
  if (keeper_ == index) {
    keeper_.reset();
    if (!records_.empty()) {
      records_[index]->ended(RuleRecord::Permit::kRun, true, rules_.quarantine(), clock_.now());
    }
    ++costs_[index].errors;
    return fail(Reason::kRuleBudgetExceeded,
                "the memory budget is spent by what it kept from call to call");
  }
  if (records_.empty()) return run(entry, index);
  RuleRecord& record = *records_[index];
  const RuleQuarantine& terms = rules_.quarantine();
  // The usual case needs no clock.
  RuleRecord::Permit permit = RuleRecord::Permit::kRun;
  if (record.isQuarantined()) permit = record.ask(terms, clock_.now());
  if (permit == RuleRecord::Permit::kRefused) {
    return fail(Reason::kRuleQuarantined, "in quarantine: it spent its budget too often");
  }
  Result<RuleVerdict> verdict = run(entry, index);
  const bool was_over_budget = !verdict && verdict.error().reason == Reason::kRuleBudgetExceeded;
  record.ended(permit, was_over_budget, terms, was_over_budget ? clock_.now() : Instant{});
  return verdict;
}

Result<RuleVerdict> RuleEngine::run(RuleEntry entry, std::size_t index) {
  LuaState& state = program_->state();
  const int arguments = lua_gettop(state.raw());
  RuleCall& call = *state.rule_call;
  call.rule = rules_.ids()[index];
  call.memory_uses = 0;
  call.knows_json_error = false;
  call.json_refusal.clear();
  const auto grown_before = static_cast<std::int64_t>(state.growth());
  state.begin(rules_.budgets());
  Result<RuleVerdict> verdict = callRule(entry, index);
  const LuaState::Usage usage = state.end();
  kept_bytes_[index] += static_cast<std::int64_t>(state.growth()) - grown_before;
  if (verdict && verdict->kind != RuleVerdict::Kind::kAllow) {
    verdict->rule = rules_.ids()[index];
    if (entry != RuleEntry::kSseEvent) {
      verdict->reason = call.exchange.keepFact(verdict->reason);
    } else {
      event_reason_ = verdict->reason;  // an arena would grow with the stream
      verdict->reason = event_reason_;
    }
  }
  account(index, usage, verdict);
  lua_settop(state.raw(), arguments);
  return verdict;
}

Result<RuleVerdict> RuleEngine::callRule(RuleEntry entry, std::size_t index) {
  LuaState& state = program_->state();
  lua_State* const raw = state.raw();
  const int arguments = lua_gettop(raw);
  lua_rawgeti(raw, LUA_REGISTRYINDEX, program_->rules()[index].functions[indexOf(entry)]);
  for (int i = 1; i <= arguments; ++i) lua_pushvalue(raw, i);
  const Result<void> called = state.call(arguments, 1);
  if (called) return readVerdict(raw, entry);
  const std::string& json_refusal = state.rule_call->json_refusal;
  if (called.error().reason == Reason::kRuleFailed && !json_refusal.empty()) {
    return fail(Reason::kJsonInvalid, json_refusal);
  }
  return fail(called.error());
}

void RuleEngine::account(std::size_t index, const LuaState::Usage& usage,
                         const Result<RuleVerdict>& verdict) {
  RuleCost& cost = costs_[index];
  ++cost.calls;
  if (!verdict) {
    ++cost.errors;
  } else if (verdict->kind == RuleVerdict::Kind::kDeny ||
             verdict->kind == RuleVerdict::Kind::kCut) {
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
