// SPDX-License-Identifier: Apache-2.0
// How an exchange ends: by its upstream's answer, by one of ours, or because its client left. The
// other part of exchange_driver.h.
// Thread: one loop.
#include <string>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/exchange/decision_kind.h"
#include "proxy/server/exchange_driver.h"
#include "proxy/server/forwarding.h"
#include "proxy/server/reply.h"

namespace edgehold {

void ExchangeDriver::onClientGone(Reason reason) {
  if (step_ == Step::kIdle) return;
  if (tunnel_ != nullptr) return onTunnelOver(tunnel_->onClientGone(reason));
  decide(Decision::Kind::kError, reason);
  if (exchange_->decision.upstream_status == 0) {
    exchange_->decision.status = 0;
    // The upstream has all of it, and nobody knows what it does with it: neither done nor free.
    // What was claimed runs out by itself; until then the next one waits.
    if (upstream_.hasSentAll()) exchange_->settlements.clear();
  }
  finish();
}

// Of what is claimed, or a platform's event, somebody must know what became of it: a claim that
// nobody settles lets it pass twice, or never. All else ends with its client, as agents' runs do.
bool ExchangeDriver::outlivesClient() const {
  if (step_ != Step::kAnswer || upgrade_ || is_stream_ || left_for_) return false;
  const bool is_event = !exchange_->settlements.empty() || exchange_->acknowledger != nullptr;
  return is_event && upstream_.hasSentAll();
}

void ExchangeDriver::loseClient(Client& nobody, Reason reason) {
  DCHECK(outlivesClient());
  client_ = &nobody;
  left_for_ = reason;
  ClientFacts& client = exchange_->client;
  client.server_name = exchange_->arena.copy(client.server_name);  // it lived with the connection
  onClientDrained();
}

// The upstream accepted, and its words are not for this client.
bool ExchangeDriver::answersItself() const {
  return is_accepted_ && exchange_->is_acknowledged_here && exchange_->acknowledger != nullptr;
}

void ExchangeDriver::acknowledge() {
  Exchange& exchange = *exchange_;
  auto reply = exchange.acknowledger->acknowledge(exchange, station_.random());
  if (!reply) {
    reply.emplace();
    reply->status = 200;
    reply->has_body = true;  // an empty one
  }
  decide(Decision::Kind::kAllow, exchange.is_release ? Reason::kReleased : Reason::kAllowed);
  sendOwn(Verdict::respond(Reason::kAllowed, *std::move(reply)));
}

void ExchangeDriver::decide(Decision::Kind kind, Reason reason, std::string why) {
  Decision& decision = exchange_->decision;
  decision.kind = kind;
  decision.reason = reason;
  if (!why.empty()) decision.why = std::move(why);
}

void ExchangeDriver::endAllowed() {
  decide(Decision::Kind::kAllow, exchange_->is_release ? Reason::kReleased : Reason::kAllowed);
  finish();
}

void ExchangeDriver::refuse(Reason reason, std::string why) {
  if (exchange_->decision.upstream_status != 0) {  // an answer is under way: it can only be cut
    decide(decisionKindOf(reason), reason, std::move(why));
    client_->abort();
    return finish();
  }
  exchange_->decision.filter = {};
  answer(Verdict::deny(reason, std::move(why)));
}

void ExchangeDriver::answer(const Verdict& verdict) {
  Exchange& exchange = *exchange_;
  decide(decisionKindOf(verdict.reason()), verdict.reason(), std::string(verdict.why()));
  if (exchange.decision.upstream_status != 0 || verdict.kind() == Verdict::Kind::kAbort) {
    client_->abort();
    return finish();
  }
  sendOwn(verdict);
}

void ExchangeDriver::sendOwn(const Verdict& verdict) {
  Exchange& exchange = *exchange_;
  exchange.decision.status = verdict.status();
  OwnReply reply = makeReply(exchange, verdict, station_.date());
  setTransportSecurity(exchange, reply.head.headers);
  exchange.decision.response_body_bytes = reply.body.size();
  const bool for_head = exchange.request.method == Method::kHead;
  client_->sendHead(reply.head, for_head);
  if (!for_head) client_->sendBody(reply.body);
  client_->sendEnd();
  finish();
}

void ExchangeDriver::finish() {
  Exchange& exchange = *exchange_;
  if (left_for_) {
    if (exchange.decision.kind == Decision::Kind::kAllow) {
      decide(Decision::Kind::kError, *left_for_);
    }
    exchange.decision.status = 0;
  }
  exchange.decision.was_forwarded = upstream_.hasSent();
  exchange.decision.was_forwarded_whole = upstream_.hasSentAll();
  exchange.decision.total_time = station_.clock().now() - exchange.started;
  settle();
  if (walk_) walk_->finished();
  station_.record(exchange);
  std::string_view route;  // no ?: here: with a literal it would view a temporary copy
  if (exchange.route != nullptr) route = exchange.route->name();
  station_.metrics().exchangeDone(route, exchange.decision);
  station_.metrics().exchanges_open.add(-1);
  step_ = Step::kIdle;
  upstream_.reset();
  status_wait_.reset();
  endTunnel();
  event_stream_.reset();
  walk_.reset();
  pool_.reset();
  Client& client = *std::exchange(client_, nullptr);
  client.onExchangeDone(exchange.decision);
  exchange_.reset();  // an idle driver holds no body
  buffered_.set(0);
  slot_.set(0);
}

bool ExchangeDriver::isSettled() const {
  if (step_ == Step::kIdle || tunnel_ != nullptr) return true;
  return exchange_->decision.upstream_status != 0 && exchange_->settlements.empty();
}

void ExchangeDriver::settle() {
  const Decision& decision = exchange_->decision;
  const Instant now = station_.clock().now();
  // A hold has accepted the request as much as an upstream would have.
  const bool is_accepted = is_accepted_ || decision.kind == Decision::Kind::kHold;
  for (const auto& settlement : exchange_->settlements) {
    if (is_accepted) {
      settlement->commit(now);
    } else {
      settlement->release(now);
    }
  }
  exchange_->settlements.clear();
}

}  // namespace edgehold
