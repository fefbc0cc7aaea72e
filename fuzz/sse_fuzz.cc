// SPDX-License-Identifier: Apache-2.0
// An event stream splits into the same events however it is cut, and loses no byte.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/sse.h"

namespace edgehold {
namespace {

constexpr std::size_t kEventBytesMax = 64 * 1024;  // larger than any input

struct Seen {
  std::string events;
  std::string raw;
};

Seen splitInPieces(std::string_view bytes, std::size_t piece_bytes) {
  SseSplitter splitter(kEventBytesMax);
  Seen seen;
  for (; !bytes.empty(); bytes.remove_prefix(std::min(piece_bytes, bytes.size()))) {
    splitter.append(bytes.substr(0, piece_bytes));
    for (auto event = splitter.next(); event && *event; event = splitter.next()) {
      CHECK(!(*event)->raw.empty());
      seen.raw += (*event)->raw;
      if (!(*event)->has_data) continue;
      seen.events.append((*event)->type).append("\n").append((*event)->id).append("\n");
      seen.events.append((*event)->data).append("\n");
    }
  }
  seen.raw += splitter.remainder();
  return seen;
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  if (pieces.bytes.size() >= edgehold::kEventBytesMax) return 0;
  const auto whole = edgehold::splitInPieces(pieces.bytes, pieces.bytes.size() + 1);
  const auto cut = edgehold::splitInPieces(pieces.bytes, pieces.piece_bytes);
  CHECK(whole.raw == pieces.bytes);
  CHECK(cut.raw == pieces.bytes);
  CHECK(whole.events == cut.events);
  return 0;
}
