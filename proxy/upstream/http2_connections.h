// SPDX-License-Identifier: Apache-2.0
// The HTTP/2 connections of one worker to one upstream: which of them takes the next request.
// Thread: one loop.
#pragma once

#include <cstddef>
#include <memory>
#include <vector>

#include "proxy/base/graveyard.h"
#include "proxy/base/limits.h"
#include "proxy/upstream/http2_upstream_connection.h"

namespace edgehold {

// One connection for each address, and more when the upstream takes no more streams on those.
class Http2Connections final : private Http2UpstreamConnection::Owner {
 public:
  // `graveyard`, `spec` and `slots` outlive it.
  Http2Connections(Loop& loop, Graveyard& graveyard, const UpstreamSpec& spec,
                   const ConnectionSlots& slots)
      : loop_(loop), graveyard_(graveyard), spec_(spec), slots_(slots) {}
  ~Http2Connections() override;
  Http2Connections(const Http2Connections&) = delete;
  Http2Connections& operator=(const Http2Connections&) = delete;

  // A stream to send a request on at once, of the least busy connection; null when there is none.
  std::unique_ptr<UpstreamStream> take();
  // A stream of a connection that is being opened, or has room; null when there is none.
  std::unique_ptr<UpstreamStream> join();
  // The first stream of a new connection, not started yet.
  std::unique_ptr<UpstreamStream> add(std::unique_ptr<Transport> transport,
                                      ConnectionSlots::Slot slot,
                                      std::shared_ptr<UpstreamCounts> counts);
  // Closes what nobody uses; the others end with their requests.
  void closeIdle();

 private:
  void onConnectionSettled(std::size_t streams_max) override { streams_max_ = streams_max; }
  bool keepsIdle() const override {
    return connections_.size() <= slots_.shareOf(spec_.connections_max);
  }
  void onConnectionOver(Http2UpstreamConnection& connection) override;
  // Every address has had its turn.
  bool isSpread() const;
  template <class Predicate>
  std::unique_ptr<UpstreamStream> streamOfLeastBusy(Predicate is_wanted);

  Loop& loop_;
  Graveyard& graveyard_;
  const UpstreamSpec& spec_;
  const ConnectionSlots& slots_;
  std::vector<std::unique_ptr<Http2UpstreamConnection>> connections_;
  // What the upstream said last: as many are expected to find room on a new connection.
  std::size_t streams_max_ = limits::kHttp2UpstreamStreamsMax;
};

}  // namespace edgehold
