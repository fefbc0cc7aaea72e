// SPDX-License-Identifier: Apache-2.0
// A request described by a Lua table, as a real Exchange; and the engine's answer as a table.
// Thread: main only.
#pragma once

#include "lua/runtime/bindings.h"
#include "lua/runtime/state.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

// Fills `exchange` from the table at index 1 (stdlib/test.lua says with which fields). Raises a Lua
// error for what no real request could be.
void fillExchange(lua_State* raw, Exchange& exchange);

// Fills `event` from the table at index 2; false when there is none. Its texts live in `exchange`.
bool fillEvent(lua_State* raw, Exchange& exchange, SseEvent& event);

// Pushes { verdict, rule, reason, ttl, error, facts, tags }.
void pushAnswer(lua_State* raw, const Exchange& exchange, const Result<RuleVerdict>& verdict);

}  // namespace edgehold
