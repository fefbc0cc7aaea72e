// SPDX-License-Identifier: Apache-2.0
// The server codec sees the same requests however its input is cut, reads nothing after an error,
// and every head it takes can be written and read again unchanged. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_server_codec.h"
#include "proxy/http/http1_writer.h"

namespace edgehold {
namespace {

std::string describe(const RequestHead& head) {
  std::string text;
  text.append(head.method_token).append(" ").append(head.target.text).append("\n");
  for (const Header& field : head.headers) {
    if (field.id == HeaderId::kContentLength || field.id == HeaderId::kTransferEncoding) continue;
    if (field.id == HeaderId::kKeepAlive) continue;
    text.append(field.name).append(":").append(field.value).append("\n");
  }
  return text + std::to_string(head.body.bytes);
}

void checkRewritten(const RequestHead& head) {
  Buffer written;
  writeHttp1RequestHead(written, head, head.body);
  Http1RequestParser parser;
  const auto length = parser.parse(written.view());
  CHECK(length && *length == written.size()) << written.view();
  CHECK_EQ(describe(parser.head()), describe(head));
  CHECK(parser.head().body.kind == head.body.kind);
}

class Owner final : public ServerCodec::Events {
 public:
  void onRequestHead(StreamId stream, RequestHead&& head) override {
    CHECK(!has_failed);
    CHECK(!head.authority.empty());
    // A head near its bounds may grow past them when it is written anew.
    if (head.block.size() < 8192 && head.version_minor == 1) checkRewritten(head);
    seen += describe(head) + "\n";
    codec->credit(stream, ~std::size_t{0});
  }
  void onRequestBody(StreamId, ByteView chunk) override {
    CHECK(!has_failed && !chunk.empty());
    seen += chunk;
  }
  void onRequestEnd(StreamId stream) override {
    CHECK(!has_failed);
    seen += "\nend\n";
    ResponseHead head;
    head.status = 200;
    codec->sendHead(stream, head, false);
    codec->sendEnd(stream);
  }
  void onRequestError(StreamId stream, Error error) override {
    CHECK(!has_failed);
    has_failed = true;
    seen += "\nerror " + std::string(reasonCode(error.reason)) + "\n";
    codec->abort(stream);
  }
  void onRequestCancelled(StreamId) override { LOG(FATAL) << "never in HTTP/1"; }

  ServerCodec* codec = nullptr;
  std::string seen;
  bool has_failed = false;
};

std::string receiveInPieces(std::string_view bytes, std::size_t piece_bytes) {
  Owner owner;
  Http1ServerCodec codec(owner);
  owner.codec = &codec;
  offerInPieces(bytes, piece_bytes,
                [&codec](std::string_view offered) { return codec.receive(offered); });
  codec.receiveEnd();
  CHECK(codec.isFinished() || !codec.pull().empty());
  return owner.seen;
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  const std::string whole = edgehold::receiveInPieces(pieces.bytes, pieces.bytes.size() + 1);
  const std::string cut = edgehold::receiveInPieces(pieces.bytes, pieces.piece_bytes);
  // A head that is wrong and cut short is one error or the other, as the cut has it.
  const std::size_t whole_end = whole.find("\nerror ");
  const std::size_t cut_end = cut.find("\nerror ");
  CHECK_EQ(whole.substr(0, whole_end), cut.substr(0, cut_end));
  CHECK_EQ(whole_end == std::string::npos, cut_end == std::string::npos);
  return 0;
}
