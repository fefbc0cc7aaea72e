// SPDX-License-Identifier: Apache-2.0
// Runs the built-in Lua modules, each of which returns the table that becomes its global.
// Thread: one loop.
#include "lua/runtime/stdlib.h"

#include <string>

#include "lua/runtime/sandbox.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

constexpr std::string_view kTestModule = "test";
constexpr int kTestNatives = 3;  // evaluate, report, set_state

// The `arguments` values on top are passed to the module and popped.
void openModule(LuaState& state, const StdlibModule& module, int arguments) {
  const std::string name(module.name);
  const auto loaded = loadChunk(state, "stdlib/" + name + ".lua", module.text);
  CHECK(loaded) << loaded.error().message;
  lua_insert(state.raw(), -1 - arguments);
  const auto ran = state.call(arguments, 1);
  CHECK(ran) << ran.error().message;
  setGlobal(state, name.c_str());
}

}  // namespace

void openStdlib(LuaState& state) {
  for (const StdlibModule& module : stdlibModules()) {
    if (module.name != kTestModule) openModule(state, module, 0);
  }
}

void openTestLibrary(LuaState& state) {
  for (const StdlibModule& module : stdlibModules()) {
    if (module.name == kTestModule) openModule(state, module, kTestNatives);
  }
}

}  // namespace edgehold
