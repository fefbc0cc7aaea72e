// SPDX-License-Identifier: Apache-2.0
// regex.match(text, pattern): RE2 for what Lua patterns cannot say.
// Thread: one loop.
#include <string_view>

#include "lua/runtime/bindings.h"
#include "lua/runtime/regex.h"
#include "lua/runtime/sandbox.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::uint64_t kCompileUnits = 5'000;
// Compiling makes some hundred bytes out of one.
constexpr std::uint64_t kCompileUnitsPerByte = 16;
// A match takes a microsecond or more, however short the text.
constexpr std::uint64_t kMatchUnits = 50;
constexpr std::uint64_t kStepsPerUnit = 8;

std::string_view checkText(lua_State* raw, int index) {
  luaL_checktype(raw, index, LUA_TSTRING);
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, index, &length);
  return {text, length};
}

const Regex& compiledAt(lua_State* raw, int index) {
  LuaState& state = LuaState::of(raw);
  const std::string_view pattern = checkText(raw, index);
  state.chargeBytes(pattern.size());
  if (const Regex* const known = state.regexes().find(pattern)) return *known;
  state.charge(kCompileUnits + kCompileUnitsPerByte * pattern.size());
  {
    auto compiled = state.regexes().compile(pattern);
    if (compiled) return **compiled;
    lua_pushlstring(raw, compiled.error().message.data(), compiled.error().message.size());
  }
  luaL_error(raw, "regex.match: %s", lua_tostring(raw, -1));
  std::abort();  // luaL_error throws
}

// regex.match(text, pattern): the groups of the first match, or the whole match when there are
// none; nil without a match, and for a text that is nil.
int match(lua_State* raw) {
  const Regex& regex = compiledAt(raw, 2);
  if (lua_isnil(raw, 1)) {
    lua_pushnil(raw);
    return 1;
  }
  const std::string_view text = checkText(raw, 1);
  LuaState& state = LuaState::of(raw);
  state.charge(kMatchUnits + regex.stepsFor(text) / kStepsPerUnit);
  // A dot would not match a broken byte: whoever sends one must not slip through.
  if (!isUtf8(text)) return luaL_error(raw, "regex.match: the text is no UTF-8");
  Regex::Match found;
  if (!regex.match(text, found)) {
    lua_pushnil(raw);
    return 1;
  }
  luaL_checkstack(raw, static_cast<int>(found.groups) + 1, "too many groups");
  for (std::size_t i = found.groups == 0 ? 0 : 1; i <= found.groups; ++i) {
    state.chargeBytes(found.texts[i].size());
    lua_pushlstring(raw, found.texts[i].data(), found.texts[i].size());
  }
  return static_cast<int>(found.groups == 0 ? 1 : found.groups);
}

}  // namespace

void openRegex(LuaState& state) {
  static constexpr luaL_Reg kLibrary[] = {{"match", &match}, {nullptr, nullptr}};
  luaL_newlib(state.raw(), kLibrary);
  setGlobal(state, "regex");
}

}  // namespace edgehold
