// SPDX-License-Identifier: Apache-2.0
// Bytes to HTTP events and back, without sockets, clocks or threads: every codec is a fuzz target
// as it stands. HTTP/1 and HTTP/2 look the same from above; a stream id names a request in both.
// Thread: one loop (owned by the connection).
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/http/http2_budget.h"
#include "proxy/http/message.h"

namespace edgehold {

using StreamId = std::uint32_t;

// The one interim status that is an answer: bytes as they are from here on (RFC 9110 15.2.2).
inline constexpr std::uint16_t kSwitchingProtocols = 101;

// No stream has this id (RFC 9113 5.1.1 keeps it for the connection).
inline constexpr StreamId kNoStream = 0;

// The server's side of a client connection.
class ServerCodec {
 public:
  // Views in the arguments are valid for the call. A call may send, but must not destroy the codec.
  class Events {
   public:
    virtual ~Events() = default;
    virtual void onRequestHead(StreamId stream, RequestHead&& head) = 0;
    virtual void onRequestBody(StreamId stream, ByteView chunk) = 0;
    // The request is whole. Trailers were checked and dropped.
    virtual void onRequestEnd(StreamId stream) = 0;
    // The request cannot be understood or went wrong half-way. The owner may still send one answer;
    // the codec reads nothing more of this stream (HTTP/1: of this connection) and closes after it.
    // Before any onRequestHead() of that stream, there is no exchange yet.
    virtual void onRequestError(StreamId stream, Error error) = 0;
    // The peer gave the stream up (HTTP/2 RST_STREAM). Nothing may be sent on it any more.
    virtual void onRequestCancelled(StreamId stream) = 0;
    // HTTP/2: the peer ran out of a budget, to be counted; the codec has seen to the rest.
    virtual void onAbuse(Http2Abuse) {}
    // HTTP/2: the peer broke the protocol, and the connection ends; as above.
    virtual void onProtocolError() {}
  };

  virtual ~ServerCodec() = default;

  // Consumes a prefix of `bytes` and returns its length. What is left is offered again: when credit
  // is out, while an earlier pipelined request is unanswered, or when a head is incomplete. HTTP/2
  // keeps by itself what credit is out for, and delivers it in a later call, also an empty one.
  virtual std::size_t receive(ByteView bytes) = 0;
  // The peer will send nothing more (half-close). A request cut by it is an onRequestError().
  virtual void receiveEnd() = 0;

  // The owner waits no longer for what is being read of `stream`, or of the head that has begun
  // (kNoStream): an onRequestError() with `error`, unless there is nothing half-read. HTTP/1 reads
  // one at a time, whichever it is.
  virtual void fail(StreamId stream, Error error) = 0;

  // Body bytes the owner can take now; receive() stops when a stream's credit is used up.
  // A stream starts with none: nothing of a body is read before somebody asks for it.
  virtual void credit(StreamId stream, std::size_t bytes) = 0;

  // 100 (Continue), at most once, before the head.
  virtual void sendContinue(StreamId stream) = 0;
  // head.body says how the content is framed; kUntilClose is sent chunked where the version can.
  // Adds Connection or Content-Length/Transfer-Encoding as the version needs: the owner must not.
  // `for_head`: the answer to a HEAD request, framing fields without content.
  // 101, or 200 with content until the close on a stream of RFC 8441, opens a tunnel where the
  // request wants_upgrade: from here on the bodies of both directions are bytes as they are. The
  // peer's end is an onRequestEnd() and leaves its other half open; sendEnd() ends the stream.
  // Before it nothing that followed the request was read. `Upgrade` and `Connection` are written as
  // given.
  virtual void sendHead(StreamId stream, const ResponseHead& head, bool for_head) = 0;
  virtual void sendBody(StreamId stream, ByteView chunk) = 0;
  virtual void sendEnd(StreamId stream) = 0;
  // Breaks a response off: the peer must see that it is not whole (HTTP/1 closes, HTTP/2 resets).
  virtual void abort(StreamId stream) = 0;
  // From now on answers carry `Connection: close` (HTTP/2: GOAWAY); no new requests are taken
  // after.
  virtual void drain() = 0;

  // What is ready to leave, in order. The owner consumes what the transport took, and pulls again:
  // what many streams have is not all made ready at once.
  virtual Buffer& pull() = 0;
  // What was sent of the stream's response and has not left.
  virtual std::size_t queuedBytes(StreamId stream) const = 0;
  // What is kept beside pull(), of all streams.
  virtual std::size_t heldBytes() const { return 0; }
  // Many streams at a time, each with waits of its own.
  virtual bool isMultiplexed() const { return false; }
  // A response, or a part of it, waits for the peer to open its window.
  virtual bool isStalled() const { return false; }
  // Gives up the streams that have waited since the last call and of which less than `bytes` left.
  virtual void resetStalled(std::uint64_t /*bytes*/) {}
  // Nothing more will be read or written once pull() is empty: close the transport.
  virtual bool isFinished() const = 0;
  // The peer would take a close now for the end of a whole response: reset the transport instead.
  virtual bool needsReset() const = 0;
  // isFinished() with a request that was not read to its end: the peer may still be sending, and
  // would lose the answer if the transport closed at once (RFC 9112 9.6).
  virtual bool isInputCut() const = 0;
  // No request is under way (between requests of a kept connection).
  virtual bool isIdle() const = 0;
  // A head has begun but is not whole: the head timeout runs.
  virtual bool isInHead() const = 0;
};

// The client's side of an upstream connection.
class ClientCodec {
 public:
  class Events {
   public:
    virtual ~Events() = default;
    // Final head only; 1xx are swallowed by the codec, at most a few (101 is an error unless asked
    // for by wants_upgrade: then a tunnel is open, and bodies are bytes as they are until the
    // close).
    virtual void onResponseHead(StreamId stream, ResponseHead&& head) = 0;
    virtual void onResponseBody(StreamId stream, ByteView chunk) = 0;
    virtual void onResponseEnd(StreamId stream) = 0;
    // Malformed, cut short, or reset. Nothing more comes for this stream.
    virtual void onResponseError(StreamId stream, Error error) = 0;
  };

  virtual ~ClientCodec() = default;

  virtual std::size_t receive(ByteView bytes) = 0;
  virtual void receiveEnd() = 0;
  // HTTP/1: the connection must be idle. head.headers are sent as they stand, after the start line;
  // framing fields are made from head.body.
  virtual StreamId sendHead(const RequestHead& head) = 0;
  virtual void sendBody(StreamId stream, ByteView chunk) = 0;
  // After a 101: the half-close of a tunnel, see endsOutput().
  virtual void sendEnd(StreamId stream) = 0;
  virtual Buffer& pull() = 0;
  // Nothing will ever be sent again: the transport's output ends once pull() is empty.
  virtual bool endsOutput() const { return false; }
  // The exchange is complete on both sides and the peer keeps the connection: it may be pooled.
  virtual bool isReusable() const = 0;
};

}  // namespace edgehold
