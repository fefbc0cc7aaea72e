// SPDX-License-Identifier: Apache-2.0
// The counting behind http2_frame_borders.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http2_frame_borders.h"

#include <algorithm>

namespace edgehold {
namespace {

constexpr std::size_t kHeaderBytes = 9;
constexpr std::uint32_t kStreamMask = 0x7fffffff;

constexpr std::string_view kPreface = "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n";
static_assert(kPreface.size() == kHttp2PrefaceBytes);

}  // namespace

Http2Preface findHttp2Preface(ByteView bytes) {
  if (bytes.starts_with(kPreface)) return Http2Preface::kWhole;
  return kPreface.starts_with(bytes) ? Http2Preface::kPart : Http2Preface::kNone;
}

void Http2FrameBorders::takeHeaderByte(unsigned char byte) {
  switch (header_bytes_++) {
    case 0:
      header_ = {.bytes = byte};
      break;
    case 1:
    case 2:
      header_.bytes = header_.bytes << 8 | byte;
      break;
    case 3:
      header_.type = byte;
      break;
    case 4:
      header_.flags = byte;
      break;
    default:
      header_.stream = (header_.stream << 8 | byte) & kStreamMask;
      break;
  }
}

std::size_t Http2FrameBorders::take(ByteView bytes) {
  std::size_t taken = 0;
  has_begun_ = false;
  if (left_ == 0) {
    while (taken < bytes.size() && header_bytes_ < kHeaderBytes) {
      takeHeaderByte(static_cast<unsigned char>(bytes[taken++]));
    }
    if (header_bytes_ < kHeaderBytes) return taken;
    header_bytes_ = 0;
    left_ = header_.bytes;
    has_begun_ = true;
  }
  const std::size_t payload = std::min(left_, bytes.size() - taken);
  left_ -= payload;
  return taken + payload;
}

}  // namespace edgehold
