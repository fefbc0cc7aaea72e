// SPDX-License-Identifier: Apache-2.0
// Text that comes in pieces: is what came the beginning of well-formed UTF-8 (RFC 3629)? Says no at
// the first byte after which no continuation can make it so.
// Thread: one loop.
#pragma once

#include <array>
#include <cstdint>
#include <string_view>

namespace edgehold {

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
