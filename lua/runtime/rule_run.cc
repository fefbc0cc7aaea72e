// SPDX-License-Identifier: Apache-2.0
// Rule after rule, each under its own budget, in as many slices as they need.
// Thread: one loop.
#include "lua/runtime/rule_run.h"

#include <string>
#include <utility>

#include "lua/runtime/rule_engine.h"

namespace edgehold {

RuleRun::~RuleRun() {
  if (program_ == nullptr) return;
  LuaState& state = program_->state();
  if (is_asking_) engine_.account(next_, state.end(), nullptr);
  close();
}

// The arguments of every rule lie below its call on the stack, and nothing else.
Result<void> RuleRun::open() {
  TRY_ASSIGN(program_, engine_.takeProgram());
  LuaState& state = program_->state();
  state.rule_call = &call_;
  pushRequest(state.raw());
  arguments_ = 1;
  if (call_.event == nullptr) return {};
  pushEvent(state.raw());
  lua_insert(state.raw(), 1);  // on_sse_event(event, request)
  arguments_ = 2;
  return {};
}

void RuleRun::close() {
  LuaState& state = program_->state();
  lua_settop(state.raw(), 0);
  state.rule_call = nullptr;
  if (has_paused_) engine_.resumedForGood();
  engine_.giveBack(std::move(program_));
}

std::optional<Result<RuleVerdict>> RuleRun::goOn(Pace pace) {
  if (program_ == nullptr) {
    if (auto opened = open(); !opened) return fail(std::move(opened).error());
  }
  LuaState& state = program_->state();
  state.rule_call = &call_;  // this may have moved
  state.openSlice(pace == Pace::kToTheEnd ? Duration::max() : engine_.sliceFor(has_paused_));
  std::optional<Result<RuleVerdict>> verdict = askAll();
  if (verdict) {
    close();
  } else if (!has_paused_) {
    has_paused_ = true;
    engine_.hasPaused();
  }
  return verdict;
}

std::optional<Result<RuleVerdict>> RuleRun::askAll() {
  const std::vector<RuleProgram::Rule>& rules = program_->rules();
  for (; next_ < rules.size(); ++next_) {
    if (!rules[next_].has(entry_)) continue;
    std::optional<Result<RuleVerdict>> answer = ask();
    if (!answer) return std::nullopt;
    Result<RuleVerdict>& verdict = *answer;
    if (!verdict) return fail(engine_.failedAt(next_, verdict.error()));
    const bool is_last =
        verdict->kind == RuleVerdict::Kind::kDeny || verdict->kind == RuleVerdict::Kind::kCut;
    if (is_last) return answer;
    if (verdict->kind == RuleVerdict::Kind::kHold && first_hold_.rule.empty()) {
      first_hold_ = *verdict;
    }
  }
  return first_hold_;
}

std::optional<Result<RuleVerdict>> RuleRun::ask() {
  LuaState& state = program_->state();
  if (!is_asking_) {
    if (auto begun = beginRule(); !begun) return fail(std::move(begun).error());
  }
  const Result<bool> ran = state.run(std::exchange(is_asking_, false) ? 0 : arguments_);
  if (ran && !*ran) {
    is_asking_ = true;
    return std::nullopt;
  }
  Result<RuleVerdict> verdict = endCall(ran);
  engine_.ended(next_, permit_, verdict);
  return verdict;
}

// Whether the rule may run now; then all is ready for it.
Result<void> RuleRun::beginRule() {
  TRY_ASSIGN(permit_, engine_.permitFor(next_));
  call_.rule = engine_.rules().ids()[next_];
  call_.memory_uses = 0;
  call_.knows_json_error = false;
  call_.json_refusal.clear();
  beginCall();
  return {};
}

void RuleRun::beginCall() {
  LuaState& state = program_->state();
  lua_State* const raw = state.raw();
  grown_before_ = static_cast<std::int64_t>(state.growth());
  lua_rawgeti(raw, LUA_REGISTRYINDEX, program_->rules()[next_].functions[indexOf(entry_)]);
  for (int i = 1; i <= arguments_; ++i) lua_pushvalue(raw, i);
  state.begin(engine_.rules().budgets());
}

Result<RuleVerdict> RuleRun::endCall(const Result<bool>& ran) {
  LuaState& state = program_->state();
  Result<RuleVerdict> verdict = read(ran);
  if (verdict && verdict->kind != RuleVerdict::Kind::kAllow) *verdict = keep(*verdict);
  const LuaState::Usage usage = state.end();
  program_->rules()[next_].grown_bytes += static_cast<std::int64_t>(state.growth()) - grown_before_;
  engine_.account(next_, usage, &verdict);
  if (ran) lua_settop(state.raw(), arguments_);
  return verdict;
}

Result<RuleVerdict> RuleRun::read(const Result<bool>& ran) {
  if (ran) return readVerdict(program_->state().raw(), entry_);
  if (ran.error().reason == Reason::kRuleFailed && !call_.json_refusal.empty()) {
    return fail(Reason::kJsonInvalid, call_.json_refusal);
  }
  return fail(ran.error());
}

// The reason still lies in Lua's memory.
RuleVerdict RuleRun::keep(RuleVerdict verdict) {
  verdict.rule = engine_.rules().ids()[next_];
  // An arena would grow with a stream.
  verdict.reason = entry_ == RuleEntry::kSseEvent ? engine_.keepEventReason(verdict.reason)
                                                  : call_.exchange.keepFact(verdict.reason);
  return verdict;
}

}  // namespace edgehold
