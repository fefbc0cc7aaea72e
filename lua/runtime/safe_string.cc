// SPDX-License-Identifier: Apache-2.0
// Bounded string functions: each charges what it is about to scan or copy before it begins.
// Thread: one loop.
#include "lua/runtime/safe_string.h"

#include <algorithm>
#include <cstring>
#include <string_view>

#include "lua/runtime/pattern.h"
#include "lua/runtime/safe_base.h"
#include "lua/runtime/state.h"

namespace edgehold {
namespace {

std::string_view checkText(lua_State* raw, int index) {
  std::size_t length = 0;
  const char* const text = luaL_checklstring(raw, index, &length);
  return {text, length};
}

// An index as string functions take it: negative ones count from the end.
std::size_t startIndex(lua_Integer position, std::size_t length) {
  if (position > 0) return static_cast<std::size_t>(position);
  if (position == 0 || position < -static_cast<lua_Integer>(length)) return 1;
  return length + static_cast<std::size_t>(position) + 1;
}

bool hasNoSpecials(std::string_view pattern) {
  return pattern.find_first_of("^$*+?.([%-") == std::string_view::npos;
}

// Null when absent. The naive search is quadratic at worst, so every candidate is charged.
const char* findPlain(LuaState& state, std::string_view text, std::string_view needle) {
  if (needle.empty()) return text.data();
  const char* at = text.data();
  const char* const end = at + text.size();
  state.chargeBytes(text.size());
  while (static_cast<std::size_t>(end - at) >= needle.size()) {
    const std::size_t candidates = static_cast<std::size_t>(end - at) - needle.size() + 1;
    at = static_cast<const char*>(std::memchr(at, needle.front(), candidates));
    if (at == nullptr) return nullptr;
    state.chargeBytes(needle.size());
    if (std::memcmp(at, needle.data(), needle.size()) == 0) return at;
    ++at;
  }
  return nullptr;
}

int pushFound(lua_State* raw, std::string_view text, const char* at, std::size_t bytes) {
  if (at == nullptr) {
    luaL_pushfail(raw);
    return 1;
  }
  const lua_Integer first = at - text.data() + 1;
  lua_pushinteger(raw, first);
  lua_pushinteger(raw, first + static_cast<lua_Integer>(bytes) - 1);
  return 2;
}

int findOrMatch(lua_State* raw, bool is_find) {
  const std::string_view text = checkText(raw, 1);
  const std::string_view pattern = checkText(raw, 2);
  const std::size_t start = startIndex(luaL_optinteger(raw, 3, 1), text.size()) - 1;
  if (start > text.size()) {
    luaL_pushfail(raw);
    return 1;
  }
  LuaState& state = LuaState::of(raw);
  state.chargeBytes(pattern.size());
  if (is_find && (lua_toboolean(raw, 4) != 0 || hasNoSpecials(pattern))) {
    return pushFound(raw, text, findPlain(state, text.substr(start), pattern), pattern.size());
  }
  PatternMatcher matcher(raw, text, pattern);
  for (const char* at = text.data() + start; at <= matcher.end(); ++at) {
    state.charge(1);
    const char* const stop = matcher.matchAt(at);
    if (stop == nullptr) {
      if (matcher.isAnchored()) break;
      continue;
    }
    if (!is_find) return matcher.pushCaptures(at, stop);
    pushFound(raw, text, at, static_cast<std::size_t>(stop - at));
    return matcher.pushCaptures(nullptr, nullptr) + 2;
  }
  luaL_pushfail(raw);
  return 1;
}

int find(lua_State* raw) { return findOrMatch(raw, true); }
int match(lua_State* raw) { return findOrMatch(raw, false); }

// Upvalues: text, pattern, offset to go on from, offset where the last match ended (or -1).
int nextMatch(lua_State* raw) {
  const std::string_view text = checkText(raw, lua_upvalueindex(1));
  const std::string_view pattern = checkText(raw, lua_upvalueindex(2));
  const lua_Integer last_stop = lua_tointeger(raw, lua_upvalueindex(4));
  LuaState& state = LuaState::of(raw);
  PatternMatcher matcher(raw, text, pattern);
  const char* at = text.data() + lua_tointeger(raw, lua_upvalueindex(3));
  for (; at <= matcher.end(); ++at) {
    state.charge(1);
    const char* const stop = matcher.matchAt(at);
    if (stop == nullptr || stop - text.data() == last_stop) continue;
    lua_pushinteger(raw, stop - text.data());
    lua_pushvalue(raw, -1);
    lua_replace(raw, lua_upvalueindex(3));
    lua_replace(raw, lua_upvalueindex(4));
    return matcher.pushCaptures(at, stop);
  }
  return 0;
}

int gmatch(lua_State* raw) {
  const std::string_view text = checkText(raw, 1);
  const std::string_view pattern = checkText(raw, 2);
  // Lua's gmatch gives `^` no meaning; a rule that writes it meant something.
  luaL_argcheck(raw, pattern.empty() || pattern.front() != '^', 2, "gmatch takes no anchor");
  const std::size_t start = startIndex(luaL_optinteger(raw, 3, 1), text.size()) - 1;
  lua_settop(raw, 2);
  lua_pushinteger(raw, static_cast<lua_Integer>(std::min(start, text.size() + 1)));
  lua_pushinteger(raw, -1);
  lua_pushcclosure(raw, &nextMatch, 4);
  return 1;
}

// Appends the replacement text at index 3 with its %0-9 and %% put in.
void addReplacementText(lua_State* raw, luaL_Buffer& out, PatternMatcher& matcher,
                        std::string_view found) {
  std::size_t length = 0;
  const char* const text = lua_tolstring(raw, 3, &length);
  LuaState::of(raw).chargeBytes(length);
  for (std::size_t i = 0; i < length; ++i) {
    if (text[i] != '%') {
      luaL_addchar(&out, text[i]);
      continue;
    }
    const char next = i + 1 < length ? text[i + 1] : '\0';
    ++i;
    if (next == '%') {
      luaL_addchar(&out, '%');
    } else if (next == '0') {
      LuaState::of(raw).chargeBytes(found.size());
      luaL_addlstring(&out, found.data(), found.size());
    } else if (next >= '1' && next <= '9') {
      matcher.pushCapture(next - '1', found.data(), found.data() + found.size());
      luaL_tolstring(raw, -1, nullptr);  // a position capture is a number
      lua_remove(raw, -2);
      LuaState::of(raw).chargeBytes(lua_rawlen(raw, -1));
      luaL_addvalue(&out);
    } else {
      luaL_error(raw, "invalid use of '%%' in replacement string");
    }
  }
}

// Appends what the table or function at index 3 gives for the match: false and nil keep it.
void addReplacementValue(lua_State* raw, luaL_Buffer& out, PatternMatcher& matcher,
                         std::string_view found) {
  const char* const start = found.data();
  const char* const stop = start + found.size();
  if (lua_type(raw, 3) == LUA_TFUNCTION) {
    lua_pushvalue(raw, 3);
    lua_call(raw, matcher.pushCaptures(start, stop), 1);
  } else {
    matcher.pushCapture(0, start, stop);
    lua_rawget(raw, 3);
  }
  if (lua_toboolean(raw, -1) == 0) {
    lua_pop(raw, 1);
    luaL_addlstring(&out, start, found.size());
    return;
  }
  if (lua_isstring(raw, -1) == 0) {
    luaL_error(raw, "invalid replacement value (a %s)", luaL_typename(raw, -1));
  }
  LuaState::of(raw).chargeBytes(lua_rawlen(raw, -1));
  luaL_addvalue(&out);
}

int gsub(lua_State* raw) {
  const std::string_view text = checkText(raw, 1);
  const std::string_view pattern = checkText(raw, 2);
  const int kind = lua_type(raw, 3);
  luaL_argexpected(
      raw,
      kind == LUA_TNUMBER || kind == LUA_TSTRING || kind == LUA_TTABLE || kind == LUA_TFUNCTION, 3,
      "string/function/table");
  const lua_Integer count_max = luaL_optinteger(raw, 4, static_cast<lua_Integer>(text.size()) + 1);
  LuaState& state = LuaState::of(raw);
  PatternMatcher matcher(raw, text, pattern);
  const char* at = text.data();
  const char* last_stop = nullptr;
  lua_Integer count = 0;
  luaL_Buffer out;
  luaL_buffinit(raw, &out);
  while (count < count_max) {
    state.charge(1);
    const char* const stop = matcher.matchAt(at);
    if (stop != nullptr && stop != last_stop) {
      ++count;
      const std::string_view found(at, static_cast<std::size_t>(stop - at));
      if (kind == LUA_TTABLE || kind == LUA_TFUNCTION) {
        addReplacementValue(raw, out, matcher, found);
      } else {
        addReplacementText(raw, out, matcher, found);
      }
      at = last_stop = stop;
    } else if (at < matcher.end()) {
      luaL_addchar(&out, *at);
      ++at;
    } else {
      break;
    }
    if (matcher.isAnchored()) break;
  }
  luaL_addlstring(&out, at, static_cast<std::size_t>(matcher.end() - at));
  luaL_pushresult(&out);
  lua_pushinteger(raw, count);
  return 2;
}

int rep(lua_State* raw) {
  const std::string_view text = checkText(raw, 1);
  const lua_Integer count = luaL_checkinteger(raw, 2);
  std::size_t separator_bytes = 0;
  luaL_optlstring(raw, 3, "", &separator_bytes);
  if (count > 0) {
    const std::size_t each = text.size() + separator_bytes;
    // Past any budget, before the multiplication can overflow. Empty text still costs its turns.
    const auto turns = std::min<std::uint64_t>(static_cast<std::uint64_t>(count), 1ull << 32);
    LuaState::of(raw).charge(each == 0 ? 0 : turns * (1 + each / 32) / 8);
    if (each == 0) {
      lua_pushliteral(raw, "");
      return 1;
    }
  }
  return lua_tocfunction(raw, lua_upvalueindex(1))(raw);
}

// What one conversion of `format` costs: digits of a double are worked out one by one, and %f may
// want more than three hundred of them.
std::uint64_t unitsOfConversion(char conversion) {
  switch (conversion) {
    case 'f':
    case 'F':
      return 600;
    case 'a':
    case 'A':
    case 'e':
    case 'E':
    case 'g':
    case 'G':
    case 'q':
      return 60;
    default:
      return 10;
  }
}

// Lua's own format reads each argument once and refuses widths past two digits; what is left to
// refuse are addresses (%p, and tables or functions as %s), which no verdict should depend on.
int format(lua_State* raw) {
  const std::string_view pattern = checkText(raw, 1);
  const int arguments = lua_gettop(raw);
  chargeArguments(raw);
  for (std::size_t at = pattern.find('%'); at != std::string_view::npos;
       at = pattern.find('%', at)) {
    const std::size_t conversion = pattern.find_first_not_of("-+ #0123456789.", at + 1);
    if (conversion == std::string_view::npos) break;
    if (pattern[conversion] == 'p') return luaL_error(raw, "invalid conversion '%%p' to 'format'");
    LuaState::of(raw).charge(unitsOfConversion(pattern[conversion]));
    at = conversion + 1;
  }
  for (int i = 2; i <= arguments; ++i) {
    const int type = lua_type(raw, i);
    if (type == LUA_TSTRING || type == LUA_TNUMBER || type == LUA_TBOOLEAN || type == LUA_TNIL) {
      continue;
    }
    pushText(raw, i);
    lua_replace(raw, i);
  }
  return lua_tocfunction(raw, lua_upvalueindex(1))(raw);
}

// utf8.char: each argument becomes a text of its own on the way.
int utf8Char(lua_State* raw) {
  chargeArguments(raw);
  LuaState::of(raw).charge(4 * static_cast<std::uint64_t>(lua_gettop(raw)));
  return lua_tocfunction(raw, lua_upvalueindex(1))(raw);
}

// The iterator of utf8.codes(text): Lua's own (upvalue 1), which skips over any number of
// continuation bytes, so they are counted first. More than three in a row are no UTF-8.
int nextCode(lua_State* raw) {
  const std::string_view text = checkText(raw, 1);
  const lua_Integer position = luaL_checkinteger(raw, 2);
  LuaState::of(raw).charge(1);
  if (position > 0 && static_cast<lua_Unsigned>(position) < text.size()) {
    const std::string_view rest = text.substr(static_cast<std::size_t>(position), 4);
    const bool is_run = rest.size() == 4 && std::all_of(rest.begin(), rest.end(), [](char c) {
                          return (static_cast<unsigned char>(c) & 0xC0) == 0x80;
                        });
    if (is_run) return luaL_error(raw, "invalid UTF-8 code");
  }
  return lua_tocfunction(raw, lua_upvalueindex(1))(raw);
}

// utf8.codes(text [, lax])
int utf8Codes(lua_State* raw) {
  chargeArguments(raw);
  lua_tocfunction(raw, lua_upvalueindex(1))(raw);  // iterator, text, 0
  lua_pushvalue(raw, -3);
  lua_pushcclosure(raw, &nextCode, 1);
  lua_replace(raw, -4);
  return 3;
}

void setBounded(lua_State* raw, const char* name, lua_CFunction function) {
  lua_pushcfunction(raw, function);
  lua_setfield(raw, -2, name);
}

void wrapBounded(lua_State* raw, const char* name, lua_CFunction function) {
  lua_getfield(raw, -1, name);
  lua_pushcclosure(raw, function, 1);
  lua_setfield(raw, -2, name);
}

void removeFunction(lua_State* raw, const char* name) {
  lua_pushnil(raw);
  lua_setfield(raw, -2, name);
}

}  // namespace

void pushStringLibrary(lua_State* raw) {
  luaL_requiref(raw, LUA_STRLIBNAME, &luaopen_string, 0);
  for (const char* const name : {"dump", "pack", "unpack", "packsize"}) removeFunction(raw, name);
  for (const char* const name : {"upper", "lower", "reverse", "sub", "byte", "char"}) {
    chargeFunction(raw, name);
  }
  setBounded(raw, "find", &find);
  setBounded(raw, "match", &match);
  setBounded(raw, "gmatch", &gmatch);
  setBounded(raw, "gsub", &gsub);
  wrapBounded(raw, "rep", &rep);
  wrapBounded(raw, "format", &format);
  // Methods of strings (`text:find(...)`) come from the same bounded table; nobody gets to see it.
  lua_pushliteral(raw, "");
  lua_getmetatable(raw, -1);
  lua_pushvalue(raw, -3);
  lua_setfield(raw, -2, "__index");
  lua_pushboolean(raw, 0);
  lua_setfield(raw, -2, "__metatable");
  lua_pop(raw, 2);
}

void pushUtf8Library(lua_State* raw) {
  luaL_requiref(raw, LUA_UTF8LIBNAME, &luaopen_utf8, 0);
  for (const char* const name : {"codepoint", "len", "offset"}) chargeFunction(raw, name);
  wrapBounded(raw, "char", &utf8Char);
  wrapBounded(raw, "codes", &utf8Codes);
}

}  // namespace edgehold
