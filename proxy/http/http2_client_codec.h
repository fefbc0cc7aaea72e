// SPDX-License-Identifier: Apache-2.0
// The client's side of an HTTP/2 connection (RFC 9113): nghttp2 reads and writes the frames and
// keeps the windows; what is a response, and what of it is delivered when, is said here.
// Thread: one loop (owned by the upstream connection).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <vector>

#include "proxy/http/codec.h"
#include "proxy/http/http2_budget.h"
#include "proxy/http/http2_frame_borders.h"
#include "proxy/http/http2_response_head.h"

struct nghttp2_session;

namespace edgehold {

// An upstream is not trusted either: a malformed response ends its stream (RFC 9113 8.1.1), what
// breaks the connection's rules or a budget ends the connection. The connection's window is always
// kept open; a stream's opens as far as its response was delivered, so that a slow reader stops its
// own stream and no other. The codec must not be destroyed within an event.
class Http2ClientCodec final : public ClientCodec {
 public:
  class Events : public ClientCodec::Events {
   public:
    // The upstream did not act on the request, and said so (RFC 9113 6.8, 8.7). Nothing more comes
    // for this stream.
    virtual void onRequestRefused(StreamId stream, Error error) = 0;
  };

  // `events` outlives the codec. `is_secure`: the transport is TLS.
  Http2ClientCodec(Events& events, bool is_secure);
  ~Http2ClientCodec() override;
  Http2ClientCodec(const Http2ClientCodec&) = delete;
  Http2ClientCodec& operator=(const Http2ClientCodec&) = delete;

  // Always takes everything.
  std::size_t receive(ByteView bytes) override;
  void receiveEnd() override;
  // REQUIRES: hasRoom().
  // The answer to a HEAD has head.body as its fields announce it, for passing on; no content comes.
  StreamId sendHead(const RequestHead& head) override;
  void sendBody(StreamId stream, ByteView chunk) override;
  void sendEnd(StreamId stream) override;
  // Also where events come from: frames that cannot be sent, a connection that nghttp2 ends.
  Buffer& pull() override;
  bool isReusable() const override { return streams_.empty() && isUsable(); }

  // Another stream may begin: the upstream allows it, and so do we.
  bool hasRoom() const;
  // The upstream said how many streams it takes (its SETTINGS came). Before, one may begin over TLS
  // and none in clear text.
  bool isSettled() const { return is_settled_; }
  // How many streams may be there at a time.
  std::size_t streamsMax() const;
  // Streams may still begin on this connection, now or later.
  bool isUsable() const;
  // Nothing more will be read or written once pull() is empty.
  bool isFinished() const;
  std::size_t queuedBytes(StreamId stream) const;
  // A paused response is kept here, as far as its window goes. deliver() brings what was kept when
  // the pause is over.
  void pause(StreamId stream, bool is_paused);
  void deliver(StreamId stream);
  // The owner wants nothing more of this stream: no event of it follows.
  void cancel(StreamId stream);
  // GOAWAY; nothing is read any more.
  void close();

 private:
  struct Stream;
  struct Callbacks;  // what nghttp2 calls

  struct SessionDeleter {
    void operator()(nghttp2_session* session) const;
  };

  Stream* find(StreamId stream) const;
  void submitHead(Stream& stream, const RequestHead& head);
  void forget(StreamId stream);

  // Input. Each is called by nghttp2.
  bool countFrame(const Http2FrameHeader& frame);
  bool spend(Http2Abuse kind);
  void onBlockEnd(Stream& stream, bool is_end);
  void onHead(Stream& stream, ResponseHead&& head, bool is_end);
  void onInterim(Stream& stream, bool is_end);
  void keepHead(Stream& stream, ResponseHead&& head);
  void onContent(Stream& stream, ByteView content, bool is_last);
  void onInputEnd(Stream& stream);
  void onClosed(Stream& stream, std::uint32_t code);
  void endInput(Stream& stream);
  void fault(Stream& stream, const char* why);
  void refuse(Stream& stream, const char* why);
  void failStream(Stream& stream, Error error);

  // The end of the connection.
  void reset(StreamId stream, std::uint32_t code);
  void endByFault(const char* why);
  void failAll(const Error& error);

  Events& events_;
  const bool is_secure_;
  Http2FrameBorders borders_{0};
  Http2ResponseHead head_;
  Http2Budget budget_;
  Buffer output_;
  std::vector<std::unique_ptr<Stream>> streams_;  // by id, which only grow
  std::unique_ptr<nghttp2_session, SessionDeleter> session_;
  std::size_t continuations_ = 0;  // of the block that is being read
  bool is_settled_ = false;
  bool is_going_away_ = false;
  bool is_failing_ = false;  // nothing more is read
};

}  // namespace edgehold
