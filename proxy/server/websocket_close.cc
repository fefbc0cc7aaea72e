// SPDX-License-Identifier: Apache-2.0
// How an inspected WebSocket ends: the part of websocket_relay.h about Close, silence and drain.
// Thread: one loop (owned by the exchange driver).
#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/exchange/decision_kind.h"
#include "proxy/server/websocket_relay.h"

namespace edgehold {
namespace {

// A Close without a code is told as 1005 (RFC 6455 7.1.5), which is never sent.
constexpr std::uint16_t kNoCode = 1005;

}  // namespace

void WebSocketRelay::onClose(WebSocketSide& from, std::optional<std::uint16_t> code,
                             std::string_view reason) {
  // What was said before it goes first.
  if (Waiting& waiting = waitingIn(directionFrom(from)); waiting.message != nullptr) {
    waiting.close.emplace(code, reason);
    return;
  }
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) {
    report.ender = &from == &client_ ? SocketEnder::kClient : SocketEnder::kUpstream;
    report.close_code = code.value_or(kNoCode);
  }
  WebSocketSide& to = &from == &client_ ? upstream_ : client_;
  to.sendClose(code, reason);
  // The other side has said it before, or we have in its place: that was the answer.
  if (from.isCloseSent()) return over(std::exchange(end_, {}));
  if (close_until_ == Instant::max()) awaitClose();
}

void WebSocketRelay::awaitClose() {
  close_until_ = ends_.station.clock().now() + limits::kWebSocketCloseTimeout;
  ends_.client.noteDeadline();
}

void WebSocketRelay::onViolation(WebSocketSide& from, std::uint16_t close_code, Error error) {
  const Reason reason =
      error.reason == Reason::kPayloadTooLarge ? error.reason : Reason::kFrameMalformed;
  if (&from == &client_ && reason == Reason::kFrameMalformed) {
    ends_.station.metrics().protocolBroken(WorkerMetrics::Broken::kWebSocketFrames);
  }
  closeBoth(close_code, reasonCode(reason),
            {Decision::Kind::kDeny, reason, std::move(error.message), true});
}

// Both are told, and nobody is waited for: what is queued leaves as far as it can.
void WebSocketRelay::closeBoth(std::uint16_t code, std::string_view reason, End end) {
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) {
    report.ender = SocketEnder::kEdgehold;
    report.close_code = code;
  }
  client_.sendClose(code, reason);
  upstream_.sendClose(code, reason);
  over(std::move(end));
}

void WebSocketRelay::onClientEnd() {
  if (is_over_) return;
  upstream_.sendClose(websocket_close::kGoingAway, {});
  ends_.upstream.sendEnd();
  if (close_until_ == Instant::max()) awaitClose();
}

void WebSocketRelay::onUpstreamEnd() {
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) report.ender = SocketEnder::kUpstream;
  client_.sendClose(websocket_close::kBadGateway, {});
  abandonWaiting(Reason::kUpstreamReset);
  over(std::exchange(end_, {}));
}

void WebSocketRelay::onUpstreamLost(Error error) {
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) report.ender = SocketEnder::kUpstream;
  client_.sendClose(websocket_close::kBadGateway, {});
  abandonWaiting(error.reason);
  over({Decision::Kind::kError, error.reason, std::move(error.message), true});
}

void WebSocketRelay::drain() {
  if (is_over_ || client_.isCloseSent()) return;
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) report.ender = SocketEnder::kEdgehold;
  report.close_code = websocket_close::kServiceRestart;
  client_.sendClose(websocket_close::kServiceRestart, reasonCode(Reason::kDraining));
  end_ = {Decision::Kind::kAllow, Reason::kDraining, {}, true};
  awaitClose();
}

Tunnel::End WebSocketRelay::onClientGone(Reason reason) {
  WebSocketReport& report = *ends_.exchange.websocket;
  if (report.ender == SocketEnder::kNobody) report.ender = SocketEnder::kClient;
  upstream_.sendClose(websocket_close::kGoingAway, {});
  is_over_ = true;
  abandonWaiting(reason);
  if (reason == Reason::kClientClosed) return {};
  return {Decision::Kind::kError, reason, {}, false};
}

Instant WebSocketRelay::deadline() const {
  if (close_until_ != Instant::max()) return close_until_;
  return std::min({client_.silentUntil(spec_.idle_timeout),
                   upstream_.silentUntil(spec_.idle_timeout), messageUntil(),
                   admissions_.due(ends_.exchange)});
}

// A message that a client never ends would hold memory for ever: it has the time that a body has,
// and more for what came of it.
Instant WebSocketRelay::messageUntil() const {
  const std::size_t rate = ends_.station.snapshot()->limits().client_rate;
  return client_.messageUntil(law_.route->limits().body_timeout, rate);
}

// A peer that is silent is asked; a socket on which both are there may be idle for as long as it
// likes.
void WebSocketRelay::onDeadline() {
  if (close_until_ != Instant::max()) {
    upstream_.sendClose(websocket_close::kGoingAway, {});
    return over(std::exchange(end_, {}));
  }
  const Instant now = ends_.station.clock().now();
  if (admissions_.due(ends_.exchange) <= now) {
    if (const Admission* const over = endedAdmission()) {
      const auto& [reason, why] = over->end();
      return closeBoth(websocket_close::kPolicyViolation, reasonCode(reason),
                       {decisionKindOf(reason), reason, std::string(why), true});
    }
  }
  if (messageUntil() <= now) {
    return closeBoth(
        websocket_close::kPolicyViolation, reasonCode(Reason::kBodyTimeout),
        {Decision::Kind::kDeny, Reason::kBodyTimeout, "a message without an end", true});
  }
  // A slow reader finds our ping behind what it has not taken yet; whether it takes enough is
  // judged by its connection.
  if (ends_.client.queuedBytes() > 0) client_.heard(now);
  for (WebSocketSide* const side : {&client_, &upstream_}) {
    if (side->silentUntil(spec_.idle_timeout) > now || side->ask()) continue;
    return closeBoth(websocket_close::kGoingAway, reasonCode(Reason::kIdleTimeout),
                     {Decision::Kind::kError, Reason::kIdleTimeout, {}, true});
  }
}

// A message that still waits was not sent, and is decided all the same.
void WebSocketRelay::abandonWaiting(Reason reason) {
  for (Waiting& waiting : waiting_) {
    if (const auto message = std::move(waiting.message)) message->abandoned(reason);
  }
}

void WebSocketRelay::over(End end) {
  if (std::exchange(is_over_, true)) return;
  client_.reader().stop();
  upstream_.reader().stop();
  abandonWaiting(Reason::kClientClosed);
  owner_.onTunnelOver(std::move(end));
}

}  // namespace edgehold
