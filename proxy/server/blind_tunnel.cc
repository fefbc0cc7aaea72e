// SPDX-License-Identifier: Apache-2.0
// Bytes from one side to the other, behind blind_tunnel.h. A message costs a read and a write: no
// timer is armed, nothing is kept.
// Thread: one loop (owned by the exchange driver).
#include "proxy/server/blind_tunnel.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/exchange/decision_kind.h"

namespace edgehold {

void BlindTunnel::begin() {
  moved_at_ = ends_.station.clock().now();
  refill();
}

void BlindTunnel::onClientBytes(ByteView bytes) {
  moved_at_ = ends_.station.clock().now();
  credit_bytes_ -= std::min(credit_bytes_, bytes.size());
  ends_.exchange.decision.request_body_bytes += bytes.size();
  ends_.upstream.sendBody(bytes);
  refill();
}

// What waits for the upstream and what the client may send stay below the window. Credit is given
// for many messages at once: each time costs the connection a look at what it has left.
void BlindTunnel::refill() {
  const std::size_t queued = ends_.upstream.queuedBytes();
  queued_.set(queued);
  if (queued > 0 || credit_bytes_ >= limits::kTunnelWindowBytes / 2) return;
  const std::size_t wanted = limits::kTunnelWindowBytes - credit_bytes_;
  credit_bytes_ += wanted;
  ends_.client.credit(wanted);
}

void BlindTunnel::onUpstreamBytes(ByteView bytes) {
  moved_at_ = ends_.station.clock().now();
  ends_.exchange.decision.response_body_bytes += bytes.size();
  ends_.client.sendBody(bytes);
  if (is_upstream_paused_ || ends_.client.queuedBytes() < ends_.station.outputBytesHigh()) return;
  is_upstream_paused_ = true;
  ends_.upstream.pauseResponse(true);
}

void BlindTunnel::onUpstreamEnd() {
  noteEnder(SocketEnder::kUpstream);
  owner_.onTunnelOver({});
}

void BlindTunnel::onUpstreamLost(Error error) {
  noteEnder(SocketEnder::kUpstream);
  owner_.onTunnelOver({Decision::Kind::kError, error.reason, std::move(error.message), false});
}

void BlindTunnel::onClientEnd() {
  noteEnder(SocketEnder::kClient);
  ends_.upstream.sendEnd();
}

void BlindTunnel::noteEnder(SocketEnder ender) {
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) report.ender = ender;
}

void BlindTunnel::onClientDrained() {
  if (std::exchange(is_upstream_paused_, false)) ends_.upstream.pauseResponse(false);
}

Tunnel::End BlindTunnel::onClientGone(Reason reason) {
  noteEnder(reason == Reason::kClientClosed ? SocketEnder::kClient : SocketEnder::kEdgehold);
  // A WebSocket ends by its own words, then somebody closes: who does is no failure.
  if (reason == Reason::kClientClosed) return {};
  return {Decision::Kind::kError, reason, {}, false};
}

void BlindTunnel::onDeadline() {
  const Instant now = ends_.station.clock().now();
  const bool is_asked = admissions_.due(ends_.exchange) <= now;
  const Admission* const over =
      is_asked ? admissions_.ended(ends_.station, ends_.exchange) : nullptr;
  if (over != nullptr) {
    noteEnder(SocketEnder::kEdgehold);
    const auto& [reason, why] = over->end();
    return owner_.onTunnelOver({decisionKindOf(reason), reason, std::string(why), false});
  }
  if (now < moved_at_ + idle_timeout_) return;
  noteEnder(SocketEnder::kEdgehold);
  owner_.onTunnelOver({Decision::Kind::kError, Reason::kIdleTimeout, {}, false});
}

}  // namespace edgehold
