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

void openModule(LuaState& state, const StdlibModule& module) {
  const std::string name(module.name);
  const auto loaded = loadChunk(state, "stdlib/" + name + ".lua", module.text);
  CHECK(loaded) << loaded.error().message;
  const auto ran = state.call(0, 1);
  CHECK(ran) << ran.error().message;
  setGlobal(state, name.c_str());
}

}  // namespace

void openStdlib(LuaState& state) {
  for (const StdlibModule& module : stdlibModules()) {
    if (module.name != kTestModule) openModule(state, module);
  }
}

void openTestLibrary(LuaState& state) {
  for (const StdlibModule& module : stdlibModules()) {
    if (module.name == kTestModule) openModule(state, module);
  }
}

}  // namespace edgehold
