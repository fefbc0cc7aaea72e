// SPDX-License-Identifier: Apache-2.0
// Frame heads and masks behind websocket_frame.h.
// Thread: any (immutable).
#include "proxy/http/websocket_frame.h"

#include <cstring>

namespace edgehold {
namespace {

constexpr unsigned kFinalBit = 0x80;
constexpr unsigned kReservedBits = 0x70;
constexpr unsigned kMaskBit = 0x80;
constexpr unsigned kLength16 = 126;
constexpr unsigned kLength64 = 127;

unsigned octetAt(ByteView bytes, std::size_t at) { return static_cast<unsigned char>(bytes[at]); }

std::uint64_t numberAt(ByteView bytes, std::size_t at, std::size_t octets) {
  std::uint64_t value = 0;
  for (std::size_t i = 0; i < octets; ++i) value = value << 8 | octetAt(bytes, at + i);
  return value;
}

bool isKnownOpcode(unsigned opcode) { return opcode <= 2 || (opcode >= 8 && opcode <= 10); }

tl::unexpected<Error> broken(const char* law) { return fail(Reason::kMalformedRequest, law); }

// What the first two octets say, but for lengths that follow them.
Result<WebSocketFrameHead> parseStart(ByteView bytes, bool must_be_masked) {
  const unsigned first = octetAt(bytes, 0);
  if ((first & kReservedBits) != 0) return broken("frame: a reserved bit is set");
  const unsigned opcode = first & 0x0F;
  if (!isKnownOpcode(opcode)) return broken("frame: unknown opcode");
  WebSocketFrameHead head;
  head.opcode = static_cast<WebSocketOpcode>(opcode);
  head.is_final = (first & kFinalBit) != 0;
  if (isControlOpcode(head.opcode) && !head.is_final) return broken("frame: fragmented control");
  if (bytes.size() < 2) return head;
  const unsigned second = octetAt(bytes, 1);
  head.is_masked = (second & kMaskBit) != 0;
  if (head.is_masked != must_be_masked) {
    return broken(must_be_masked ? "frame: not masked" : "frame: masked by a server");
  }
  head.payload_bytes = second & ~kMaskBit;
  if (isControlOpcode(head.opcode) && head.payload_bytes > kWebSocketControlBytesMax) {
    return broken("frame: control of more than 125 octets");
  }
  return head;
}

inline std::uint64_t wordAt(const char* at) {
  std::uint64_t word = 0;
  std::memcpy(&word, at, sizeof word);
  return word;
}

inline void putWord(char* at, std::uint64_t word) { std::memcpy(at, &word, sizeof word); }

}  // namespace

bool isCloseCodeSendable(std::uint16_t code) {
  if (code >= 3000) return code <= 4999;
  return (code >= 1000 && code <= 1003) || (code >= 1007 && code <= 1014);
}

Result<std::optional<WebSocketFrameHead>> parseWebSocketFrameHead(ByteView bytes,
                                                                  bool must_be_masked) {
  if (bytes.empty()) return std::nullopt;
  TRY_ASSIGN(WebSocketFrameHead head, parseStart(bytes, must_be_masked));
  if (bytes.size() < 2) return std::nullopt;
  const std::size_t length_octets = head.payload_bytes == kLength16   ? 2
                                    : head.payload_bytes == kLength64 ? 8
                                                                      : 0;
  if (bytes.size() < 2 + length_octets) return std::nullopt;
  if (length_octets != 0) {
    head.payload_bytes = numberAt(bytes, 2, length_octets);
    // RFC 6455 5.2: one length has one spelling.
    if (head.payload_bytes < kLength16 || (length_octets == 8 && head.payload_bytes <= 0xFFFF)) {
      return broken("frame: length is not in its shortest form");
    }
    if (head.payload_bytes >> 63 != 0) return broken("frame: length past 63 bits");
  }
  const std::size_t mask_octets = head.is_masked ? head.mask_key.size() : 0;
  const std::size_t head_bytes = 2 + length_octets + mask_octets;
  if (bytes.size() < head_bytes) return std::nullopt;
  std::memcpy(head.mask_key.data(), bytes.data() + 2 + length_octets, mask_octets);
  head.head_bytes = static_cast<std::uint8_t>(head_bytes);
  return head;
}

bool maskInto(char* out, ByteView in, WebSocketMaskKey key) {
  constexpr std::uint64_t kHighBits = 0x8080808080808080;
  constexpr std::size_t kWord = sizeof(std::uint64_t);
  const std::array<char, kWord> twice = {key[0], key[1], key[2], key[3],
                                         key[0], key[1], key[2], key[3]};
  const std::uint64_t mask = wordAt(twice.data());
  const char* from = in.data();
  const char* const end = from + in.size();
  std::uint64_t seen = 0;
  for (; end - from >= static_cast<std::ptrdiff_t>(4 * kWord);
       from += 4 * kWord, out += 4 * kWord) {
    const std::uint64_t a = wordAt(from) ^ mask;
    const std::uint64_t b = wordAt(from + kWord) ^ mask;
    const std::uint64_t c = wordAt(from + 2 * kWord) ^ mask;
    const std::uint64_t d = wordAt(from + 3 * kWord) ^ mask;
    putWord(out, a);
    putWord(out + kWord, b);
    putWord(out + 2 * kWord, c);
    putWord(out + 3 * kWord, d);
    seen |= a | b | c | d;
  }
  for (; end - from >= static_cast<std::ptrdiff_t>(kWord); from += kWord, out += kWord) {
    const std::uint64_t word = wordAt(from) ^ mask;
    putWord(out, word);
    seen |= word;
  }
  for (std::size_t i = 0; from < end; ++i, ++from, ++out) {
    *out = static_cast<char>(*from ^ key[i % key.size()]);
    seen |= static_cast<unsigned char>(*out);
  }
  return (seen & kHighBits) == 0;
}

WebSocketMaskKey advanceMaskKey(WebSocketMaskKey key, std::uint64_t octets) {
  WebSocketMaskKey advanced{};
  for (std::size_t i = 0; i < key.size(); ++i) advanced[i] = key[(i + octets) % key.size()];
  return advanced;
}

}  // namespace edgehold
