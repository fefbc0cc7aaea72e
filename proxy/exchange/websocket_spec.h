// SPDX-License-Identifier: Apache-2.0
// `websocket:` of a route: that its requests may open a WebSocket, and what may pass through it.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>

#include "proxy/base/limits.h"

namespace edgehold {

struct WebSocketSpec {
  // The words in which the messages of an application say who asks what, and what failed.
  enum class Protocol : std::uint8_t { kNone, kOpenClaw };

  // Frames are read, and whole messages pass the chain. Otherwise bytes pass as they are, and
  // everything below but `idle_timeout` says nothing.
  bool is_inspected = false;
  bool allows_binary = true;
  Protocol protocol = Protocol::kNone;
  std::size_t message_bytes_max = limits::kWebSocketMessageBytesDefault;
  // Until the application has accepted who is there; 0: message_bytes_max from the start.
  std::size_t first_message_bytes_max = 0;
  std::chrono::nanoseconds idle_timeout = limits::kWebSocketIdleTimeout;

  bool operator==(const WebSocketSpec&) const = default;
};

}  // namespace edgehold
