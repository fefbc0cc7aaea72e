// SPDX-License-Identifier: Apache-2.0
// Bounded table functions. Lua's own loop in C over lengths that a rule chooses, which no count
// hook interrupts.
// Thread: one loop.
#include "lua/runtime/safe_table.h"

#include <algorithm>
#include <cstdint>

#include "lua/runtime/safe_base.h"
#include "lua/runtime/state.h"

namespace edgehold {
namespace {

lua_Integer lengthOf(lua_State* raw, int index) {
  return static_cast<lua_Integer>(lua_rawlen(raw, index));
}

// How many elements first..last are; none when it is backwards. Never overflows.
std::uint64_t spanOf(lua_Integer first, lua_Integer last) {
  if (first > last) return 0;
  const std::uint64_t span = static_cast<std::uint64_t>(last) - static_cast<std::uint64_t>(first);
  return span == UINT64_MAX ? span : span + 1;
}

// A table that may be written to. One with a metatable belongs to the rule API: these functions
// write raw, which no metatable refuses.
void checkWritable(lua_State* raw, int index) {
  luaL_checktype(raw, index, LUA_TTABLE);
  if (lua_getmetatable(raw, index) != 0) luaL_argerror(raw, index, "the rule API is read-only");
}

int insert(lua_State* raw) {
  checkWritable(raw, 1);
  chargeArguments(raw);
  const lua_Integer end = lengthOf(raw, 1) + 1;
  lua_Integer position = end;
  const int arguments = lua_gettop(raw);
  if (arguments == 3) {
    position = luaL_checkinteger(raw, 2);
    luaL_argcheck(raw, position >= 1 && position <= end, 2, "position out of bounds");
    LuaState::of(raw).charge(spanOf(position, end));
    for (lua_Integer i = end; i > position; --i) {
      lua_rawgeti(raw, 1, i - 1);
      lua_rawseti(raw, 1, i);
    }
  } else if (arguments != 2) {
    return luaL_error(raw, "wrong number of arguments to 'insert'");
  }
  lua_rawseti(raw, 1, position);
  return 0;
}

int remove(lua_State* raw) {
  checkWritable(raw, 1);
  chargeArguments(raw);
  const lua_Integer length = lengthOf(raw, 1);
  lua_Integer position = luaL_optinteger(raw, 2, length);
  if (lua_gettop(raw) > 1) {
    luaL_argcheck(raw, (position >= 1 && position <= length + 1) || (length == 0 && position == 0),
                  2, "position out of bounds");
  }
  LuaState::of(raw).charge(spanOf(position, length));
  lua_rawgeti(raw, 1, position);
  for (; position < length; ++position) {
    lua_rawgeti(raw, 1, position + 1);
    lua_rawseti(raw, 1, position);
  }
  lua_pushnil(raw);
  lua_rawseti(raw, 1, position);
  return 1;
}

int move(lua_State* raw) {
  luaL_checktype(raw, 1, LUA_TTABLE);
  chargeArguments(raw);
  const lua_Integer first = luaL_checkinteger(raw, 2);
  const lua_Integer last = luaL_checkinteger(raw, 3);
  const lua_Integer to = luaL_checkinteger(raw, 4);
  const int target = lua_isnoneornil(raw, 5) ? 1 : 5;
  checkWritable(raw, target);
  const std::uint64_t count = spanOf(first, last);
  LuaState::of(raw).charge(count);
  luaL_argcheck(raw, count < static_cast<std::uint64_t>(INT32_MAX), 3, "too many elements to move");
  const auto elements = static_cast<lua_Integer>(count);
  luaL_argcheck(raw, to <= LUA_MAXINTEGER - elements, 4, "destination wrap around");
  const bool is_backwards = target == 1 && to > first && to <= last;
  for (lua_Integer n = 0; n < elements; ++n) {
    const lua_Integer i = is_backwards ? elements - 1 - n : n;
    lua_rawgeti(raw, 1, first + i);
    lua_rawseti(raw, target, to + i);
  }
  lua_pushvalue(raw, target);
  return 1;
}

int concat(lua_State* raw) {
  luaL_checktype(raw, 1, LUA_TTABLE);
  chargeArguments(raw);
  std::size_t separator_bytes = 0;
  const char* const separator = luaL_optlstring(raw, 2, "", &separator_bytes);
  const lua_Integer first = luaL_optinteger(raw, 3, 1);
  const lua_Integer last = luaL_optinteger(raw, 4, lengthOf(raw, 1));
  LuaState& state = LuaState::of(raw);
  luaL_Buffer out;
  luaL_buffinit(raw, &out);
  for (std::uint64_t n = 0; n < spanOf(first, last); ++n) {
    const auto i = static_cast<lua_Integer>(static_cast<std::uint64_t>(first) + n);
    if (n > 0) luaL_addlstring(&out, separator, separator_bytes);
    lua_rawgeti(raw, 1, i);
    if (lua_isstring(raw, -1) == 0) {
      return luaL_error(raw, "invalid value (a %s) at index %I in table for 'concat'",
                        luaL_typename(raw, -1), static_cast<LUAI_UACINT>(i));
    }
    state.chargeBytes(separator_bytes + lua_rawlen(raw, -1));
    luaL_addvalue(&out);
  }
  luaL_pushresult(&out);
  return 1;
}

int pack(lua_State* raw) {
  const int count = lua_gettop(raw);
  lua_createtable(raw, count, 1);
  lua_insert(raw, 1);
  for (int i = count; i >= 1; --i) lua_rawseti(raw, 1, i);
  lua_pushinteger(raw, count);
  lua_setfield(raw, 1, "n");
  return 1;
}

int unpack(lua_State* raw) {
  luaL_checktype(raw, 1, LUA_TTABLE);
  chargeArguments(raw);
  const lua_Integer first = luaL_optinteger(raw, 2, 1);
  const lua_Integer last = luaL_optinteger(raw, 3, lengthOf(raw, 1));
  const std::uint64_t count = spanOf(first, last);
  LuaState::of(raw).charge(count);
  if (count >= static_cast<std::uint64_t>(INT32_MAX) ||
      lua_checkstack(raw, static_cast<int>(count)) == 0) {
    return luaL_error(raw, "too many results to unpack");
  }
  for (std::uint64_t n = 0; n < count; ++n) {
    lua_rawgeti(raw, 1, static_cast<lua_Integer>(static_cast<std::uint64_t>(first) + n));
  }
  return static_cast<int>(count);
}

// True when the value at index `a` comes before the one at `b` (both relative to the top).
bool isBefore(lua_State* raw, int a, int b) {
  LuaState& state = LuaState::of(raw);
  if (lua_isnoneornil(raw, 2)) {
    if (lua_type(raw, a) == LUA_TSTRING && lua_type(raw, b) == LUA_TSTRING) {
      state.chargeBytes(4 * std::min(lua_rawlen(raw, a), lua_rawlen(raw, b)));
    } else {
      state.charge(1);
    }
    return lua_compare(raw, a, b, LUA_OPLT) != 0;
  }
  state.charge(1);
  lua_pushvalue(raw, 2);
  lua_pushvalue(raw, a - 1);
  lua_pushvalue(raw, b - 2);
  lua_call(raw, 2, 1);
  const bool is_before = lua_toboolean(raw, -1) != 0;
  lua_pop(raw, 1);
  return is_before;
}

// Lets element `root` sink into the heap that ends at `end`.
void siftDown(lua_State* raw, lua_Integer root, lua_Integer end) {
  for (lua_Integer child = 2 * root; child <= end; child = 2 * root) {
    lua_rawgeti(raw, 1, child);
    if (child < end) {
      lua_rawgeti(raw, 1, child + 1);
      if (isBefore(raw, -2, -1)) {
        lua_remove(raw, -2);
        ++child;
      } else {
        lua_pop(raw, 1);
      }
    }
    lua_rawgeti(raw, 1, root);
    if (!isBefore(raw, -1, -2)) {
      lua_pop(raw, 2);
      return;
    }
    lua_rawseti(raw, 1, child);
    lua_rawseti(raw, 1, root);
    root = child;
  }
}

// Heapsort: no recursion, never quadratic, and it ends whatever the order function answers.
int sort(lua_State* raw) {
  checkWritable(raw, 1);
  if (!lua_isnoneornil(raw, 2)) luaL_checktype(raw, 2, LUA_TFUNCTION);
  lua_settop(raw, 2);
  const lua_Integer length = lengthOf(raw, 1);
  LuaState::of(raw).charge(static_cast<std::uint64_t>(length));
  for (lua_Integer root = length / 2; root >= 1; --root) siftDown(raw, root, length);
  for (lua_Integer end = length; end > 1; --end) {
    lua_rawgeti(raw, 1, 1);
    lua_rawgeti(raw, 1, end);
    lua_rawseti(raw, 1, 1);
    lua_rawseti(raw, 1, end);
    siftDown(raw, 1, end - 1);
  }
  return 0;
}

}  // namespace

void pushTableLibrary(lua_State* raw) {
  static constexpr luaL_Reg kFunctions[] = {
      {"insert", &insert}, {"remove", &remove}, {"move", &move}, {"concat", &concat},
      {"pack", &pack},     {"unpack", &unpack}, {"sort", &sort}, {nullptr, nullptr}};
  luaL_newlib(raw, kFunctions);
}

}  // namespace edgehold
