// SPDX-License-Identifier: Apache-2.0
// `state`: rates that a rule counts itself. Bounded in calls, keys and periods; a key is the rule's
// own. A shadow looks and takes nothing; a release was counted when its request came.
// Thread: one loop.
#include <string_view>

#include "lua/runtime/bindings.h"
#include "lua/runtime/rule_duration.h"
#include "lua/runtime/sandbox.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// A use hashes its key and locks a shard.
constexpr std::uint64_t kUseUnits = 100;

std::string_view checkKey(lua_State* raw, int index) {
  luaL_checktype(raw, index, LUA_TSTRING);
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, index, &length);
  if (length == 0 || length > limits::kRuleStateKeyBytesMax) {
    luaL_error(raw, "state: a key has 1 to %d bytes",
               static_cast<int>(limits::kRuleStateKeyBytesMax));
  }
  return {text, length};
}

Duration checkPeriod(lua_State* raw, int index) {
  const auto period = readRuleDuration(raw, index, limits::kRuleStatePeriodMax);
  if (!period) luaL_error(raw, "state: a period is seconds or a text like \"10m\", at most 24h");
  return *period;
}

RuleMemory::Taken use(lua_State* raw, std::string_view key, const RuleMemory::Rate& rate) {
  LuaState::of(raw).charge(kUseUnits);
  RuleCall& call = currentCall(raw);
  if (call.memory == nullptr) luaL_error(raw, "state: there is none here");
  if (++call.memory_uses > limits::kRuleStateCallsMax) {
    luaL_error(raw, "state: at most %d uses in one call",
               static_cast<int>(limits::kRuleStateCallsMax));
  }
  return call.memory->take(call.rule, key, rate);
}

// state.take(key, tokens, period): whether one of `tokens` in each `period` was left, and how many
// still are.
int take(lua_State* raw) {
  const std::string_view key = checkKey(raw, 1);
  const lua_Integer tokens = lua_isinteger(raw, 2) != 0 ? lua_tointeger(raw, 2) : 0;
  if (tokens < 1 || tokens > static_cast<lua_Integer>(limits::kRuleStateTokensMax)) {
    return luaL_error(raw, "state.take: 1 to %d tokens in each period",
                      static_cast<int>(limits::kRuleStateTokensMax));
  }
  const RuleMemory::Taken taken =
      use(raw, key, {static_cast<std::uint64_t>(tokens), checkPeriod(raw, 3)});
  lua_pushboolean(raw, taken.is_taken ? 1 : 0);
  lua_pushinteger(raw, static_cast<lua_Integer>(taken.remaining));
  return 2;
}

// state.once(key, period): true the first time in `period`.
int once(lua_State* raw) {
  const std::string_view key = checkKey(raw, 1);
  const RuleMemory::Taken taken = use(raw, key, {1, checkPeriod(raw, 2)});
  lua_pushboolean(raw, taken.is_taken ? 1 : 0);
  return 1;
}

}  // namespace

void openMemory(LuaState& state) {
  static constexpr luaL_Reg kLibrary[] = {{"take", &take}, {"once", &once}, {nullptr, nullptr}};
  luaL_newlib(state.raw(), kLibrary);
  setGlobal(state, "state");
}

}  // namespace edgehold
