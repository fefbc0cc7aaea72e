// SPDX-License-Identifier: Apache-2.0
// The request that a Lua state works on just now. Objects given to rules carry its generation, so
// that one kept past its call is dead and says so, instead of showing another request or freed
// memory.
// Thread: one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "lua/runtime/rule_memory.h"
#include "lua/runtime/state.h"
#include "proxy/base/json.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http/sse.h"

namespace edgehold {

struct RuleCall {
  Exchange& exchange;
  JsonPool& json;
  std::uint64_t generation;
  RuleMemory* memory = nullptr;     // null: there is none here
  std::string_view rule{};          // whose check is running
  std::size_t memory_uses = 0;      // of that rule, so far
  bool knows_json_error = false;    // the rule has asked why the body is no JSON: it judges that
  std::string json_refusal{};       // what stopped a rule that has not
  const SseEvent* event = nullptr;  // what on_sse_event is asked about
  std::optional<Result<JsonDocument>> event_json{};
};

// The call under way. Raises a Lua error when there is none (a rule file that is being loaded).
RuleCall& currentCall(lua_State* raw);
// The same, which must be the one that `generation` was made in.
RuleCall& liveCall(lua_State* raw, std::uint64_t generation);

}  // namespace edgehold
