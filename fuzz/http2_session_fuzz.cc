// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 codec delivers the same requests however its input is cut, tells nothing after an
// error of the connection, keeps bounded memory, and ends what it delivered. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "fuzz/http2_frames.h"
#include "fuzz/pieces.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/http/http2_server_codec.h"

namespace edgehold {
namespace {

// What may wait beside the frames that are ready: each stream's window, and the answers.
constexpr std::size_t kAnswerBytes = 60;
constexpr std::size_t kHeldBytesMax =
    2 * limits::kHttp2ConnectionWindowBytes + limits::kHttp2StreamsMax * 4 * kAnswerBytes;

// Answers by what the stream's number says: at once, at the end, never, or half and broken off.
class Owner final : public ServerCodec::Events {
 public:
  struct Request {
    std::string text;  // all that was told of it
    bool is_over = false;
  };

  void onRequestHead(StreamId stream, RequestHead&& head) override {
    Request& request = tell(stream);
    CHECK(request.text.empty());
    CHECK(!head.authority.empty() && !head.target.text.empty());
    request.text.append(head.method_token).append(" ").append(head.target.text).append("\n");
    for (const Header& field : head.headers) {
      request.text.append(field.name).append(":").append(field.value).append("\n");
    }
    codec->credit(stream, stream % 16 == 9 ? 7 : ~std::size_t{0});
    if (head.expects_continue) codec->sendContinue(stream);
    if (stream % 16 == 3) answer(stream, false);
    if (head.wants_upgrade && stream % 16 == 5) answer(stream, false);
  }
  void onRequestBody(StreamId stream, ByteView chunk) override {
    CHECK(!chunk.empty());
    tell(stream).text += chunk;
  }
  void onRequestEnd(StreamId stream) override {
    tell(stream).text += "\nend\n";
    if (stream % 16 == 7) return;
    answer(stream, stream % 16 == 11);
  }
  void onRequestError(StreamId stream, Error error) override {
    Request& request = tell(stream);
    request.text += "\nerror " + std::string(reasonCode(error.reason)) + "\n";
    answer(stream, false);
  }
  void onRequestCancelled(StreamId stream) override {
    Request& request = tell(stream);
    request.text += "\ncancelled\n";
    request.is_over = true;
  }
  void onAbuse(Http2Abuse kind) override { abuses += std::string(http2AbuseName(kind)) + "\n"; }

  ServerCodec* codec = nullptr;
  std::map<StreamId, Request> requests;
  std::string abuses;
  bool is_cut = false;  // the connection ended with an error: nothing more may be told

 private:
  // No event of a stream follows its end (the codec's law), none at all an error's.
  Request& tell(StreamId stream) {
    CHECK(!is_cut);
    Request& request = requests[stream];
    CHECK(!request.is_over) << request.text;
    return request;
  }
  void answer(StreamId stream, bool breaks_off) {
    ResponseHead head;
    head.status = 200;
    head.body = BodyLength::known(kAnswerBytes);
    codec->sendHead(stream, head, false);
    codec->sendBody(stream, std::string(breaks_off ? 1 : kAnswerBytes, 'a'));
    codec->sendEnd(stream);
    requests[stream].is_over = true;
  }
};

struct Seen {
  std::map<StreamId, std::string> requests;
  std::string abuses;
  bool is_cut = false;
};

Seen receiveInPieces(std::string_view bytes, std::size_t piece_bytes) {
  Owner owner;
  Http2ServerCodec codec(owner, {.allows_tunnels = true});
  owner.codec = &codec;
  offerInPieces(bytes, piece_bytes, [&](std::string_view offered) {
    const std::size_t used = codec.receive(offered);
    CHECK_EQ(used, offered.size());
    owner.is_cut = codec.isInputCut();
    CHECK_LE(codec.heldBytes(), kHeldBytesMax);
    codec.pull().clear();
    return used;
  });
  codec.receiveEnd();
  while (!codec.pull().empty()) codec.pull().clear();
  CHECK(!codec.isInputCut() || codec.isFinished());
  Seen seen{.requests = {}, .abuses = owner.abuses, .is_cut = codec.isInputCut()};
  for (const auto& [stream, request] : owner.requests) seen.requests[stream] = request.text;
  return seen;
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  const std::string bytes = edgehold::http2BytesOf(pieces.bytes);
  const edgehold::Seen whole = edgehold::receiveInPieces(bytes, bytes.size() + 1);
  const edgehold::Seen cut = edgehold::receiveInPieces(bytes, pieces.piece_bytes);
  CHECK_EQ(whole.is_cut, cut.is_cut);
  CHECK_EQ(whole.abuses, cut.abuses);
  CHECK_EQ(whole.requests.size(), cut.requests.size());
  for (const auto& [stream, text] : whole.requests) {
    CHECK_EQ(text, cut.requests.count(stream) > 0 ? cut.requests.at(stream) : "nothing") << stream;
  }
  return 0;
}
