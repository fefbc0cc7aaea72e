// SPDX-License-Identifier: Apache-2.0
// A tunnel that is not looked into: what one side sends, the other gets.
// Thread: one loop (owned by the exchange driver).
#pragma once

#include <algorithm>
#include <cstddef>

#include "proxy/base/quota.h"
#include "proxy/server/admission_watch.h"
#include "proxy/server/tunnel.h"

namespace edgehold {

class BlindTunnel final : public Tunnel {
 public:
  BlindTunnel(const Ends& ends, Owner& owner, Duration idle_timeout)
      : ends_(ends),
        owner_(owner),
        idle_timeout_(idle_timeout),
        queued_(ends.station.bufferedBytes()) {}

  void begin() override;
  void onClientBytes(ByteView bytes) override;
  void onClientEnd() override;
  void onClientDrained() override;
  void onUpstreamBytes(ByteView bytes) override;
  void onUpstreamEnd() override;
  void onUpstreamLost(Error error) override;
  void onUpstreamDrained() override { refill(); }
  // Nobody can be asked in words that are not known; the server's deadline cuts it.
  void drain() override {}
  End onClientGone(Reason reason) override;
  Instant deadline() const override {
    return std::min(moved_at_ + idle_timeout_, admissions_.due(ends_.exchange));
  }
  void onDeadline() override;

 private:
  void refill();
  void noteEnder(SocketEnder ender);

  const Ends ends_;
  Owner& owner_;
  const Duration idle_timeout_;
  AdmissionWatch admissions_;
  QuotaShare queued_;  // for the upstream; the client's connection counts its own
  Instant moved_at_{};
  std::size_t credit_bytes_ = 0;  // granted to the client and not used yet
  bool is_upstream_paused_ = false;
};

}  // namespace edgehold
