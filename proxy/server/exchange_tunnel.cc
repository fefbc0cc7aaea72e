// SPDX-License-Identifier: Apache-2.0
// The life of an exchange after its 101: the part of exchange_driver.h that opens and ends tunnels.
// Thread: one loop.
#include <string>
#include <utility>

#include "proxy/server/blind_tunnel.h"
#include "proxy/server/exchange_driver.h"
#include "proxy/server/websocket_relay.h"

namespace edgehold {

void ExchangeDriver::openTunnel(ResponseHead&& head) {
  upgrade_->answer(head);
  upgrade_.reset();
  step_ = Step::kTunnel;
  awaits_body_ = false;
  exchange_->decision.status = head.status;
  const WebSocketSpec& spec = *exchange_->route->websocket();
  const Tunnel::Ends ends{station_, *exchange_, *client_, upstream_};
  Tunnel::Owner& owner = *this;
  exchange_->websocket.emplace();
  if (spec.is_inspected) {
    tunnel_ = std::make_unique<WebSocketRelay>(ends, owner);
  } else {
    tunnel_ = std::make_unique<BlindTunnel>(ends, owner, spec.idle_timeout);
  }
  station_.metrics().websockets_open.add(1);
  client_->sendHead(head, /*for_head=*/false);
  client_->noteDeadline();
  tunnel_->begin();
}

void ExchangeDriver::onTunnelOver(Tunnel::End end) {
  decide(end.kind, end.reason, std::move(end.why));
  end.is_clean ? client_->sendEnd() : client_->abort();
  finish();
}

void ExchangeDriver::endTunnel() {
  upgrade_.reset();
  if (tunnel_ == nullptr) return;
  station_.metrics().websockets_open.add(-1);
  station_.graveyard().bury(std::move(tunnel_));  // it is on the stack above us
}

void ExchangeDriver::drain() {
  if (tunnel_ != nullptr) tunnel_->drain();
}

}  // namespace edgehold
