// SPDX-License-Identifier: Apache-2.0
// `request.json` and the `json` library: lazy objects over the parsed body, so that reading one
// leaf converts one leaf.
// Thread: one loop.
#include <new>
#include <optional>
#include <string>
#include <type_traits>

#include "lua/runtime/bindings.h"
#include "lua/runtime/sandbox.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

// Registry keys: their addresses.
char json_meta_key;

constexpr const char* kMetatable = "json";
// Looking a member up is linear in the members before it; so many cost one unit.
constexpr std::size_t kMembersPerUnit = 8;

struct JsonToken {
  std::uint64_t generation;
  JsonValue value;
};
static_assert(std::is_trivially_destructible_v<JsonToken>, "there is no __gc");

// REQUIRES: called by Lua for an object with the metatable (nobody else can reach the function).
const JsonToken& tokenOf(lua_State* raw, int index) {
  const auto* const token = static_cast<const JsonToken*>(lua_touserdata(raw, index));
  liveCall(raw, token->generation);
  return *token;
}

const JsonToken& checkToken(lua_State* raw, int index) {
  bool is_json = false;
  if (lua_type(raw, index) == LUA_TUSERDATA && lua_getmetatable(raw, index) != 0) {
    lua_rawgetp(raw, LUA_REGISTRYINDEX, &json_meta_key);
    is_json = lua_rawequal(raw, -1, -2) != 0;
    lua_pop(raw, 2);
  }
  if (!is_json) {
    luaL_argerror(raw, index,
                  lua_isnoneornil(raw, index) ? "JSON expected, got nil (no or invalid JSON body?)"
                                              : "JSON object or array expected");
  }
  return tokenOf(raw, index);
}

std::optional<JsonValue> childOf(lua_State* raw, JsonValue value, int key_index) {
  LuaState& state = LuaState::of(raw);
  switch (lua_type(raw, key_index)) {
    case LUA_TSTRING: {
      if (value.kind() != JsonKind::kObject) return std::nullopt;
      if (const std::size_t members = value.size(); members > kMembersPerUnit) {
        state.charge(members / kMembersPerUnit);
      }
      std::size_t length = 0;
      const char* const key = lua_tolstring(raw, key_index, &length);
      return value.member({key, length});
    }
    case LUA_TNUMBER: {
      if (value.kind() != JsonKind::kArray || lua_isinteger(raw, key_index) == 0) {
        return std::nullopt;
      }
      const lua_Integer index = lua_tointeger(raw, key_index);
      if (index < 1 || static_cast<std::size_t>(index) > value.size()) return std::nullopt;
      const auto offset = static_cast<std::size_t>(index - 1);
      state.charge(1 + offset / kMembersPerUnit);
      return value.element(offset);
    }
    default:
      return std::nullopt;
  }
}

int index(lua_State* raw) {
  const JsonToken& token = tokenOf(raw, 1);
  if (const auto child = childOf(raw, token.value, 2)) {
    pushJson(raw, token.generation, *child);
  } else {
    lua_pushnil(raw);
  }
  return 1;
}

int length(lua_State* raw) {
  lua_pushinteger(raw, static_cast<lua_Integer>(tokenOf(raw, 1).value.size()));
  return 1;
}

int refuseWrite(lua_State* raw) { return luaL_error(raw, "request.json is read-only"); }

// A walk over a container; only the half that fits its kind is not empty.
struct JsonWalk {
  std::uint64_t generation;
  JsonMembers::Iterator member, member_end;
  JsonElements::Iterator element, element_end;
  lua_Integer index;
};
static_assert(std::is_trivially_destructible_v<JsonWalk>, "there is no __gc");

// Upvalue 1: the walk.
int step(lua_State* raw) {
  auto& walk = *static_cast<JsonWalk*>(lua_touserdata(raw, lua_upvalueindex(1)));
  liveCall(raw, walk.generation);
  LuaState::of(raw).charge(2);
  if (walk.member != walk.member_end) {
    const JsonMember member = *walk.member;
    lua_pushlstring(raw, member.key.data(), member.key.size());
    pushJson(raw, walk.generation, member.value);
    ++walk.member;
    return 2;
  }
  if (walk.element != walk.element_end) {
    lua_pushinteger(raw, ++walk.index);
    pushJson(raw, walk.generation, *walk.element);
    ++walk.element;
    return 2;
  }
  lua_pushnil(raw);
  return 1;
}

// for key, value in json.each(container)
int each(lua_State* raw) {
  const JsonToken& token = checkToken(raw, 1);
  void* const memory = lua_newuserdatauv(raw, sizeof(JsonWalk), 0);
  const JsonMembers members = token.value.members();
  const JsonElements elements = token.value.elements();
  new (memory) JsonWalk{token.generation, members.begin(), members.end(),
                        elements.begin(), elements.end(),  0};
  lua_pushcclosure(raw, &step, 1);
  return 1;
}

// A reference token of RFC 6901 as the key it stands for. Raises for any other `~`.
std::string unescapeToken(lua_State* raw, std::string_view token) {
  std::string key;
  key.reserve(token.size());
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      key += token[i];
      continue;
    }
    const char next = i + 1 < token.size() ? token[i + 1] : '\0';
    if (next != '0' && next != '1') luaL_error(raw, "json.get: `~` only as `~0` and `~1`");
    key += next == '0' ? '~' : '/';
    ++i;
  }
  return key;
}

