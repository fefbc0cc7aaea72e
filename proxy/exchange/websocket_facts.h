// SPDX-License-Identifier: Apache-2.0
// What is known of one message of an inspected WebSocket, and of a socket that is over.
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edgehold {

// An exchange with these is one message: its body is the payload, its head and facts are those of
// the request that opened the socket.
struct MessageFacts {
  enum class Direction : std::uint8_t { kToUpstream, kToClient };
  Direction direction = Direction::kToUpstream;
  bool is_text = true;
  std::uint64_t number = 0;    // from 1, in its direction
  std::string_view socket_id;  // the request that opened it
};

// Whose end was first.
enum class SocketEnder : std::uint8_t { kNobody, kClient, kUpstream, kEdgehold };

struct WebSocketReport {
  bool is_inspected = false;          // otherwise nobody knows of messages and close codes
  std::uint64_t messages_in = 0;      // from the client
  std::uint64_t messages_out = 0;     // from the upstream
  std::uint64_t messages_denied = 0;  // of both
  std::uint16_t close_code = 0;       // 0: there was none
  SocketEnder ender = SocketEnder::kNobody;
};

}  // namespace edgehold
