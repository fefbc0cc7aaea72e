// SPDX-License-Identifier: Apache-2.0
// One HTTP/1 connection to an upstream: its transport, its codec, and who uses it now (a request,
// or the pool while it is idle). Thread: one loop.
#pragma once

#include <cstdint>
#include <memory>

#include "proxy/base/bytes.h"
#include "proxy/base/loop.h"
#include "proxy/http/http1_client_codec.h"
#include "proxy/net/transport.h"
#include "proxy/upstream/connection_slots.h"
#include "proxy/upstream/upstream_counts.h"
#include "proxy/upstream/upstream_stream.h"

namespace edgehold {

class UpstreamConnection final : public UpstreamStream,
                                 private Transport::Observer,
                                 private ClientCodec::Events,
                                 private TurnEndTask {
 public:
  UpstreamConnection(Loop& loop, std::unique_ptr<Transport> transport, ConnectionSlots::Slot slot,
                     std::shared_ptr<UpstreamCounts> counts);
  ~UpstreamConnection() override { ++counts_->closed; }

  void setUser(User* user) override { user_ = user; }
  void start() override { transport_->start(*this); }
  void sendHead(const RequestHead& head) override;
  void sendBody(ByteView chunk) override;
  void sendEnd() override;
  void flushNow() override {
    if (is_open_ && !is_lost_) flush();
  }
  std::size_t queuedBytes() override { return codec_.pull().size(); }
  bool isDrained() override { return !is_output_broken_ && codec_.pull().empty(); }
  void pauseReading(bool is_paused) override;
  void setDeadline(Duration delay, Reason reason) override;
  void clearDeadline() override { deadline_->cancel(); }
  // It had served before and broke without a word: the peer may have closed it before it saw this.
  Seen seen() const override {
    return requests_ > 1 && !has_heard_ ? Seen::kHardly : Seen::kPerhaps;
  }
  bool isReusable() const override {
    return is_open_ && !is_lost_ && input_.empty() && codec_.isReusable();
  }
  void releaseBuffers() override;

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
  std::shared_ptr<UpstreamCounts> counts_;
  ConnectionSlots::Slot slot_;  // given back after the transport is closed, or was lost
  std::unique_ptr<Transport> transport_;
  Http1ClientCodec codec_;
  std::unique_ptr<Timer> deadline_;
  Reason deadline_reason_ = Reason::kUpstreamTimeout;
  User* user_ = nullptr;
  Buffer input_;  // what the codec left over; mostly empty
  StreamId stream_ = kNoStream;
  std::uint32_t requests_ = 0;
  bool has_spoken_ = false;  // some of the request has left
  bool has_heard_ = false;   // the peer has said something since: it knows of the request
  bool is_open_ = false;
  bool is_lost_ = false;
  bool is_paused_ = false;
  bool is_resuming_ = false;
  bool is_output_broken_ = false;  // what was left has been dropped
  bool has_ended_output_ = false;  // a tunnel's half-close
};

}  // namespace edgehold
