// SPDX-License-Identifier: Apache-2.0
// A chunked body decodes to the same content, or fails alike, however it is cut.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/chunked.h"

namespace edgehold {
namespace {

struct Decoded {
  std::string content;
  bool has_failed = false;
  bool is_done = false;
  std::size_t used = 0;
  bool operator==(const Decoded&) const = default;
};

Decoded decode(std::string_view bytes, std::size_t piece_bytes, std::size_t content_max) {
  ChunkedDecoder decoder;
  Decoded result;
  for (std::size_t begin = 0; begin < bytes.size() && !decoder.isDone(); begin += piece_bytes) {
    std::string_view piece = bytes.substr(begin, piece_bytes);
    while (!piece.empty() && !decoder.isDone()) {
      const auto step = decoder.step(piece, content_max);
      if (!step) {
        result.has_failed = true;
        result.used = 0;  // how far an error is seen depends on the cut
        return result;
      }
      CHECK_GT(step->consumed, 0u);
      CHECK_LE(step->content.size(), content_max);
      result.content += step->content;
      result.used += step->consumed;
      piece.remove_prefix(step->consumed);
    }
  }
  result.is_done = decoder.isDone();
  return result;
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  const auto whole = edgehold::decode(pieces.bytes, pieces.bytes.size() + 1, ~std::size_t{0});
  CHECK(edgehold::decode(pieces.bytes, pieces.piece_bytes, 3) == whole);
  CHECK(edgehold::decode(pieces.bytes, 1, 1) == whole);
  return 0;
}
