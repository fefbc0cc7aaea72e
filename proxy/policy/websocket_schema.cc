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

// A key without effect is a mistake: whoever wrote it believes in it.
void requireInspection(ConfigReader& reader) {
  constexpr std::array<std::string_view, 4> kKeys = {"protocol", "message_bytes",
                                                     "message_bytes_unauthenticated", "binary"};
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
  spec.first_message_bytes_max =
      reader.bytes("message_bytes_unauthenticated",
                   is_openclaw ? limits::kWebSocketMessageBytesFirst : 0, kMost);
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
  auto reader = route.child("websocket");
  if (!reader) return std::nullopt;
  WebSocketSpec spec;
  spec.is_inspected = reader->boolean("inspect", false);
  spec.idle_timeout = readWait(*reader, "idle_timeout", spec.idle_timeout);
  spec.is_inspected ? readInspection(*reader, spec) : requireInspection(*reader);
  reader->finish();
  return spec;
}

}  // namespace edgehold
