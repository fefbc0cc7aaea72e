// SPDX-License-Identifier: Apache-2.0
// One WebSocket frame: its head, its mask, and which close codes may be in it (RFC 6455 5.2, 5.3,
// 7.4). No extensions: every reserved bit is an error.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

namespace edgehold {

enum class WebSocketOpcode : std::uint8_t {
  kContinuation = 0,
  kText = 1,
  kBinary = 2,
  kClose = 8,
  kPing = 9,
  kPong = 10,
};

// Close, ping, pong: short, never fragmented, and they may come between the fragments of a message.
constexpr bool isControlOpcode(WebSocketOpcode opcode) { return opcode >= WebSocketOpcode::kClose; }

// RFC 6455 7.4.1 and the registry it opened: those that edgehold says.
namespace websocket_close {
inline constexpr std::uint16_t kNormal = 1000;
inline constexpr std::uint16_t kGoingAway = 1001;
inline constexpr std::uint16_t kProtocolError = 1002;
inline constexpr std::uint16_t kUnsupported = 1003;
inline constexpr std::uint16_t kNotUtf8 = 1007;
inline constexpr std::uint16_t kPolicyViolation = 1008;
inline constexpr std::uint16_t kTooBig = 1009;
inline constexpr std::uint16_t kInternalError = 1011;
inline constexpr std::uint16_t kServiceRestart = 1012;
inline constexpr std::uint16_t kTryAgainLater = 1013;
inline constexpr std::uint16_t kBadGateway = 1014;
}  // namespace websocket_close

// May the code be in a close frame? 1005, 1006 and 1015 only ever say that there was none.
bool isCloseCodeSendable(std::uint16_t code);

// The four octets as they stand in the frame.
using WebSocketMaskKey = std::array<char, 4>;

struct WebSocketFrameHead {
  std::uint64_t payload_bytes = 0;
  WebSocketMaskKey mask_key{};
  WebSocketOpcode opcode = WebSocketOpcode::kContinuation;
  std::uint8_t head_bytes = 0;  // the mask key included
  bool is_final = false;
  bool is_masked = false;
};

inline constexpr std::size_t kWebSocketHeadBytesMax = 14;
inline constexpr std::size_t kWebSocketControlBytesMax = 125;

// The head at the front of `bytes`; nothing when it is not all there. Fails as soon as the bytes
// that are there break a law: reserved bits, unknown opcodes, a mask where none may be or none
// where it must, long or fragmented control frames, lengths that are not minimal or past 63 bits.
Result<std::optional<WebSocketFrameHead>> parseWebSocketFrameHead(ByteView bytes,
                                                                  bool must_be_masked);

// Writes `in` masked (or unmasked: it is the same) to `out`, and says whether all that was written
// is ASCII. REQUIRES: room for in.size() at `out`, which is nowhere in `in`.
bool maskInto(char* out, ByteView in, WebSocketMaskKey key);

// The key for what follows `octets` more octets of the same frame.
WebSocketMaskKey advanceMaskKey(WebSocketMaskKey key, std::uint64_t octets);

}  // namespace edgehold
