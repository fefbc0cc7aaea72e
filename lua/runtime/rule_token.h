// SPDX-License-Identifier: Apache-2.0
// Objects given to rules: userdata that only names the call it belongs to. What it shows is read
// when it is asked for. Thread: one loop.
#pragma once

#include <cstdint>
#include <string_view>

#include "lua/runtime/rule_call.h"

namespace edgehold {

// Pushes an object of the metatable at `meta_key`, with room for `parts` values of its own.
void pushToken(lua_State* raw, std::uint64_t generation, const char& meta_key, int parts);
// A metatable of that name: `index` reads a field, nothing can be written.
void registerToken(lua_State* raw, const char* name, const char& meta_key, lua_CFunction index);
// The call of the object at index 1. Raises a Lua error when it is over.
RuleCall& callOfToken(lua_State* raw);
// The field name at index 2; empty for a key that is no text.
std::string_view keyOf(lua_State* raw);
// Raises a Lua error.
int refuseField(lua_State* raw, const char* object);

void pushText(lua_State* raw, std::string_view text);
// Empty means not known, as in Facts.
void pushKnown(lua_State* raw, std::string_view text);

}  // namespace edgehold
