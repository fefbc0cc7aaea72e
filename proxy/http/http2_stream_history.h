// SPDX-License-Identifier: Apache-2.0
// What became of streams that are gone (RFC 9113 5.1): whether a frame that still names one is late
// or wrong. Bounded: of long ago nothing is known, and what is unknown is late.
// Thread: one loop (owned by the codec).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>

namespace edgehold {

class Http2StreamHistory {
 public:
  enum class Past : std::uint8_t {
    kUnknown,  // or ended by us: the client may not have known when it sent
    kLeft,     // the client had ended or reset it
    kSkipped,  // never opened, and its number is behind (5.1.1)
  };

  // A stream of the client's, in the order of their numbers. REQUIRES: stream is odd, > newest().
  void open(std::uint32_t stream);
  // The last that was opened, or 0.
  std::uint32_t newest() const { return newest_; }
  // The client will rightly send nothing more on `stream`.
  void leave(std::uint32_t stream);
  // REQUIRES: `stream` is not open now.
  Past of(std::uint32_t stream) const;

 private:
  struct Gap {
    std::uint32_t first = 0;
    std::uint32_t last = 0;
  };

  std::uint32_t newest_ = 0;
  // The latest of each, over the oldest.
  std::array<std::uint32_t, 64> left_{};
  std::array<Gap, 8> gaps_{};
  std::size_t left_count_ = 0;
  std::size_t gap_count_ = 0;
};

}  // namespace edgehold
