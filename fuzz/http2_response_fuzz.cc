// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 client codec sees the same responses however its input is cut, ends each exactly once,
// and passes on no head that HTTP/1 would read in another way. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <map>
#include <string>

#include "fuzz/pieces.h"
#include "proxy/base/log.h"
#include "proxy/http/http1_parser.h"
#include "proxy/http/http1_writer.h"
#include "proxy/http/http2_client_codec.h"

namespace edgehold {
namespace {

constexpr int kRequests = 3;  // a GET, a HEAD, a POST that has not ended

std::string fieldsOf(const Headers& headers) {
  std::string text;
  for (const Header& field : headers) {
    if (field.id == HeaderId::kContentLength) continue;
    text.append(field.name).append(":").append(field.value).append("\n");
  }
  return text;
}

// What an HTTP/1 client gets is read as the same head.
void checkRewritten(const ResponseHead& head) {
  Buffer written;
  writeHttp1ResponseHead(written, head, head.body, Http1ConnectionField::kAsGiven);
  Http1ResponseParser parser;
  const auto length = parser.parse(written.view());
  CHECK(length && *length == written.size()) << written.view();
  CHECK_EQ(parser.head().status, head.status);
  Headers headers = parser.head().headers;
  headers.remove(HeaderId::kTransferEncoding);
  CHECK_EQ(fieldsOf(headers), fieldsOf(head.headers));
}

class Owner final : public Http2ClientCodec::Events {
 public:
  void onResponseHead(StreamId stream, ResponseHead&& head) override {
    CHECK_GE(head.status, 200);
    Seen& seen = seen_[stream];
    CHECK(!seen.has_head && !seen.has_ended);
    seen.has_head = true;
    if (head.block.size() < 8192) checkRewritten(head);
    seen.text.append(std::to_string(head.status)).append("\n").append(fieldsOf(head.headers));
  }
  void onResponseBody(StreamId stream, ByteView chunk) override {
    Seen& seen = seen_[stream];
    CHECK(seen.has_head && !seen.has_ended && !chunk.empty());
    seen.text += chunk;
  }
  void onResponseEnd(StreamId stream) override {
    CHECK(seen_[stream].has_head);
    end(stream, "\nend");
  }
  void onResponseError(StreamId stream, Error) override { end(stream, "\nerror"); }
  void onRequestRefused(StreamId stream, Error) override {
    CHECK(!seen_[stream].has_head);
    end(stream, "\nrefused");
  }

  std::string seen() const {
    std::string text;
    for (const auto& [stream, seen] : seen_) {
      CHECK(seen.has_ended) << stream;
      text.append(std::to_string(stream)).append(seen.text).append(";");
    }
    CHECK_EQ(seen_.size(), static_cast<std::size_t>(kRequests));
    return text;
  }

 private:
  struct Seen {
    std::string text;
    bool has_head = false;
    bool has_ended = false;
  };
  void end(StreamId stream, const char* how) {
    Seen& seen = seen_[stream];
    CHECK(!seen.has_ended);
    seen.has_ended = true;
    seen.text += how;
  }
  std::map<StreamId, Seen> seen_;
};

RequestHead requestOf(Method method, const char* token, BodyLength body) {
  RequestHead head;
  head.method = method;
  head.method_token = token;
  head.target.text = "/";
  head.authority = "h";
  head.body = body;
  return head;
}

std::string receiveInPieces(std::string_view bytes, std::size_t piece_bytes) {
  Owner owner;
  Http2ClientCodec codec(owner, /*is_secure=*/false);
  codec.pull().clear();
  // The input begins where the upstream has said that it takes many streams.
  constexpr std::string_view kSettings("\0\0\0\4\0\0\0\0\0\0\0\0\4\1\0\0\0\0", 18);
  codec.receive(kSettings);
  codec.sendEnd(codec.sendHead(requestOf(Method::kGet, "GET", {})));
  codec.sendEnd(codec.sendHead(requestOf(Method::kHead, "HEAD", {})));
  codec.sendBody(codec.sendHead(requestOf(Method::kPost, "POST", BodyLength::chunked())), "body");
  codec.pull().clear();
  offerInPieces(bytes, piece_bytes, [&codec](std::string_view offered) {
    const std::size_t used = codec.receive(offered);
    CHECK_EQ(used, offered.size());
    return used;
  });
  while (!codec.pull().empty()) codec.pull().clear();
  codec.receiveEnd();
  CHECK(!codec.isUsable());
  return owner.seen();
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const edgehold::Pieces pieces = edgehold::piecesOf(input, size);
  const std::string whole = edgehold::receiveInPieces(pieces.bytes, pieces.bytes.size() + 1);
  CHECK_EQ(edgehold::receiveInPieces(pieces.bytes, pieces.piece_bytes), whole);
  return 0;
}
