// SPDX-License-Identifier: Apache-2.0
// The chunked transfer coding, decoding side (RFC 9112 7.1). Extensions are bounded and dropped;
// trailers are checked with the grammar of fields, bounded and dropped.
// Trailers that would change where the message ends or who sent it (RFC 9110 6.5.1) are refused,
// and from a client all of them: they come after every verdict.
// Thread: one loop (owned by the codec).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"

namespace edgehold {

class ChunkedDecoder {
 public:
  enum class Trailers : std::uint8_t {
    kRefused,  // of a request; extensions are also bounded over the whole body
    kDropped,  // of a response
  };
  explicit ChunkedDecoder(Trailers trailers = Trailers::kRefused) : trailers_(trailers) {}

  struct Step {
    std::size_t consumed = 0;
    ByteView content;  // part of what was consumed; at most one chunk's
  };

  // Consumes a prefix of `bytes`: framing, and content up to the end of its chunk or `content_max`.
  // Consumes nothing only if `bytes` is empty, the message is done, or content waits and
  // `content_max` is zero.
  Result<Step> step(ByteView bytes, std::size_t content_max);
  bool isDone() const { return state_ == State::kDone; }

 private:
  enum class State : std::uint8_t {
    kSizeFirst,  // at least one digit must come
    kSize,
    kExtensionFirst,
    kExtension,
    kSizeLineFeed,
    kContent,
    kContentReturn,
    kContentLineFeed,
    kTrailerFirst,
    kTrailerName,
    kTrailerValue,
    kTrailerLineFeed,
    kLastLineFeed,
    kDone,
  };
  Result<void> frame(char c);
  Result<void> frameSize(char c);
  Result<void> frameTrailer(char c);
  Result<void> frameTrailerName(char c);
  Result<void> expect(char c, char wanted, State next);

  Trailers trailers_;
  State state_ = State::kSizeFirst;
  std::uint64_t left_ = 0;  // of the size being read, then of the chunk's content
  std::size_t line_bytes_ = 0;
  std::size_t extension_bytes_ = 0;  // of all chunks
  std::size_t trailer_bytes_ = 0;
  std::size_t name_bytes_ = 0;
  std::array<char, 20>
      name_;  // the trailer's, as far as it fits: longer than any it is compared with
};

}  // namespace edgehold
