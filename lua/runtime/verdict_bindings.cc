// SPDX-License-Identifier: Apache-2.0
// allow(), deny(reason), hold{reason=, ttl=}, cut(reason): how a rule answers.
// Thread: one loop.
#include <cstring>
#include <string>

#include "lua/runtime/bindings.h"
#include "lua/runtime/rule_duration.h"
#include "lua/runtime/sandbox.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// Registry key of the verdicts' metatable: its address.
char verdict_meta_key;

constexpr const char* kMetatable = "verdict";

struct VerdictBox {
  RuleVerdict::Kind kind;
  std::int64_t ttl_seconds;  // 0: none
  std::size_t reason_bytes;  // the text follows the struct
};

void pushVerdict(lua_State* raw, RuleVerdict::Kind kind, std::string_view reason,
                 std::int64_t ttl_seconds) {
  if (reason.size() > limits::kRuleReasonBytesMax) {
    reason = reason.substr(0, limits::kRuleReasonBytesMax);
  }
  auto* const memory =
      static_cast<char*>(lua_newuserdatauv(raw, sizeof(VerdictBox) + reason.size(), 0));
  const VerdictBox box{kind, ttl_seconds, reason.size()};
  std::memcpy(memory, &box, sizeof box);
  std::memcpy(memory + sizeof box, reason.data(), reason.size());
  lua_rawgetp(raw, LUA_REGISTRYINDEX, &verdict_meta_key);
  lua_setmetatable(raw, -2);
}

std::int64_t checkTtl(lua_State* raw, int index) {
  const auto ttl = readRuleDuration(raw, index, limits::kRuleHoldTtlMax);
  if (!ttl) luaL_error(raw, "hold: `ttl` must be seconds or a text like \"15m\", at most 7d");
  return ttl->count();
}

std::string_view checkReason(lua_State* raw, int index, const char* function) {
  if (lua_type(raw, index) != LUA_TSTRING || lua_rawlen(raw, index) == 0) {
    luaL_error(raw, "%s: a reason is required", function);
  }
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, index, &length);
  return {text, length};
}

int allow(lua_State* raw) {
  lua_pushboolean(raw, 1);
  return 1;
}

int deny(lua_State* raw) {
  pushVerdict(raw, RuleVerdict::Kind::kDeny, checkReason(raw, 1, "deny"), 0);
  return 1;
}

int cut(lua_State* raw) {
  pushVerdict(raw, RuleVerdict::Kind::kCut, checkReason(raw, 1, "cut"), 0);
  return 1;
}

// A misspelt key would silently change what a hold means.
void refuseOtherKeys(lua_State* raw) {
  lua_pushnil(raw);
  while (lua_next(raw, 1) != 0) {
    lua_pop(raw, 1);
    LuaState::of(raw).charge(1);
    const bool is_text = lua_type(raw, -1) == LUA_TSTRING;
    const std::string_view key = is_text ? lua_tostring(raw, -1) : "";
    if (key != "reason" && key != "ttl") {
      luaL_error(raw, "hold: takes `reason` and `ttl`, not `%s`",
                 is_text ? lua_tostring(raw, -1) : luaL_typename(raw, -1));
    }
  }
}

int hold(lua_State* raw) {
  if (lua_type(raw, 1) == LUA_TSTRING) {
    pushVerdict(raw, RuleVerdict::Kind::kHold, checkReason(raw, 1, "hold"), 0);
    return 1;
  }
  luaL_checktype(raw, 1, LUA_TTABLE);
  lua_settop(raw, 1);
  refuseOtherKeys(raw);
  lua_pushliteral(raw, "reason");
  lua_rawget(raw, 1);
  lua_pushliteral(raw, "ttl");
  const std::int64_t ttl = lua_rawget(raw, 1) == LUA_TNIL ? 0 : checkTtl(raw, 3);
  pushVerdict(raw, RuleVerdict::Kind::kHold, checkReason(raw, 2, "hold"), ttl);
  return 1;
}

// The box at the top of the stack, or null. Raises nothing.
const char* verdictAtTop(lua_State* raw) {
  if (lua_type(raw, -1) != LUA_TUSERDATA || lua_getmetatable(raw, -1) == 0) return nullptr;
  lua_rawgetp(raw, LUA_REGISTRYINDEX, &verdict_meta_key);
  const bool is_verdict = lua_rawequal(raw, -1, -2) != 0;
  lua_pop(raw, 2);
  return is_verdict ? static_cast<const char*>(lua_touserdata(raw, -1)) : nullptr;
}

bool answers(RuleVerdict::Kind kind, RuleEntry entry) {
  if (kind == RuleVerdict::Kind::kHold) return entry != RuleEntry::kSseEvent;
  if (kind == RuleVerdict::Kind::kCut) return entry == RuleEntry::kSseEvent;
  return true;
}

tl::unexpected<Error> noVerdict(RuleEntry entry, std::string_view what) {
  const bool is_event = entry == RuleEntry::kSseEvent;
  return fail(Reason::kRuleFailed, std::string(nameOf(entry)) + " returned `" + std::string(what) +
                                       "`: expected nothing, allow(), deny() or " +
                                       (is_event ? "cut()" : "hold()"));
}

void setFunction(LuaState& state, const char* name, lua_CFunction function) {
  lua_pushcfunction(state.raw(), function);
  setGlobal(state, name);
}

}  // namespace

void openVerdicts(LuaState& state) {
  lua_State* const raw = state.raw();
  lua_createtable(raw, 0, 2);
  lua_pushstring(raw, kMetatable);
  lua_setfield(raw, -2, "__name");
  lua_pushboolean(raw, 0);
  lua_setfield(raw, -2, "__metatable");
  lua_rawsetp(raw, LUA_REGISTRYINDEX, &verdict_meta_key);
  setFunction(state, "allow", &allow);
  setFunction(state, "deny", &deny);
  setFunction(state, "hold", &hold);
  setFunction(state, "cut", &cut);
}

Result<RuleVerdict> readVerdict(lua_State* raw, RuleEntry entry) {
  const int type = lua_type(raw, -1);
  if (type == LUA_TNIL || (type == LUA_TBOOLEAN && lua_toboolean(raw, -1) != 0)) {
    return RuleVerdict{};
  }
  if (type == LUA_TSTRING && std::strcmp(lua_tostring(raw, -1), "allow") == 0) {
    return RuleVerdict{};
  }
  const char* const memory = verdictAtTop(raw);
  if (memory == nullptr) {
    return noVerdict(entry, type == LUA_TBOOLEAN ? "false" : luaL_typename(raw, -1));
  }
  VerdictBox box;
  std::memcpy(&box, memory, sizeof box);
  if (!answers(box.kind, entry)) {
    return noVerdict(entry, box.kind == RuleVerdict::Kind::kHold ? "hold" : "cut");
  }
  RuleVerdict verdict;
  verdict.kind = box.kind;
  verdict.reason = {memory + sizeof box, box.reason_bytes};
  if (box.ttl_seconds > 0) verdict.ttl = std::chrono::seconds(box.ttl_seconds);
  return verdict;
}

}  // namespace edgehold
