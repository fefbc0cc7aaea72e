// SPDX-License-Identifier: Apache-2.0
// The `table` library of rules: no metamethods, every element charged.
// Thread: one loop.
#pragma once

#include <lua.h>

namespace edgehold {

// Pushes the library as a plain table.
void pushTableLibrary(lua_State* raw);

}  // namespace edgehold
