// SPDX-License-Identifier: Apache-2.0
// Well-formed UTF-8 (RFC 3629): no surrogates, no over-long forms; whole or as it comes.
// Thread: any (immutable); a Utf8Checker has one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edgehold {

// True for well-formed UTF-8, and for nothing at all.
bool isUtf8(std::string_view bytes);
// How many bytes the UTF-8 sequence at the front of `bytes` has; 0 when it is malformed.
// REQUIRES: bytes is not empty.
std::size_t utf8SequenceLength(std::string_view bytes);

// Text that comes in pieces: is what came the beginning of UTF-8? Says no at the first byte after
// which no continuation can make it so.
class Utf8Checker {
 public:
  // False: what came is not UTF-8, whatever follows. The checker is then of no use.
  bool append(std::string_view piece);
  // No character is half-way; the text may end here.
  bool isWhole() const { return pending_bytes_ == 0; }

 private:
  std::array<char, 4> pending_{};  // a character that is not whole
  std::uint8_t pending_bytes_ = 0;
};

}  // namespace edgehold