std::optional<JsonValue> follow(lua_State* raw, JsonValue value, std::string_view token) {
  LuaState& state = LuaState::of(raw);
  if (value.kind() == JsonKind::kObject) {
    state.charge(1 + value.size() / kMembersPerUnit);
    if (token.find('~') == std::string_view::npos) return value.member(token);
    return value.member(unescapeToken(raw, token));
  }
  const auto index = parseUnsigned(token);
  const bool is_canonical = index && (token.size() == 1 || token.front() != '0');
  if (!is_canonical || *index >= value.size()) return std::nullopt;
  state.charge(1 + *index / kMembersPerUnit);
  return value.element(*index);
}

// json.get(container, "/a/0/b"): RFC 6901, so arrays count from 0 here. Walked without compiling,
// and each step charged: an object may have a million members.
int get(lua_State* raw) {
  const JsonToken& token = checkToken(raw, 1);
  std::size_t bytes = 0;
  const char* const text = luaL_checklstring(raw, 2, &bytes);
  std::string_view rest(text, bytes);
  luaL_argcheck(raw, rest.empty() || rest.front() == '/', 2, "a pointer starts with `/`");
  LuaState::of(raw).chargeBytes(bytes);
  std::optional<JsonValue> value = token.value;
  while (value && !rest.empty()) {
    rest.remove_prefix(1);
    const std::string_view part = rest.substr(0, rest.find('/'));
    rest.remove_prefix(part.size());
    value = follow(raw, *value, part);
  }
  if (value) {
    pushJson(raw, token.generation, *value);
  } else {
    lua_pushnil(raw);
  }
  return 1;
}

const char* kindName(JsonKind kind) {
  switch (kind) {
    case JsonKind::kNull:
      return "null";
    case JsonKind::kBool:
      return "boolean";
    case JsonKind::kNumber:
      return "number";
    case JsonKind::kString:
      return "string";
    case JsonKind::kArray:
      return "array";
    case JsonKind::kObject:
      return "object";
  }
  return "null";
}

// json.kind(value) or json.kind(container, key); nil when there is no such member. The only way to
// tell null from absent. A body may be a scalar, so any value but a table is welcome.
int kind(lua_State* raw) {
  const int type = lua_type(raw, 1);
  if (type == LUA_TNIL || type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN) {
    if (type == LUA_TNIL || lua_gettop(raw) > 1) {
      lua_pushnil(raw);
    } else {
      lua_pushstring(raw, luaL_typename(raw, 1));
    }
    return 1;
  }
  const JsonToken& token = checkToken(raw, 1);
  if (lua_gettop(raw) == 1) {
    lua_pushstring(raw, kindName(token.value.kind()));
  } else if (const auto child = childOf(raw, token.value, 2)) {
    lua_pushstring(raw, kindName(child->kind()));
  } else {
    lua_pushnil(raw);
  }
  return 1;
}

void pushNumber(lua_State* raw, JsonValue value) {
  if (value.isInteger()) {
    if (const auto integer = value.asInt()) {
      lua_pushinteger(raw, *integer);
      return;
    }
  }
  // Unsigned integers past 2^63 become floats, as in Lua's own arithmetic.
  lua_pushnumber(raw, value.asDouble().value_or(0));
}

}  // namespace

void pushJson(lua_State* raw, std::uint64_t generation, JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kNull:
      lua_pushnil(raw);
      return;
    case JsonKind::kBool:
      lua_pushboolean(raw, *value.asBool() ? 1 : 0);
      return;
    case JsonKind::kNumber:
      pushNumber(raw, value);
      return;
    case JsonKind::kString: {
      const std::string_view text = *value.asString();
      if (text.size() > 64) LuaState::of(raw).chargeBytes(text.size());
      lua_pushlstring(raw, text.data(), text.size());
      return;
    }
    case JsonKind::kArray:
    case JsonKind::kObject:
      new (lua_newuserdatauv(raw, sizeof(JsonToken), 0)) JsonToken{generation, value};
      lua_rawgetp(raw, LUA_REGISTRYINDEX, &json_meta_key);
      lua_setmetatable(raw, -2);
      return;
  }
}

void openJson(LuaState& state) {
  lua_State* const raw = state.raw();
  static constexpr luaL_Reg kMeta[] = {{"__index", &index},
                                       {"__newindex", &refuseWrite},
                                       {"__len", &length},
                                       {"__pairs", &each},
                                       {nullptr, nullptr}};
  lua_createtable(raw, 0, 8);
  luaL_setfuncs(raw, kMeta, 0);
  lua_pushstring(raw, kMetatable);
  lua_setfield(raw, -2, "__name");
  lua_pushboolean(raw, 0);
  lua_setfield(raw, -2, "__metatable");
  lua_rawsetp(raw, LUA_REGISTRYINDEX, &json_meta_key);

  static constexpr luaL_Reg kLibrary[] = {
      {"each", &each}, {"get", &get}, {"kind", &kind}, {nullptr, nullptr}};
  luaL_newlib(raw, kLibrary);
  setGlobal(state, "json");
}

}  // namespace edgehold
