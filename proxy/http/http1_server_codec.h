// SPDX-License-Identifier: Apache-2.0
// The server's side of an HTTP/1 connection: requests in, one at a time; responses out, in order.
// Thread: one loop (owned by the connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/http/codec.h"
#include "proxy/http/http1_body_reader.h"
#include "proxy/http/http1_parser.h"

namespace edgehold {

// A pipelined request is parsed only when the response before it is complete, and not too much of
// what was answered waits to leave; its bytes stay with the owner until then. No event of a stream
// follows the end of its response. A request body that the response did not wait for is read to its
// end and dropped if all of it was here when the head was sent; otherwise the connection closes
// after the response: its bytes are never a new request.
class Http1ServerCodec final : public ServerCodec {
 public:
  // `events` outlives the codec.
  explicit Http1ServerCodec(Events& events) : events_(events) {}
  Http1ServerCodec(const Http1ServerCodec&) = delete;
  Http1ServerCodec& operator=(const Http1ServerCodec&) = delete;

  std::size_t receive(ByteView bytes) override;
  void receiveEnd() override;
  void fail(StreamId stream, Error error) override;
  void credit(StreamId stream, std::size_t bytes) override;
  void sendContinue(StreamId stream) override;
  void sendHead(StreamId stream, const ResponseHead& head, bool for_head) override;
  void sendBody(StreamId stream, ByteView chunk) override;
  // A response shorter than its declared length is broken off, as by abort().
  void sendEnd(StreamId stream) override;
  // A response to HTTP/1.0 that ends with the connection would look whole: see needsReset().
  void abort(StreamId stream) override;
  void drain() override;
  Buffer& pull() override { return output_; }
  std::size_t queuedBytes(StreamId) const override { return output_.size(); }
  bool isFinished() const override {
    return input_ == Input::kStopped && !is_open_ && output_.empty();
  }
  bool needsReset() const override {
    const bool is_under_way = is_open_ || is_aborted_ || !output_.empty();
    return is_head_sent_ && content_ == BodyLength::Kind::kUntilClose && is_under_way;
  }
  bool isInputCut() const override { return is_input_cut_; }
  bool isIdle() const override { return input_ == Input::kHead && unread_ == 0; }
  bool isInHead() const override { return input_ == Input::kHead && unread_ > 0; }

 private:
  enum class Input : std::uint8_t {
    kHead,     // reads the next head; no stream is open
    kBody,     // delivers content, as far as credit goes
    kWhole,    // the request is whole; its response is not
    kDiscard,  // the response is complete; the rest of the body is here and goes unseen
    kTunnel,   // behind a 101: bytes as they are, as far as credit goes
    kStopped,  // whatever comes is dropped
  };

  std::size_t receiveSome(ByteView bytes);
  std::size_t readHead(ByteView bytes);
  std::size_t readBody(ByteView bytes);
  std::size_t discardBody(ByteView bytes);
  std::size_t readTunnel(ByteView bytes);
  void openTunnel(const ResponseHead& head);
  void refuse(Error error);
  void checkEnd();
  void nextRequest();
  bool isRestHere() const;
  bool isCongested() const;
  bool isCurrent(StreamId stream) const { return is_open_ && stream == stream_; }
  BodyLength framingOf(const ResponseHead& head, bool for_head) const;

  Events& events_;
  std::unique_ptr<Http1RequestParser> parser_;  // of the head that is being read
  std::unique_ptr<Http1BodyReader> body_;       // of the request, if it has one
  Buffer output_;
  std::size_t unread_ = 0;  // bytes that were offered and left with the owner
  std::size_t credit_ = 0;
  std::uint64_t content_left_ = 0;  // of a response with a declared length
  StreamId stream_ = 0;
  Input input_ = Input::kHead;
  BodyLength::Kind content_ = BodyLength::Kind::kNone;  // how content is sent after the head
  std::uint8_t version_minor_ = 1;
  bool is_open_ = false;  // stream_ is under way: its response is not complete
  bool is_head_sent_ = false;
  bool is_line_skipped_ = false;  // the one empty line before this head
  bool may_continue_ = false;     // the client waits for 100
  bool is_persistent_ = true;     // the client wants the connection kept
  bool may_switch_ = false;       // the request wants an upgrade
  bool closes_ = false;           // after this response
  bool is_draining_ = false;
  bool is_end_received_ = false;
  bool is_unread_new_ = false;  // the owner has yet to offer what is left as the next request
  bool is_aborted_ = false;
  bool is_input_cut_ = false;
};

}  // namespace edgehold
