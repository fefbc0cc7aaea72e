// SPDX-License-Identifier: Apache-2.0
// A PROXY protocol header reads the same however it is cut, takes nothing that stands behind it,
// and is never larger than its bound. Thread: main only.
#include <algorithm>
#include <cstddef>
#include <cstdint>

#include "fuzz/pieces.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/net/proxy_header.h"

namespace edgehold {
namespace {

struct Seen {
  ProxyHeaderReader reader;
  std::size_t used = 0;
};

Seen readInPieces(std::string_view bytes, std::size_t piece_bytes) {
  Seen seen;
  while (seen.used < bytes.size() && seen.reader.isReading()) {
    const std::string_view piece = bytes.substr(seen.used, piece_bytes);
    const std::size_t used = seen.reader.receive(piece);
    CHECK(used == piece.size() || !seen.reader.isReading());
    seen.used += used;
  }
  CHECK(seen.used <= limits::kProxyHeaderBytesMax);
  return seen;
}

bool isSame(const ProxySource& one, const ProxySource& other) {
  return one.kind == other.kind && one.client == other.client;
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  const auto whole = edgehold::readInPieces(pieces.bytes, pieces.bytes.size() + 1);
  const auto cut = edgehold::readInPieces(pieces.bytes, pieces.piece_bytes);
  CHECK(whole.reader.fault() == cut.reader.fault());
  CHECK(whole.reader.source().has_value() == cut.reader.source().has_value());
  if (!whole.reader.source()) return 0;
  CHECK(edgehold::isSame(*whole.reader.source(), *cut.reader.source()));
  CHECK(whole.used == cut.used);
  // The header alone says the same: nothing behind it was looked at.
  const auto alone = edgehold::readInPieces(pieces.bytes.substr(0, whole.used), whole.used);
  CHECK(alone.reader.source() && edgehold::isSame(*alone.reader.source(), *whole.reader.source()));
  return 0;
}
