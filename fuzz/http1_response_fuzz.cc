// SPDX-License-Identifier: Apache-2.0
// The client codec sees the same response however its input is cut, and ends it exactly once; a
// head that it takes can be written and read again. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/http1_client_codec.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_writer.h"

namespace edgehold {
namespace {

std::string fieldsOf(const Headers& headers) {
  std::string text;
  for (const Header& field : headers) {
    if (field.id == HeaderId::kContentLength || field.id == HeaderId::kTransferEncoding) continue;
    if (field.id == HeaderId::kKeepAlive) continue;
    text.append(field.name).append(":").append(field.value).append("\n");
  }
  return text;
}

// What the client gets is read by the same grammar as the same head.
void checkRewritten(const ResponseHead& head) {
  const bool has_length = head.body.kind != BodyLength::Kind::kUntilClose;
  Buffer written;
  writeHttp1ResponseHead(written, head, has_length ? head.body : BodyLength::none(),
                         Http1ConnectionField::kAsGiven);
  Http1ResponseParser parser;
  const auto length = parser.parse(written.view());
  CHECK(length && *length == written.size()) << written.view();
  CHECK_EQ(parser.head().status, head.status);
  CHECK_EQ(fieldsOf(parser.head().headers), fieldsOf(head.headers));
  if (has_length && head.body.kind != BodyLength::Kind::kNone) {
    CHECK(parser.head().body.kind == head.body.kind);
    CHECK_EQ(parser.head().body.bytes, head.body.bytes);
  }
}

class Owner final : public ClientCodec::Events {
 public:
  void onResponseHead(StreamId, ResponseHead&& head) override {
    CHECK(!has_head && !has_ended);
    CHECK_GE(head.status, 200);
    has_head = true;
    // A head near its bounds may grow past them when it is written anew.
    if (head.block.size() < 8192 && head.status != 101) checkRewritten(head);
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
