// SPDX-License-Identifier: Apache-2.0
// The basic functions of rules, and what the bounded libraries share.
// Thread: one loop.
#pragma once

#include <lua.h>

namespace edgehold {

// Sets assert error ipairs next pairs pcall select tonumber tostring type xpcall in the table on
// top. Protected calls cannot catch a spent budget.
void setBaseFunctions(lua_State* raw);
// Pushes `math` without the functions that are not deterministic.
void pushMathLibrary(lua_State* raw);

// Pushes the value at `index` as text. Unlike Lua's own it shows no addresses.
void pushText(lua_State* raw, int index);

// Charges the bytes of all text arguments of the running function.
void chargeArguments(lua_State* raw);
// Replaces the function `name` of the library on top by one that charges its text arguments first.
void chargeFunction(lua_State* raw, const char* name);

}  // namespace edgehold
