// SPDX-License-Identifier: Apache-2.0
// Cuts a fuzz input into a piece size and the bytes to feed, for parsers that take bytes as they
// come. Thread: main only.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>

namespace edgehold {

// The first byte of the input says how large the pieces are; zero means all at once.
struct Pieces {
  std::size_t piece_bytes = 0;
  std::string_view bytes;
};

inline Pieces piecesOf(const std::uint8_t* input, std::size_t size) {
  if (size == 0) return {1, {}};
  const std::string_view bytes(reinterpret_cast<const char*>(input) + 1, size - 1);
  return {input[0] == 0 ? std::max<std::size_t>(bytes.size(), 1) : input[0], bytes};
}

// Offers `bytes` to `receive` (a callable that returns what it consumed) in pieces of
// `piece_bytes`, what was left again before what comes next, each time in memory of its own.
template <class Receive>
void offerInPieces(std::string_view bytes, std::size_t piece_bytes, Receive receive) {
  std::string pending;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    pending += bytes.substr(0, piece_bytes);
    const std::string offered = pending;
    pending.erase(0, receive(std::string_view(offered)));
  }
}

}  // namespace edgehold
