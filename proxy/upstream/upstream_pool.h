// SPDX-License-Identifier: Apache-2.0
// The connections of one worker to one upstream: kept warm between requests or shared by them, made
// when none is idle or has room. Thread: one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/graveyard.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/transport.h"
#include "proxy/upstream/connection_slots.h"
#include "proxy/upstream/upstream_counts.h"
#include "proxy/upstream/upstream_spec.h"
#include "proxy/upstream/upstream_stream.h"

namespace edgehold {

class Http2Connections;

// Makes the transport of a new connection. The real one dials; a simulation's does not.
class Dialer {
 public:
  virtual ~Dialer() = default;
  // A transport to `address` that connects when started. `resolved` are the addresses of its host.
  virtual Result<std::unique_ptr<Transport>> dial(const UpstreamSpec& spec,
                                                  const UpstreamAddress& address,
                                                  const Endpoint& endpoint) = 0;
  virtual Async<Result<std::vector<IpAddress>>> resolve(const std::string& host) = 0;
};

class UpstreamPool {
 public:
  // `slots` are shared with the other pools of this upstream, `counts` with those of this worker;
  // null: there are none.
  UpstreamPool(Loop& loop, Graveyard& graveyard, Dialer& dialer, UpstreamSpec spec,
               std::shared_ptr<ConnectionSlots> slots = nullptr,
               std::shared_ptr<UpstreamCounts> counts = nullptr);
  ~UpstreamPool();
  UpstreamPool(const UpstreamPool&) = delete;
  UpstreamPool& operator=(const UpstreamPool&) = delete;

  const UpstreamSpec& spec() const { return spec_; }
  UpstreamCounts& counts() { return *counts_; }
  Loop& loop() { return loop_; }
  Graveyard& graveyard() { return graveyard_; }

  // An idle connection, the one used last, or a stream of one that has room: a request is to be
  // sent on it at once. Null when there is none.
  std::unique_ptr<UpstreamStream> takeIdle();
  // A new connection, or a stream of one that is being opened, not started yet. Comes at once
  // unless the host must be resolved. kOverloaded: the upstream has all that it may have.
  Async<Result<std::unique_ptr<UpstreamStream>>> open();
  // Takes a connection back when its request is over: keeps it if it can be used again.
  void giveBack(std::unique_ptr<UpstreamStream> connection);
  // No connection may be opened now.
  bool isFull() const { return slots_->taken() >= spec_.connections_max; }
  // Closes what is idle; a draining worker keeps none.
  void closeIdle();

 private:
  // The pool as the user of one idle connection.
  class IdleSlot;

  Result<std::unique_ptr<UpstreamStream>> dial(const UpstreamAddress& address, IpAddress ip);
  void drop(const IdleSlot& slot);

  Loop& loop_;
  Graveyard& graveyard_;
  Dialer& dialer_;
  UpstreamSpec spec_;
  std::shared_ptr<ConnectionSlots> slots_;
  std::shared_ptr<UpstreamCounts> counts_;
  std::vector<std::unique_ptr<IdleSlot>> idle_;
  std::unique_ptr<Http2Connections> shared_;  // null: HTTP/1
  std::size_t next_address_ = 0;
  std::size_t next_ip_ = 0;
};

}  // namespace edgehold
