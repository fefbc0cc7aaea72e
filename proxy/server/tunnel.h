// SPDX-License-Identifier: Apache-2.0
// What an exchange becomes when its upgrade was taken: bytes in both directions until one side
// ends. Thread: one loop (owned by the exchange driver).
#pragma once

#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/graveyard.h"
#include "proxy/exchange/decision.h"
#include "proxy/exchange/exchange.h"
#include "proxy/server/client_side.h"
#include "proxy/server/station.h"
#include "proxy/upstream/upstream_request.h"

namespace edgehold {

class Tunnel : public Mortal {
 public:
  // What it lies between. All of it outlives the tunnel.
  struct Ends {
    Station& station;
    Exchange& exchange;
    ClientSide& client;
    UpstreamRequest& upstream;
  };
  // How it ended. Clean: the client's side ends as the upstream's did, else it breaks off.
  struct End {
    Decision::Kind kind = Decision::Kind::kAllow;
    Reason reason = Reason::kAllowed;
    std::string why;
    bool is_clean = true;
  };
  class Owner {
   public:
    virtual ~Owner() = default;
    // Ends the exchange, and with it the tunnel: touch nothing after it.
    virtual void onTunnelOver(End end) = 0;
  };

  // The 101 is on its way to the client. Whatever came behind either head is offered after this.
  virtual void begin() = 0;
  virtual void onClientBytes(ByteView bytes) = 0;
  // The client will send nothing more.
  virtual void onClientEnd() = 0;
  // The client took what was queued.
  virtual void onClientDrained() = 0;
  virtual void onUpstreamBytes(ByteView bytes) = 0;
  // The upstream closed, as it may.
  virtual void onUpstreamEnd() = 0;
  // It broke off, or failed.
  virtual void onUpstreamLost(Error error) = 0;
  // The upstream took what was queued.
  virtual void onUpstreamDrained() = 0;
  // The server drains: ask both sides to go. What is left is cut at the server's deadline.
  virtual void drain() = 0;
  // The client is gone; says what there is to say of the end.
  virtual End onClientGone(Reason reason) = 0;
  // When nothing that moves may wait any longer. Later at each call while bytes pass: whoever has a
  // timer asks again when it is due.
  virtual Instant deadline() const = 0;
  virtual void onDeadline() = 0;
};

}  // namespace edgehold
