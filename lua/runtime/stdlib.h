// SPDX-License-Identifier: Apache-2.0
// The part of the rule API that is written in Lua (lua/stdlib), built into the program.
// Thread: one loop.
#pragma once

#include <span>
#include <string_view>

#include "lua/runtime/state.h"

namespace edgehold {

struct StdlibModule {
  std::string_view name;  // of the global it becomes
  std::string_view text;
};

// Generated at build time from lua/stdlib/*.lua.
std::span<const StdlibModule> stdlibModules();

// Sets the globals `match` and `time`. REQUIRES: openBindings(); not metered.
void openStdlib(LuaState& state);
// Sets the global `test`, for test files only, from the three functions on top: evaluate, report,
// set_state (rule_tests.cc), which are popped. REQUIRES: openStdlib().
void openTestLibrary(LuaState& state);

}  // namespace edgehold
