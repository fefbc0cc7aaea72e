// SPDX-License-Identifier: Apache-2.0
// One connection to an upstream: its transport, its codec, and who uses it now (a request, or the
// pool while it is idle). Thread: one loop.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/base/bytes.h"
#include "proxy/base/graveyard.h"
#include "proxy/base/loop.h"
#include "proxy/http/codec.h"
#include "proxy/http/http1_client_codec.h"
#include "proxy/net/transport.h"

namespace edgehold {

class UpstreamConnection final : public Mortal,
                                 private Transport::Observer,
                                 private ClientCodec::Events,
                                 private TurnEndTask {
 public:
  // Whoever holds the connection. It may let go of it (release it to the pool, bury it) in any
  // call.
  class User : public ClientCodec::Events {
   public:
    virtual void onConnectionOpen() = 0;
    // All that was queued has left: there is room for more of the request body.
    virtual void onConnectionDrained() = 0;
    // Refused, broken, ended by the peer, or over its deadline. The user must bury it.
    virtual void onConnectionLost(Error error) = 0;
  };

  UpstreamConnection(Loop& loop, std::unique_ptr<Transport> transport);

  void start() { transport_->start(*this); }
  bool isOpen() const { return is_open_; }
  // It has carried a request before, so the peer may be about to close it.
  bool isReused() const { return requests_ > 1; }
  // Open, nothing under way, and the peer keeps it.
  bool isReusable() const { return is_open_ && !is_lost_ && input_.empty() && codec_.isReusable(); }

  void setUser(User* user) { user_ = user; }
  void beginRequest() {
    ++requests_;
    has_spoken_ = has_heard_ = false;
  }
  // The peer has said something since beginRequest(): it knows of the request.
  bool hasHeard() const { return has_heard_; }
  ClientCodec& codec() { return codec_; }
  // What the codec has queued leaves at the end of this turn.
  void flushLater() { loop_.atTurnEnd(*this); }
  std::size_t queuedBytes() { return codec_.pull().size(); }
  // An idle connection owns no buffer.
  void releaseBuffers();
  // Back-pressure: the client takes no more of the response now.
  void pauseReading(bool is_paused);
  // onConnectionLost(`reason`) unless called again, or cleared, within `delay`.
  void setDeadline(Duration delay, Reason reason);
  void clearDeadline() { deadline_->cancel(); }

 private:
  void onTransportOpen() override;
  void onTransportReadable() override;
  void onTransportWritable() override { flush(); }
  void onTransportFailed(Error error) override { lose(std::move(error)); }
  void onResponseHead(StreamId stream, ResponseHead&& head) override;
  void onResponseBody(StreamId stream, ByteView chunk) override;
  void onResponseEnd(StreamId stream) override;
  void onResponseError(StreamId stream, Error error) override;
  void onTurnEnd() override;

  void read();
  void readOnce(std::span<char> scratch);
  void feed(ByteView bytes);
  void flush();
  void lose(Error error);

  Loop& loop_;
  std::unique_ptr<Transport> transport_;
  Http1ClientCodec codec_;
  std::unique_ptr<Timer> deadline_;
  Reason deadline_reason_ = Reason::kUpstreamTimeout;
  User* user_ = nullptr;
  Buffer input_;  // what the codec left over; mostly empty
  std::uint32_t requests_ = 0;
  bool has_spoken_ = false;  // some of the request has left
  bool has_heard_ = false;
  bool is_open_ = false;
  bool is_lost_ = false;
  bool is_paused_ = false;
  bool is_resuming_ = false;
};

}  // namespace edgehold
