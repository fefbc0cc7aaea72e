// SPDX-License-Identifier: Apache-2.0
// The environment: an empty table per file in front of one shared table of what exists.
// Thread: one loop.
#include "lua/runtime/sandbox.h"

#include <algorithm>

#include "lua/runtime/safe_base.h"
#include "lua/runtime/safe_string.h"
#include "lua/runtime/safe_table.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

// Registry keys: their addresses.
char globals_key;
char environment_meta_key;

int refuseWrite(lua_State* raw) {
  if (lua_type(raw, 2) == LUA_TSTRING) {
    return luaL_error(raw, "`%s` cannot be assigned: the rule API is read-only (missing `local`?)",
                      lua_tostring(raw, 2));
  }
  return luaL_error(raw, "the rule API is read-only");
}

// A misspelt name must not read as nil and let a comparison fail quietly.
int refuseUndefined(lua_State* raw) {
  if (lua_type(raw, 2) == LUA_TSTRING) {
    return luaL_error(raw, "`%s` is not defined in rules", lua_tostring(raw, 2));
  }
  return luaL_error(raw, "there is no such global");
}

// Pushes a metatable that reads from the table below it (popped) and refuses writes.
void pushReadOnlyMeta(lua_State* raw) {
  lua_createtable(raw, 0, 3);
  lua_insert(raw, -2);
  lua_setfield(raw, -2, "__index");
  lua_pushcfunction(raw, &refuseWrite);
  lua_setfield(raw, -2, "__newindex");
  lua_pushboolean(raw, 0);
  lua_setfield(raw, -2, "__metatable");
}

// Replaces the table on top by an empty one that shows its content.
void makeReadOnly(lua_State* raw) {
  pushReadOnlyMeta(raw);
  lua_createtable(raw, 0, 0);
  lua_insert(raw, -2);
  lua_setmetatable(raw, -2);
}

// Pops the library on top into the globals (below it), read-only.
void addLibrary(lua_State* raw, const char* name) {
  makeReadOnly(raw);
  lua_setfield(raw, -2, name);
}

int openLibraries(lua_State* raw) {
  lua_createtable(raw, 0, 48);
  setBaseFunctions(raw);
  pushMathLibrary(raw);
  addLibrary(raw, LUA_MATHLIBNAME);
  pushStringLibrary(raw);
  addLibrary(raw, LUA_STRLIBNAME);
  pushTableLibrary(raw);
  addLibrary(raw, LUA_TABLIBNAME);
  pushUtf8Library(raw);
  addLibrary(raw, LUA_UTF8LIBNAME);

  // The globals themselves answer for names that are not there.
  lua_createtable(raw, 0, 1);
  lua_pushcfunction(raw, &refuseUndefined);
  lua_setfield(raw, -2, "__index");
  lua_setmetatable(raw, -2);

  lua_pushvalue(raw, -1);
  lua_rawsetp(raw, LUA_REGISTRYINDEX, &globals_key);
  pushReadOnlyMeta(raw);
  lua_rawsetp(raw, LUA_REGISTRYINDEX, &environment_meta_key);
  // What luaL_requiref left behind: Lua's full libraries must not be reachable by anybody.
  lua_pushnil(raw);
  lua_setfield(raw, LUA_REGISTRYINDEX, LUA_LOADED_TABLE);
  lua_createtable(raw, 0, 0);
  lua_rawseti(raw, LUA_REGISTRYINDEX, LUA_RIDX_GLOBALS);
  return 0;
}

// Arguments: name, value.
int assignGlobal(lua_State* raw) {
  lua_rawgetp(raw, LUA_REGISTRYINDEX, &globals_key);
  lua_insert(raw, 1);
  if (lua_type(raw, 3) == LUA_TTABLE) makeReadOnly(raw);
  lua_rawset(raw, 1);
  return 0;
}

// A rule that puts another table in the place of its environment would escape nothing, but would
// lose the errors for misspelt names, and Lua's compiler has had faults there.
Result<void> refuseEnvironmentName(const std::string& file, std::string_view text) {
  const std::size_t at = text.find("_ENV");
  if (at == std::string_view::npos) return {};
  const auto line = 1 + std::count(text.begin(), text.begin() + static_cast<long>(at), '\n');
  return fail(Reason::kRuleFailed,
              file + ":" + std::to_string(line) + ": `_ENV` is not part of the rule language");
}

struct ChunkText {
  const std::string* name;
  std::string_view text;
};

// Argument: a ChunkText. Returns the chunk, or raises the compiler's message.
int compileChunk(lua_State* raw) {
  const auto& chunk = *static_cast<const ChunkText*>(lua_touserdata(raw, 1));
  if (luaL_loadbufferx(raw, chunk.text.data(), chunk.text.size(), chunk.name->c_str(), "t") !=
      LUA_OK) {
    return lua_error(raw);
  }
  lua_createtable(raw, 0, 0);
  lua_rawgetp(raw, LUA_REGISTRYINDEX, &environment_meta_key);
  lua_setmetatable(raw, -2);
  // A chunk has one upvalue, _ENV (manual 3.2).
  lua_setupvalue(raw, -2, 1);
  return 1;
}

}  // namespace

void openSandbox(LuaState& state) {
  lua_pushcfunction(state.raw(), &openLibraries);
  const Result<void> opened = state.call(0, 0);
  CHECK(opened) << opened.error().message;
}

void setGlobal(LuaState& state, const char* name) {
  lua_State* const raw = state.raw();
  lua_pushcfunction(raw, &assignGlobal);
  lua_insert(raw, -2);
  lua_pushstring(raw, name);
  lua_insert(raw, -2);
  const Result<void> assigned = state.call(2, 0);
  CHECK(assigned) << assigned.error().message;
}

Result<void> loadChunk(LuaState& state, const std::string& file, std::string_view text) {
  TRY(refuseEnvironmentName(file, text));
  const std::string chunk_name = "@" + file;
  ChunkText chunk{&chunk_name, text};
  lua_pushcfunction(state.raw(), &compileChunk);
  lua_pushlightuserdata(state.raw(), &chunk);
  Result<void> compiled = state.call(1, 1);
  // The compiler names the place of every mistake, except that of a text that is no Lua source.
  if (compiled || compiled.error().message.starts_with(file + ":")) return compiled;
  return fail(compiled.error().within(file));
}

}  // namespace edgehold
