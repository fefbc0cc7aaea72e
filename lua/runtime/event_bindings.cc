// SPDX-License-Identifier: Apache-2.0
// `event`, the first argument of on_sse_event: one server-sent event as a client would see it.
// Thread: one loop.
#include <string>

#include "lua/runtime/bindings.h"
#include "lua/runtime/rule_token.h"

namespace edgehold {
namespace {

// Registry key of the metatable: its address.
char event_meta_key;

enum Part : int { kJsonPart = 1, kParts = 1 };

const Result<JsonDocument>& documentOf(lua_State* raw, RuleCall& call) {
  if (!call.event_json) {
    // As for a body: parsed once for all rules, so its time is nobody's in particular.
    LuaState& state = LuaState::of(raw);
    const Instant before = state.now();
    call.event_json.emplace(call.json.parse(call.event->data));
    state.excuse(state.now() - before);
  }
  return *call.event_json;
}

void pushEventJson(lua_State* raw, RuleCall& call) {
  if (lua_getiuservalue(raw, 1, kJsonPart) != LUA_TNIL) return;
  lua_pop(raw, 1);
  const Result<JsonDocument>& document = documentOf(raw, call);
  if (!document) {
    // What another parser may read must not look like nothing to a rule that has not asked.
    if (!call.knows_json_error) {
      call.json_refusal = document.error().message;
      luaL_error(raw, "event.json: %s", call.json_refusal.c_str());
    }
    return lua_pushnil(raw);
  }
  pushJson(raw, call.generation, document->root());
  lua_pushvalue(raw, -1);
  lua_setiuservalue(raw, 1, kJsonPart);
}

int eventIndex(lua_State* raw) {
  RuleCall& call = callOfToken(raw);
  const std::string_view key = keyOf(raw);
  if (key == "data") {
    pushText(raw, call.event->data);
  } else if (key == "type") {
    pushText(raw, call.event->type);
  } else if (key == "json") {
    pushEventJson(raw, call);
  } else if (key == "json_error") {
    const Result<JsonDocument>& document = documentOf(raw, call);
    call.knows_json_error = true;
    pushKnown(raw, document ? std::string_view() : std::string_view(document.error().message));
  } else if (key == "id") {
    pushKnown(raw, call.event->id);
  } else {
    return refuseField(raw, "event");
  }
  return 1;
}

}  // namespace

void openEvents(LuaState& state) {
  registerToken(state.raw(), "event", event_meta_key, &eventIndex);
}

void pushEvent(lua_State* raw) {
  pushToken(raw, LuaState::of(raw).rule_call->generation, event_meta_key, kParts);
}

}  // namespace edgehold
