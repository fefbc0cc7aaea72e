// SPDX-License-Identifier: Apache-2.0
// Reads what a route says of WebSockets.
// Thread: main only.
#include "proxy/policy/websocket_schema.h"

#include <array>
#include <string>
#include <string_view>

#include "proxy/base/config_units.h"
#include "proxy/base/limits.h"
#include "proxy/policy/schema.h"

namespace edgehold {
namespace {

using Protocol = WebSocketSpec::Protocol;

constexpr std::string_view kFirstBytes = "message_bytes_unauthenticated";

// A key without effect is a mistake: whoever wrote it believes in it.
void requireInspection(ConfigReader& reader) {
  constexpr std::array kKeys = {std::string_view("protocol"), std::string_view("message_bytes"),
                                kFirstBytes, std::string_view("binary")};
  for (const std::string_view key : kKeys) {
    if (reader.has(key)) reader.reject(key, "needs `inspect: true`");
  }
}

void readInspection(ConfigReader& reader, WebSocketSpec& spec) {
  constexpr std::size_t kMost = limits::kWebSocketMessageBytesCeiling;
  spec.protocol = reader.choice<Protocol>(
      "protocol", Protocol::kNone, {{"none", Protocol::kNone}, {"openclaw", Protocol::kOpenClaw}});
  const bool is_openclaw = spec.protocol == Protocol::kOpenClaw;
  spec.message_bytes_max = reader.bytes("message_bytes", spec.message_bytes_max, kMost);
  if (spec.message_bytes_max == 0) {
    reader.reject("message_bytes", "must be at least `1B`: no message would pass");
  }
  spec.first_message_bytes_max =
      reader.bytes(kFirstBytes, is_openclaw ? limits::kWebSocketMessageBytesFirst : 0, kMost);
  if (reader.has(kFirstBytes) && spec.first_message_bytes_max > spec.message_bytes_max) {
    reader.reject(kFirstBytes, "is more than `message_bytes`, `" +
                                   formatByteCount(spec.message_bytes_max) +
                                   "`, which bounds every message");
  }
  if (is_openclaw && spec.message_bytes_max > limits::kJsonBytesMax) {
    reader.reject("message_bytes", "`protocol: openclaw` reads JSON: at most `" +
                                       formatByteCount(limits::kJsonBytesMax) + "`");
  }
  // The gateway reads JSON out of binary messages as well, past whoever looks at text only.
  spec.allows_binary =
      reader.choice<bool>("binary", !is_openclaw, {{"allow", true}, {"refuse", false}});
}

}  // namespace

std::optional<WebSocketSpec> readWebSocket(ConfigReader& route) {
  const ConfigNode* const node = route.find("websocket");
  if (node != nullptr && node->kind == ConfigNode::Kind::kNull) {
    route.reject("websocket",
                 "says nothing: write `{inspect: true}` to have messages judged, `{}` to let them "
                 "pass unread, or leave it out to open no WebSockets");
    return std::nullopt;
  }
  auto reader = route.child("websocket");
  if (!reader) return std::nullopt;
  WebSocketSpec spec;
  spec.is_inspected = reader->boolean("inspect", false);
  spec.idle_timeout = readWait(*reader, "idle_timeout", spec.idle_timeout);
  spec.is_inspected ? readInspection(*reader, spec) : requireInspection(*reader);
  reader->finish();
  return spec;
}

void warnOfWebSocket(const Route& route, std::vector<std::string>& warnings) {
  if (!route.websocket()) return;
  const std::string place = "route `" + route.name() + "`: ";
  for (const ChainEntry& entry : route.chain().entries()) {
    if (!entry.needs.event || entry.mode != FilterMode::kEnforce) continue;
    warnings.push_back(place + "`" + entry.name +
                       "` wants an event, and a request to upgrade brings none: every WebSocket "
                       "is refused; give `websocket` to a route without it");
  }
  if (route.websocket()->is_inspected || !route.chain().bodyPlan().ws_answers) return;
  warnings.push_back(place +
                     "its rules have `on_message`, and no message is shown to them: write "
                     "`inspect: true` under `websocket`");
}

}  // namespace edgehold
