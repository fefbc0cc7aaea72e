// SPDX-License-Identifier: Apache-2.0
// A chunked body decodes to the same content, or fails alike, however it is cut; what a request may
// be a response may be; what was decoded can be written and read again.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/chunked.h"
#include "proxy/http/http1_writer.h"

namespace edgehold {
namespace {

struct Decoded {
  std::string content;
  bool has_failed = false;
  bool is_done = false;
  std::size_t used = 0;
  bool operator==(const Decoded&) const = default;
};

using Trailers = ChunkedDecoder::Trailers;

Decoded decode(std::string_view bytes, std::size_t piece_bytes, std::size_t content_max,
               Trailers trailers) {
  ChunkedDecoder decoder(trailers);
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

Decoded decodeEveryWay(const Pieces& pieces, Trailers trailers) {
  constexpr std::size_t kAny = ~std::size_t{0};
  Decoded whole = decode(pieces.bytes, pieces.bytes.size() + 1, kAny, trailers);
  CHECK(decode(pieces.bytes, pieces.piece_bytes, 3, trailers) == whole);
  CHECK(decode(pieces.bytes, 1, 1, trailers) == whole);
  return whole;
}

void check(const Pieces& pieces) {
  const Decoded of_request = decodeEveryWay(pieces, Trailers::kRefused);
  const Decoded of_response = decodeEveryWay(pieces, Trailers::kDropped);
  // What is taken from a client is taken from an upstream too, and means the same.
  if (!of_request.is_done) return;
  CHECK(of_request == of_response);
  // Written anew it is the same content and nothing is left over.
  Buffer written;
  writeHttp1Chunk(written, of_request.content);
  writeHttp1LastChunk(written);
  const Decoded again = decode(written.view(), written.size(), ~std::size_t{0}, Trailers::kRefused);
  CHECK(again.is_done && again.content == of_request.content && again.used == written.size());
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  edgehold::check(pieces);
  return 0;
}
