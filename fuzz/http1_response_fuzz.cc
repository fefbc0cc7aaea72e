// SPDX-License-Identifier: Apache-2.0
// The client codec sees the same response however its input is cut, and ends it exactly once.
// Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/http1_client_codec.h"

namespace edgehold {
namespace {

class Owner final : public ClientCodec::Events {
 public:
  void onResponseHead(StreamId, ResponseHead&& head) override {
    CHECK(!has_head && !has_ended);
    CHECK_GE(head.status, 200);
    has_head = true;
    seen.append(std::to_string(head.status)).append(head.reason).append("\n");
    for (const Header& field : head.headers) {
      seen.append(field.name).append(":").append(field.value).append("\n");
    }
  }
  void onResponseBody(StreamId, ByteView chunk) override {
    CHECK(has_head && !has_ended && !chunk.empty());
    seen += chunk;
  }
  void onResponseEnd(StreamId) override {
    CHECK(has_head && !has_ended);
    has_ended = true;
    seen += "\nend";
  }
  void onResponseError(StreamId, Error) override {
    CHECK(!has_ended);
    has_ended = true;
    seen += "\nerror";
  }

  std::string seen;
  bool has_head = false;
  bool has_ended = false;
};

std::string receiveInPieces(std::string_view bytes, std::size_t piece_bytes, Method method) {
  Owner owner;
  Http1ClientCodec codec(owner);
  RequestHead head;
  head.method = method;
  head.method_token = method == Method::kHead ? "HEAD" : "GET";
  head.target.text = "/";
  codec.sendEnd(codec.sendHead(head));
  codec.pull().clear();
  offerInPieces(bytes, piece_bytes,
                [&codec](std::string_view offered) { return codec.receive(offered); });
  const bool is_reusable = codec.isReusable();
  CHECK(!is_reusable || owner.has_ended);
  codec.receiveEnd();
  CHECK(owner.has_ended);
  CHECK(!codec.isReusable());
  return owner.seen + (is_reusable ? " kept" : " closed");
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  for (const edgehold::Method method : {edgehold::Method::kGet, edgehold::Method::kHead}) {
    const std::string whole =
        edgehold::receiveInPieces(pieces.bytes, pieces.bytes.size() + 1, method);
    CHECK_EQ(edgehold::receiveInPieces(pieces.bytes, pieces.piece_bytes, method), whole);
  }
  return 0;
}
