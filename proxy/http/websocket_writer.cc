// SPDX-License-Identifier: Apache-2.0
// The frames behind websocket_writer.h.
// Thread: one loop.
#include "proxy/http/websocket_writer.h"

#include <algorithm>
#include <cstring>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

constexpr std::size_t kCodeBytes = 2;
constexpr std::size_t kReasonBytesMax = kWebSocketControlBytesMax - kCodeBytes;

// Writes the low `octets` octets of `value`, the highest first.
char* putNumber(char* at, std::uint64_t value, std::size_t octets) {
  for (std::size_t i = octets; i > 0; --i) *at++ = static_cast<char>(value >> (8 * (i - 1)));
  return at;
}

char* putLength(char* at, std::uint64_t bytes, unsigned mask_bit) {
  const auto start = [mask_bit](std::uint64_t value) {
    return static_cast<char>(mask_bit | value);
  };
  if (bytes <= 125) {
    *at++ = start(bytes);
    return at;
  }
  const bool is_short = bytes <= 0xFFFF;
  *at++ = start(is_short ? 126 : 127);
  return putNumber(at, bytes, is_short ? 2 : 8);
}

}  // namespace

void appendFrame(Buffer& out, WebSocketOpcode opcode, ByteView payload,
                 std::optional<WebSocketMaskKey> mask) {
  DCHECK(!isControlOpcode(opcode) || payload.size() <= kWebSocketControlBytesMax);
  char* const start = out.prepare(kWebSocketHeadBytesMax + payload.size()).data();
  char* at = start;
  *at++ = static_cast<char>(0x80 | static_cast<unsigned>(opcode));
  at = putLength(at, payload.size(), mask ? 0x80 : 0);
  if (mask) {
    at = std::copy(mask->begin(), mask->end(), at);
    maskInto(at, payload, *mask);
  } else if (!payload.empty()) {
    std::memcpy(at, payload.data(), payload.size());
  }
  out.commit(static_cast<std::size_t>(at - start) + payload.size());
}

void appendClose(Buffer& out, std::optional<std::uint16_t> code, std::string_view reason,
                 std::optional<WebSocketMaskKey> mask) {
  if (!code) return appendFrame(out, WebSocketOpcode::kClose, {}, mask);
  DCHECK(isCloseCodeSendable(*code));
  std::size_t reason_bytes = reason.size();
  if (reason_bytes > kReasonBytesMax) {
    reason_bytes = kReasonBytesMax;
    while (reason_bytes > 0 && (reason[reason_bytes] & 0xC0) == 0x80) --reason_bytes;
  }
  std::array<char, kWebSocketControlBytesMax> payload;
  char* const end = putNumber(payload.data(), *code, kCodeBytes);
  std::copy_n(reason.data(), reason_bytes, end);
  appendFrame(out, WebSocketOpcode::kClose, {payload.data(), kCodeBytes + reason_bytes}, mask);
}

}  // namespace edgehold
