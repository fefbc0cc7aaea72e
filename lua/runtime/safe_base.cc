// SPDX-License-Identifier: Apache-2.0
// Basic functions: Lua's own where they are safe, protected calls that let a spent budget through.
// Thread: one loop.
#include "lua/runtime/safe_base.h"

#include "lua/runtime/state.h"

namespace edgehold {
namespace {

// Raising, unwinding and catching an error costs some microseconds.
constexpr std::uint64_t kCaughtErrorUnits = 100;
constexpr int kPausableDepthMax = 8;
// Formatting a number costs some tenths of one.
constexpr std::uint64_t kNumberTextUnits = 16;

int charged(lua_State* raw) {
  chargeArguments(raw);
  return lua_tocfunction(raw, lua_upvalueindex(1))(raw);
}

// A function that goes on after a protected call, also when that has paused.
//
// Deep inside each other they do not pause: an error that runs through a thousand of those that may
// costs a look at the whole stack for each of them.
lua_KFunction pausable(lua_State* raw, lua_KFunction next) {
  return LuaState::of(raw).enterProtected() <= kPausableDepthMax ? next : nullptr;
}

// Whether a protected call went well. Its own status is LUA_YIELD when it has paused on the way.
bool endedWell(lua_State* raw, int status) {
  LuaState& state = LuaState::of(raw);
  const bool is_well = status == LUA_OK || status == LUA_YIELD;
  state.leaveProtected();
  state.rethrowIfSpent(is_well ? LUA_OK : status);
  if (!is_well) state.charge(kCaughtErrorUnits);
  return is_well;
}

// The stack holds `true`, and the results or the error.
int afterProtectedCall(lua_State* raw, int status, lua_KContext /*context*/) {
  if (endedWell(raw, status)) return lua_gettop(raw);
  lua_pushboolean(raw, 0);
  lua_insert(raw, -2);
  return 2;
}

// pcall(f, ...)
int protectedCall(lua_State* raw) {
  luaL_checkany(raw, 1);
  lua_pushboolean(raw, 1);
  lua_insert(raw, 1);
  const lua_KFunction next = pausable(raw, &afterProtectedCall);
  return afterProtectedCall(raw, lua_pcallk(raw, lua_gettop(raw) - 2, LUA_MULTRET, 0, 0, next), 0);
}

// What the handler gave, or its own error, is on top.
int afterHandler(lua_State* raw, int status, lua_KContext /*context*/) {
  endedWell(raw, status);
  lua_pushboolean(raw, 0);
  lua_insert(raw, -2);
  return 2;
}

// The stack holds handler, f, `true`, and the results or the error.
int afterHandledCall(lua_State* raw, int status, lua_KContext /*context*/) {
  if (endedWell(raw, status)) return lua_gettop(raw) - 2;
  lua_pushvalue(raw, 1);
  lua_insert(raw, -2);
  const lua_KFunction next = pausable(raw, &afterHandler);
  return afterHandler(raw, lua_pcallk(raw, 1, 1, 0, 0, next), 0);
}

// xpcall(f, handler, ...). The handler runs after the stack has unwound: without `debug` a rule
// cannot see the difference, and no rule code ever runs inside Lua's error handling.
int protectedCallWithHandler(lua_State* raw) {
  luaL_checktype(raw, 2, LUA_TFUNCTION);
  lua_pushvalue(raw, 2);
  lua_insert(raw, 1);  // handler, f, handler, ...
  lua_pushboolean(raw, 1);
  lua_replace(raw, 3);  // handler, f, true, ...
  lua_pushvalue(raw, 2);
  lua_insert(raw, 4);  // handler, f, true, f, ...
  const lua_KFunction next = pausable(raw, &afterHandledCall);
  return afterHandledCall(raw, lua_pcallk(raw, lua_gettop(raw) - 4, LUA_MULTRET, 0, 0, next), 0);
}

int toText(lua_State* raw) {
  luaL_checkany(raw, 1);
  if (lua_type(raw, 1) == LUA_TNUMBER) LuaState::of(raw).charge(kNumberTextUnits);
  pushText(raw, 1);
  return 1;
}

}  // namespace

// Texts also where numbers are wanted: turning megabytes of digits into one takes milliseconds.
void chargeArguments(lua_State* raw) {
  std::size_t bytes = 8 * static_cast<std::size_t>(lua_gettop(raw));
  for (int i = lua_gettop(raw); i >= 1; --i) {
    if (lua_type(raw, i) == LUA_TSTRING) bytes += lua_rawlen(raw, i);
  }
  LuaState::of(raw).chargeBytes(4 * bytes);
}

void chargeFunction(lua_State* raw, const char* name) {
  lua_getfield(raw, -1, name);
  lua_pushcclosure(raw, &charged, 1);
  lua_setfield(raw, -2, name);
}

void pushText(lua_State* raw, int index) {
  switch (lua_type(raw, index)) {
    case LUA_TSTRING:
    case LUA_TNUMBER:
      lua_pushvalue(raw, index);
      lua_tolstring(raw, -1, nullptr);
      return;
    case LUA_TBOOLEAN:
      lua_pushstring(raw, lua_toboolean(raw, index) != 0 ? "true" : "false");
      return;
    case LUA_TUSERDATA:
      if (luaL_getmetafield(raw, index, "__name") == LUA_TSTRING) return;
      break;
    default:
      break;
  }
  lua_pushstring(raw, luaL_typename(raw, index));
}

void setBaseFunctions(lua_State* raw) {
  luaL_requiref(raw, LUA_GNAME, &luaopen_base, 0);
  for (const char* const name : {"assert", "error", "ipairs", "next", "pairs", "type"}) {
    lua_getfield(raw, -1, name);
    lua_setfield(raw, -3, name);
  }
  for (const char* const name : {"select", "tonumber"}) {
    chargeFunction(raw, name);
    lua_getfield(raw, -1, name);
    lua_setfield(raw, -3, name);
  }
  lua_pop(raw, 1);
  static constexpr luaL_Reg kFunctions[] = {{"pcall", &protectedCall},
                                            {"xpcall", &protectedCallWithHandler},
                                            {"tostring", &toText},
                                            {nullptr, nullptr}};
  luaL_setfuncs(raw, kFunctions, 0);
}

void pushMathLibrary(lua_State* raw) {
  luaL_requiref(raw, LUA_MATHLIBNAME, &luaopen_math, 0);
  for (const char* const name : {"random", "randomseed"}) {
    lua_pushnil(raw);
    lua_setfield(raw, -2, name);
  }
  // Each takes digits for a number, and max and min as many as there are arguments.
  lua_pushnil(raw);
  while (lua_next(raw, -2) != 0) {
    if (lua_type(raw, -1) != LUA_TFUNCTION) {
      lua_pop(raw, 1);
      continue;
    }
    lua_pushcclosure(raw, &charged, 1);
    lua_pushvalue(raw, -2);
    lua_insert(raw, -2);
    lua_rawset(raw, -4);  // an existing key: the walk goes on
  }
}

}  // namespace edgehold
