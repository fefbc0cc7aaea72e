// SPDX-License-Identifier: Apache-2.0
// The `string` and `utf8` libraries of rules: Lua's own where they are quick, bounded versions
// where they are not.
// Thread: one loop.
#pragma once

#include <lua.h>

namespace edgehold {

// Each pushes the library as a plain table; string also locks the metatable of strings.
void pushStringLibrary(lua_State* raw);
void pushUtf8Library(lua_State* raw);

}  // namespace edgehold
