// SPDX-License-Identifier: Apache-2.0
// Where connections wait that a proxy has opened and not announced yet (PROXY protocol). Each has
// its place among the connections already, but counts for no address before one is announced.
// Thread: one loop (owned by the worker).
#pragma once

#include <cstddef>
#include <functional>
#include <memory>
#include <unordered_map>

#include "proxy/base/graveyard.h"
#include "proxy/net/proxy_intake.h"
#include "proxy/observe/metrics.h"
#include "proxy/server/connection_gate.h"

namespace edgehold {

class ProxyLobby final : private ProxyIntake::Observer {
 public:
  struct Guest {
    std::size_t door;      // index of the listener in the policy
    std::uint64_t number;  // of the connection
    Endpoint peer;         // the proxy
    ConnectionGate::Pass pass;
  };
  class Host {
   public:
    virtual ~Host() = default;
    virtual void onAnnounced(Guest guest, Fd fd, const ProxySource& source) = 0;
    // One has left without; the fault is counted.
    virtual void onTurnedAway() = 0;
  };

  // All outlive the lobby.
  ProxyLobby(EventLoop& loop, Graveyard& graveyard, WorkerMetrics& metrics, Host& host)
      : loop_(loop), graveyard_(graveyard), metrics_(metrics), host_(host) {}

  // The header must be whole within `time`.
  void await(Guest guest, Fd fd, Duration time);
  bool empty() const { return guests_.empty(); }

 private:
  struct Waiting {
    std::unique_ptr<ProxyIntake> intake;
    Guest guest;
  };

  void onProxyHeader(ProxyIntake& intake, const ProxySource& source) override;
  void onProxyFault(ProxyIntake& intake, ProxyFault fault) override;
  Guest leave(ProxyIntake& intake);

  EventLoop& loop_;
  Graveyard& graveyard_;
  WorkerMetrics& metrics_;
  Host& host_;
  std::unordered_map<ProxyIntake*, Waiting> guests_;  // at most the connections of the gate
};

}  // namespace edgehold
