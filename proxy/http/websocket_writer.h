// SPDX-License-Identifier: Apache-2.0
// Composes WebSocket frames: always whole messages, in one frame each (RFC 6455 5.2).
// Thread: one loop.
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/http/websocket_frame.h"

namespace edgehold {

// `mask`: a fresh random key for what goes to a server, nothing for what goes to a client.
// REQUIRES: a control frame's payload is at most kWebSocketControlBytesMax.
void appendFrame(Buffer& out, WebSocketOpcode opcode, ByteView payload,
                 std::optional<WebSocketMaskKey> mask);

// `code`: nothing for a close without one; the reason is then left out too. A reason that is too
// long is cut where a character ends. REQUIRES: a sendable code, a reason that is UTF-8.
void appendClose(Buffer& out, std::optional<std::uint16_t> code, std::string_view reason,
                 std::optional<WebSocketMaskKey> mask);

}  // namespace edgehold
