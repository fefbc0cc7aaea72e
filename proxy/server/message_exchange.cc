// SPDX-License-Identifier: Apache-2.0
// The way of one message, behind message_exchange.h.
// Thread: one loop (owned by the relay).
#include "proxy/server/message_exchange.h"

#include <string>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/exchange/decision_kind.h"

namespace edgehold {
namespace {

// No HTTP method: rows and rules that name one do not mean messages.
constexpr std::string_view kMethod = "MESSAGE";

std::string_view idOf(Exchange& exchange, const MessageFacts& message) {
  std::string number;
  appendNumber(number, message.number);
  return exchange.arena.join({message.socket_id, ".", number});
}

}  // namespace

MessageExchange::MessageExchange(Station& station, const Exchange& socket, const MessageLaw& law,
                                 MessageFacts message, ByteView payload)
    : station_(station) {
  exchange_.message = message;
  exchange_.request_id = idOf(exchange_, message);
  exchange_.started = station.clock().now();
  exchange_.started_wall = station.clock().wallNow();
  exchange_.client = socket.client;
  exchange_.snapshot = law.snapshot;
  exchange_.route = law.route;
  exchange_.facts = socket.facts;
  exchange_.facts.action = {};  // that of the upgrade was its own
  const bool is_out = message.direction == MessageFacts::Direction::kToClient;
  Decision& decision = exchange_.decision;
  (is_out ? decision.response_body_bytes : decision.request_body_bytes) = payload.size();
  const FilterNeeds& needs = law.route->chain().bodyPlan();
  if (needs.wantsMessage(message.direction)) exchange_.request = socket.request;
  exchange_.request.target = socket.request.target;
  exchange_.request.authority = socket.request.authority;
  exchange_.request.method = Method::kOther;
  exchange_.request.method_token = kMethod;
  exchange_.request.wants_upgrade = false;
  exchange_.body.append(payload);
  exchange_.is_body_complete = true;
}

void MessageExchange::judge(Done done) {
  const FilterChain& chain = exchange_.route->chain();
  const bool is_wanted = chain.bodyPlan().wantsMessage(exchange_.message->direction);
  if (!is_wanted) return done(std::nullopt);
  if (station_.hasLetGo()) return done(Verdict::deny(Reason::kDraining));
  walk_.emplace(chain, exchange_, station_.services());
  walk_->message(std::move(done));
}

void MessageExchange::passed() {
  exchange_.decision.kind = Decision::Kind::kAllow;
  exchange_.decision.reason = Reason::kAllowed;
  exchange_.decision.was_forwarded = exchange_.decision.was_forwarded_whole = true;
  finish(true);
}

void MessageExchange::refused(const Verdict& verdict) {
  Decision& decision = exchange_.decision;
  if (decision.reason != verdict.reason()) {  // nobody in the chain said it
    decision.kind = decisionKindOf(verdict.reason());
    decision.reason = verdict.reason();
    decision.why = verdict.why();
  }
  finish(false);
}

void MessageExchange::abandoned(Reason reason) {
  walk_.reset();  // whoever it waits for is no longer heard
  exchange_.decision.kind = Decision::Kind::kError;
  exchange_.decision.reason = reason;
  finish(false);
}

void MessageExchange::finish(bool is_accepted) {
  const Instant now = station_.clock().now();
  exchange_.decision.policy_time = exchange_.decision.total_time = now - exchange_.started;
  for (const auto& settlement : exchange_.settlements) {
    is_accepted ? settlement->commit(now) : settlement->release(now);
  }
  exchange_.settlements.clear();
  if (walk_) walk_->finished();
  // What an upstream says is recorded only when it was kept back.
  const bool is_request = exchange_.message->direction == MessageFacts::Direction::kToUpstream;
  if (is_request || !is_accepted) station_.record(exchange_);
  station_.metrics().messageDone(exchange_.message->direction, exchange_.decision);
}

}  // namespace edgehold
