// SPDX-License-Identifier: Apache-2.0
// Where the frames of an HTTP/2 connection end (RFC 9113 4.1), so that each is answered before the
// next is read: what a connection comes to does not depend on how its bytes were cut.
// Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/bytes.h"

namespace edgehold {

inline constexpr std::size_t kHttp2PrefaceBytes = 24;

struct Http2FrameHeader {
  std::size_t bytes = 0;  // of the payload
  std::uint8_t type = 0;
  std::uint8_t flags = 0;
  std::uint32_t stream = 0;
};

// Whether a connection begins with the preface of HTTP/2 (RFC 9113 3.4).
enum class Http2Preface : std::uint8_t { kNone, kPart, kWhole };
Http2Preface findHttp2Preface(ByteView bytes);

class Http2FrameBorders {
 public:
  // `preface_bytes` come before the first frame: a server sends none.
  explicit Http2FrameBorders(std::size_t preface_bytes = kHttp2PrefaceBytes)
      : left_(preface_bytes) {}

  // How many of `bytes` belong to what has begun: the client's preface, or a frame. At least one.
  // REQUIRES: `bytes` is not empty.
  std::size_t take(ByteView bytes);
  // The frame of which the header came to its end in the last take(), or nothing.
  const Http2FrameHeader* begun() const { return has_begun_ ? &header_ : nullptr; }
  // The last that begun() showed. REQUIRES: no other header has come in part.
  const Http2FrameHeader& current() const { return header_; }
  // Bytes of the frame's payload that have not come.
  std::size_t left() const { return left_; }

 private:
  void takeHeaderByte(unsigned char byte);

  std::size_t left_;              // of the preface, or of a frame's payload
  std::size_t header_bytes_ = 0;  // of a frame's header, that came
  Http2FrameHeader header_;
  bool has_begun_ = false;
};

}  // namespace edgehold
