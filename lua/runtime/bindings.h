// SPDX-License-Identifier: Apache-2.0
// What rules see of a request and how they answer: the names of the rule API, in C++.
// lua/types/edgehold.lua describes the same for editors.
// Thread: one loop.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string_view>

#include "lua/runtime/rule_call.h"
#include "lua/runtime/rule_entry.h"
#include "lua/runtime/state.h"

namespace edgehold {

struct RuleVerdict {
  enum class Kind : std::uint8_t {
    kAllow,
    kDeny,  // of an event: it is dropped
    kHold,  // requests only
    kCut,   // events only: the stream ends
  };
  Kind kind = Kind::kAllow;
  std::string_view rule;    // its id; lives with the rule set; empty for allow
  std::string_view reason;  // bounded by limits::kFactBytesMax; see RuleEngine for its life
  std::optional<std::chrono::seconds> ttl;  // of a hold; nothing: the operator's default
};

// Sets the globals allow deny hold cut set_fact tag now ip json state regex. REQUIRES:
// openSandbox().
void openBindings(LuaState& state);
// The parts of it, each a file.
void openVerdicts(LuaState& state);
void openRequests(LuaState& state);
void openEvents(LuaState& state);
void openJson(LuaState& state);
void openValues(LuaState& state);
void openMemory(LuaState& state);
void openRegex(LuaState& state);

// Pushes the `request` object of the call under way. REQUIRES: not metered.
void pushRequest(lua_State* raw);
// Pushes its `event` object. REQUIRES: not metered; the call is about an event.
void pushEvent(lua_State* raw);
// Pushes a JSON value: scalars as Lua values, null as nil, containers as lazy objects.
void pushJson(lua_State* raw, std::uint64_t generation, JsonValue value);

// What `entry` returned, on top of the stack. The reason still lies in Lua's memory. Errors:
// kRuleFailed for anything that is no verdict on what was asked.
Result<RuleVerdict> readVerdict(lua_State* raw, RuleEntry entry);

}  // namespace edgehold
