// SPDX-License-Identifier: Apache-2.0
// What Lua code can name: a closed list, read-only. No load, require, io, os, debug, coroutine,
// metatables, raw access or bytecode, so nothing a rule writes runs outside its budget, and two
// rules share nothing but what the request carries.
// Thread: one loop.
#pragma once

#include <string>
#include <string_view>

#include "lua/runtime/state.h"

namespace edgehold {

// Opens the sandbox with the bounded libraries. REQUIRES: `state` is new and not yet metered.
void openSandbox(LuaState& state);

// Sets the global `name` for all code of this state to the value on top, and pops it. A table
// becomes read-only. REQUIRES: openSandbox(); not metered.
void setGlobal(LuaState& state, const char* name);

// Compiles `text` (never bytecode) with an environment of its own and pushes the chunk. `file` is
// what messages call it. Errors: kRuleFailed, with `file:line`.
Result<void> loadChunk(LuaState& state, const std::string& file, std::string_view text);

}  // namespace edgehold
