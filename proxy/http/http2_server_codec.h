// SPDX-License-Identifier: Apache-2.0
// The server's side of an HTTP/2 connection (RFC 9113): nghttp2 reads and writes the frames and
// keeps the windows; what is a request, what is too much and who may send how much is said here.
// Thread: one loop (owned by the connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/http/codec.h"
#include "proxy/http/http2_frame_borders.h"
#include "proxy/http/http2_request_head.h"
#include "proxy/http/http2_stream_history.h"

struct nghttp2_session;

namespace edgehold {

// Request content is taken out of the client's window only when the owner gave credit for it: a
// slow upload stops its own stream and no other. A malformed request gets its one answer like in
// HTTP/1, and then, instead of the stream's end, RST_STREAM with PROTOCOL_ERROR (RFC 9113 8.1.1).
// Over a budget: GOAWAY with ENHANCE_YOUR_CALM, every request that is under way cancelled.
// Priorities are ignored: streams share the connection evenly. Trailers are checked and dropped.
class Http2ServerCodec final : public ServerCodec {
 public:
  struct Options {
    bool is_secure = false;       // the transport is TLS
    bool allows_tunnels = false;  // RFC 8441: the client is told that it may use `:protocol`
  };

  // `events` outlives the codec.
  Http2ServerCodec(Events& events, Options options);
  ~Http2ServerCodec() override;
  Http2ServerCodec(const Http2ServerCodec&) = delete;
  Http2ServerCodec& operator=(const Http2ServerCodec&) = delete;

  // Always takes everything.
  std::size_t receive(ByteView bytes) override;
  void receiveEnd() override;
  void fail(StreamId stream, Error error) override;
  void credit(StreamId stream, std::size_t bytes) override;
  void sendContinue(StreamId stream) override;
  void sendHead(StreamId stream, const ResponseHead& head, bool for_head) override;
  void sendBody(StreamId stream, ByteView chunk) override;
  void sendEnd(StreamId stream) override;
  void abort(StreamId stream) override;
  // A notice first; when the client has surely seen it (a PING came back), the last GOAWAY.
  void drain() override;
  Buffer& pull() override;
  std::size_t queuedBytes(StreamId stream) const override;
  std::size_t heldBytes() const override;
  bool isMultiplexed() const override { return true; }
  bool isStalled() const override;
  void resetStalled(std::uint64_t bytes) override;
  bool isFinished() const override;
  bool needsReset() const override { return false; }  // a cut stream has no END_STREAM
  bool isInputCut() const override { return is_failing_; }
  bool isIdle() const override { return streams_.empty() && !isInHead(); }
  bool isInHead() const override { return block_stream_ != kNoStream || is_in_preface_; }

 private:
  struct Stream;
  struct Callbacks;  // what nghttp2 calls

  struct SessionDeleter {
    void operator()(nghttp2_session* session) const;
  };

  void openSession(bool allows_tunnels);
  Stream* find(StreamId stream) const;
  Stream& openStream(StreamId id);
  void closeStream(Stream& stream);

  // Input. Each is called by nghttp2 and may call the owner, who may answer at once.
  bool countFrame(const Http2FrameHeader& frame);
  bool isPastStream(StreamId stream) const;
  bool checkPastStream(StreamId stream);
  void onHeadEnd(Stream& stream, bool is_end);
  void onTrailersEnd(Stream& stream, bool is_end);
  void onContent(Stream& stream, ByteView content);
  void takeContent(Stream& stream, ByteView content);
  void onInputEnd(Stream& stream);
  void deliver(Stream& stream);
  void refuse(Stream& stream, Error error);

  // Output.
  void submitHead(Stream& stream, const ResponseHead& head, bool has_content);
  void onAnswerSent(Stream& stream);
  bool isRestShort(const Stream& stream) const;
  void reset(StreamId stream, std::uint32_t code);

  // The end.
  void endByAbuse(Http2Abuse kind);
  void terminate(std::uint32_t code);
  void cancelAll();

  Events& events_;
  Http2FrameBorders borders_;
  Http2StreamHistory history_;
  Http2RequestHead head_;
  Http2Budget budget_;
  Buffer output_;
  std::vector<std::unique_ptr<Stream>> streams_;
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;  // its end calls nobody
  StreamId block_stream_ = kNoStream;                         // whose header block is being read
  std::size_t continuations_ = 0;                             // of that block
  bool is_in_preface_ = false;  // something came, but no whole preface and frame
  bool has_preface_ = false;
  bool may_deliver_ = false;  // credit came for content that is held back
  bool is_draining_ = false;
  bool is_leaving_ = false;  // the last GOAWAY was said: no new streams
  bool is_failing_ = false;  // the connection ends with an error: nothing more is read
  bool is_end_received_ = false;
};

}  // namespace edgehold
