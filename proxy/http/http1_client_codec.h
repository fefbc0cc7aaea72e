// SPDX-License-Identifier: Apache-2.0
// The client's side of an HTTP/1 connection: one request out, its response in, then the next.
// Thread: one loop (owned by the upstream connection).
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/http/codec.h"
#include "proxy/http/http1_body_reader.h"
#include "proxy/http/http1_parser.h"

namespace edgehold {

// An upstream is not trusted either: a response whose end is in doubt, or bytes that nobody asked
// for, and the connection is not used again. Owners bound what they take by not calling receive().
// The codec may be destroyed within onResponseEnd() and onResponseError(), in no other event.
class Http1ClientCodec final : public ClientCodec {
 public:
  // `events` outlives the codec.
  explicit Http1ClientCodec(Events& events) : events_(events) {}
  Http1ClientCodec(const Http1ClientCodec&) = delete;
  Http1ClientCodec& operator=(const Http1ClientCodec&) = delete;

  std::size_t receive(ByteView bytes) override;
  void receiveEnd() override;
  // REQUIRES: isReusable(), which is true of a new codec.
  // The answer to a HEAD has head.body as its fields announce it, for passing on; no content comes.
  StreamId sendHead(const RequestHead& head) override;
  void sendBody(StreamId stream, ByteView chunk) override;
  void sendEnd(StreamId stream) override;
  Buffer& pull() override { return output_; }
  bool endsOutput() const override { return is_tunnel_ && is_request_whole_; }
  bool isTunnel() const { return is_tunnel_; }
  bool isReusable() const override {
    return input_ == Input::kIdle && is_request_whole_ && is_reusable_;
  }

 private:
  enum class Input : std::uint8_t {
    kIdle,  // nothing was asked
    kHead,
    kBody,
    kStopped,  // broken; whatever comes is dropped
  };

  // What a step returns after a stream's last event: the rest is consumed and nothing is touched.
  static constexpr std::size_t kAllConsumed = ~std::size_t{0};

  std::size_t readHead(ByteView bytes);
  std::size_t readBody(ByteView bytes);
  bool takeInformational(const ResponseHead& head);
  BodyLength takeContentLength(ResponseHead& head);
  void complete(bool is_more_left);
  void fault(Error error);
  bool isCurrent(StreamId stream) const { return !is_request_whole_ && stream == stream_; }

  Events& events_;
  Http1ResponseParser parser_;
  Http1BodyReader body_;
  Buffer output_;
  std::uint64_t content_left_ = 0;  // of a request with a declared length
  StreamId stream_ = 0;
  Input input_ = Input::kIdle;
  BodyLength::Kind content_ = BodyLength::Kind::kNone;
  std::uint8_t informational_ = 0;  // 1xx heads swallowed
  bool is_head_request_ = false;
  bool is_upgrade_wanted_ = false;
  bool is_request_whole_ = true;
  bool is_reusable_ = true;
  bool is_tunnel_ = false;  // behind a 101
};

}  // namespace edgehold
