// SPDX-License-Identifier: Apache-2.0
// One HTTP/2 connection to an upstream, and the requests that share it.
// Thread: one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/base/loop.h"
#include "proxy/http/http2_client_codec.h"
#include "proxy/net/transport.h"
#include "proxy/upstream/connection_slots.h"
#include "proxy/upstream/upstream_counts.h"
#include "proxy/upstream/upstream_spec.h"
#include "proxy/upstream/upstream_stream.h"

namespace edgehold {

// It is always read: a client that does not read stops its own stream's window. Until the upstream
// has said how many streams it takes, one is under way (in clear text none) and the others wait.
class Http2UpstreamConnection final : public Mortal,
                                      private Transport::Observer,
                                      private Http2ClientCodec::Events,
                                      private TurnEndTask {
 public:
  class Owner {
   public:
    virtual ~Owner() = default;
    // The upstream has said how many streams it takes at a time.
    virtual void onConnectionSettled(std::size_t streams_max) = 0;
    // One that nobody uses may wait for the next request.
    virtual bool keepsIdle() const = 0;
    // Nobody uses it and nobody will: to be buried.
    virtual void onConnectionOver(Http2UpstreamConnection& connection) = 0;
  };

  // `owner` and `spec` outlive it, or call abandon() first.
  Http2UpstreamConnection(Loop& loop, Owner& owner, const UpstreamSpec& spec,
                          std::unique_ptr<Transport> transport, ConnectionSlots::Slot slot,
                          std::shared_ptr<UpstreamCounts> counts);
  ~Http2UpstreamConnection() override;

  // A request may be sent on it in this call.
  bool isReady() const;
  // A request may wait for it. Before it is settled, `streams_max` are expected to find room.
  bool isJoinable(std::size_t streams_max) const;
  // Requests may still begin on it, now or later.
  bool isUsable() const { return !is_retired_ && !is_lost_ && codec_.isUsable(); }
  std::size_t streams() const { return active_.size() + waiting_.size(); }
  // REQUIRES: isReady(), and then sendHead() follows at once; or isJoinable(), and then start().
  std::unique_ptr<UpstreamStream> makeStream();
  // Nothing begins on it any more; it is over when its streams are.
  void retire();
  // The owner is gone. What is idle says goodbye.
  void abandon();

 private:
  class Stream;

  // Transport::Observer
  void onTransportOpen() override;
  void onTransportReadable() override { read(); }
  void onTransportWritable() override { flush(); }
  void onTransportFailed(Error error) override { lose(std::move(error)); }
  // Http2ClientCodec::Events
  void onResponseHead(StreamId stream, ResponseHead&& head) override;
  void onResponseBody(StreamId stream, ByteView chunk) override;
  void onResponseEnd(StreamId stream) override;
  void onResponseError(StreamId stream, Error error) override;
  void onRequestRefused(StreamId stream, Error error) override;

  void onTurnEnd() override;

  // Stream
  void start();
  void wake() { loop_.atTurnEnd(*this); }
  void begin(Stream& stream, const RequestHead& head);
  void leave(Stream& stream);
  void onStreamTimeout(const Stream& stream);

  void onOpeningTimeout();
  void read();
  void readOnce(std::span<char> scratch);
  void deliverResumed();
  void flush();
  void offerRoom();
  void turnAway(const Error& error);
  void tellDrained();
  void lose(Error error);
  void endIfUnused();
  Stream* find(StreamId stream) const;

  Loop& loop_;
  Owner* owner_;
  const UpstreamSpec& spec_;
  std::shared_ptr<UpstreamCounts> counts_;
  ConnectionSlots::Slot slot_;  // given back after the transport is closed, or was lost
  std::unique_ptr<Transport> transport_;
  Http2ClientCodec codec_;
  std::unique_ptr<Timer> deadline_;  // until it is open; then while nobody uses it
  std::vector<Stream*> waiting_;     // in the order of their coming
  std::vector<Stream*> active_;      // by id, which only grow
  std::uint64_t reads_ = 0;          // that brought something
  bool has_started_ = false;
  bool has_served_ = false;  // a response has come whole
  bool is_open_ = false;
  bool is_settled_ = false;
  bool is_retired_ = false;
  bool is_lost_ = false;
  bool is_output_broken_ = false;  // what was left has been dropped
  bool is_resuming_ = false;       // a stream is read again
};

}  // namespace edgehold
