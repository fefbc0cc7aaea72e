// SPDX-License-Identifier: Apache-2.0
// The objects behind rule_token.h.
// Thread: one loop.
#include "lua/runtime/rule_token.h"

namespace edgehold {
namespace {

struct Token {
  std::uint64_t generation;
};

int refuseWrite(lua_State* raw) {
  return luaL_error(raw, "a request cannot be changed; facts are set by set_fact(name, value)");
}

}  // namespace

void pushToken(lua_State* raw, std::uint64_t generation, const char& meta_key, int parts) {
  auto* const token = static_cast<Token*>(lua_newuserdatauv(raw, sizeof(Token), parts));
  token->generation = generation;
  lua_rawgetp(raw, LUA_REGISTRYINDEX, &meta_key);
  lua_setmetatable(raw, -2);
}

void registerToken(lua_State* raw, const char* name, const char& meta_key, lua_CFunction index) {
  luaL_newmetatable(raw, name);
  lua_pushcfunction(raw, index);
  lua_setfield(raw, -2, "__index");
  lua_pushcfunction(raw, &refuseWrite);
  lua_setfield(raw, -2, "__newindex");
  lua_pushboolean(raw, 0);
  lua_setfield(raw, -2, "__metatable");
  lua_rawsetp(raw, LUA_REGISTRYINDEX, &meta_key);
}

RuleCall& callOfToken(lua_State* raw) {
  return liveCall(raw, static_cast<const Token*>(lua_touserdata(raw, 1))->generation);
}

std::string_view keyOf(lua_State* raw) {
  if (lua_type(raw, 2) != LUA_TSTRING) return {};
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, 2, &length);
  return {text, length};
}

int refuseField(lua_State* raw, const char* object) {
  return luaL_error(raw, "%s has no field `%s`", object,
                    lua_type(raw, 2) == LUA_TSTRING ? lua_tostring(raw, 2) : "?");
}

void pushText(lua_State* raw, std::string_view text) {
  lua_pushlstring(raw, text.data(), text.size());
}

void pushKnown(lua_State* raw, std::string_view text) {
  if (text.empty()) {
    lua_pushnil(raw);
  } else {
    pushText(raw, text);
  }
}

}  // namespace edgehold
