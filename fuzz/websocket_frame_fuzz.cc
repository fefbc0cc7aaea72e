// SPDX-License-Identifier: Apache-2.0
// A frame's head is one spelling: part of it says nothing else than the whole, and what was read is
// composed to the same octets again; masks come off as they went on.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/base/log.h"
#include "proxy/http/websocket_frame.h"
#include "proxy/http/websocket_writer.h"

namespace edgehold {
namespace {

void checkPrefixes(std::string_view bytes, bool must_be_masked) {
  const auto whole = parseWebSocketFrameHead(bytes, must_be_masked);
  for (std::size_t length = 0; length < std::min(bytes.size(), kWebSocketHeadBytesMax); ++length) {
    const std::string prefix(bytes.substr(0, length));
    const auto part = parseWebSocketFrameHead(prefix, must_be_masked);
    if (!part) CHECK(!whole && whole.error().message == part.error().message);
    if (part && *part) CHECK(whole && *whole && (*whole)->head_bytes == (*part)->head_bytes);
  }
}

void checkFrame(std::string_view bytes, const WebSocketFrameHead& head) {
  CHECK_LE(head.head_bytes, kWebSocketHeadBytesMax);
  CHECK(!isControlOpcode(head.opcode) || (head.is_final && head.payload_bytes <= 125));
  if (head.payload_bytes > bytes.size() - head.head_bytes) return;
  const std::string_view payload = bytes.substr(head.head_bytes, head.payload_bytes);
  std::string plain(payload.size(), '?');
  const bool is_ascii = maskInto(plain.data(), payload, head.mask_key);
  for (std::size_t i = 0; i < plain.size(); ++i) {
    CHECK_EQ(plain[i], static_cast<char>(payload[i] ^ head.mask_key[i % 4]));
    if (is_ascii) CHECK((plain[i] & 0x80) == 0);
  }
  Buffer out;
  appendFrame(out, head.opcode, plain,
              head.is_masked ? std::optional(head.mask_key) : std::nullopt);
  std::string expected(bytes.substr(0, head.head_bytes + head.payload_bytes));
  expected[0] = static_cast<char>(expected[0] | 0x80);  // the writer does not fragment
  CHECK(out.view() == expected);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const std::string_view bytes(reinterpret_cast<const char*>(input), size);
  for (const bool must_be_masked : {false, true}) {
    edgehold::checkPrefixes(bytes, must_be_masked);
    const auto head = edgehold::parseWebSocketFrameHead(bytes, must_be_masked);
    if (head && *head) edgehold::checkFrame(bytes, **head);
  }
  return 0;
}
