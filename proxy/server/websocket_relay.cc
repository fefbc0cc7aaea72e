// SPDX-License-Identifier: Apache-2.0
// The way of messages through an inspected WebSocket, behind websocket_relay.h.
// Thread: one loop (owned by the exchange driver).
#include "proxy/server/websocket_relay.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/exchange/decision_kind.h"
#include "proxy/server/openclaw_words.h"

namespace edgehold {
namespace {

using Sender = WebSocketReader::Sender;

std::size_t firstLimitOf(const WebSocketSpec& spec) {
  if (spec.first_message_bytes_max == 0) return spec.message_bytes_max;
  return std::min(spec.first_message_bytes_max, spec.message_bytes_max);
}

bool isOpenClaw(const WebSocketSpec& spec) {
  return spec.protocol == WebSocketSpec::Protocol::kOpenClaw;
}

// RFC 6455 7.4.1: what cannot be taken now, and what is never allowed.
std::uint16_t closeCodeOf(Reason reason) {
  const bool is_passing = reason == Reason::kStoreUnavailable || reason == Reason::kOverloaded;
  return is_passing ? websocket_close::kTryAgainLater : websocket_close::kPolicyViolation;
}

Tunnel::End endOf(Reason reason, std::string why = {}) {
  return {decisionKindOf(reason), reason, std::move(why), true};
}

}  // namespace

WebSocketRelay::WebSocketRelay(const Ends& ends, Tunnel::Owner& owner)
    : ends_(ends),
      owner_(owner),
      law_{ends.exchange.snapshot, ends.exchange.route},
      spec_(*ends.exchange.route->websocket()),
      client_(Sender::kClient, *this, ends.station.random(), firstLimitOf(spec_)),
      upstream_(Sender::kServer, *this, ends.station.random(), spec_.message_bytes_max),
      held_(ends.station.bufferedBytes()),
      client_limit_(firstLimitOf(spec_)) {
  ends_.exchange.websocket->is_inspected = true;
}

WebSocketRelay::~WebSocketRelay() = default;

void WebSocketRelay::begin() {
  const Instant now = ends_.station.clock().now();
  client_.heard(now);
  upstream_.heard(now);
  updateFlow();
}

void WebSocketRelay::onClientBytes(ByteView bytes) {
  credit_bytes_ -= std::min(credit_bytes_, bytes.size());
  ends_.exchange.decision.request_body_bytes += bytes.size();
  if (!is_over_) followBounds();
  client_.receive(bytes, ends_.station.clock().now());
  if (is_over_ || !charge()) return;
  updateFlow();
  const Instant until = messageUntil();
  if (until < std::exchange(noted_message_until_, until)) ends_.client.noteDeadline();
}

void WebSocketRelay::onUpstreamBytes(ByteView bytes) {
  if (is_over_) return;
  ends_.exchange.decision.response_body_bytes += bytes.size();
  followBounds();
  upstream_.receive(bytes, ends_.station.clock().now());
  if (!is_over_ && charge()) updateFlow();
}

// --- messages ------------------------------------------------------------------------------------

void WebSocketRelay::onMessage(WebSocketSide& from, const WebSocketMessage& message) {
  if (client_.isCloseSent()) return;  // whoever asked is told to go, and cannot be answered
  if (!followPolicy()) return;
  WebSocketReport& report = *ends_.exchange.websocket;
  const Direction direction = directionFrom(from);
  const bool is_request = direction == Direction::kToUpstream;
  const std::uint64_t number = is_request ? ++report.messages_in : ++report.messages_out;
  // What an upstream says is looked at only where somebody wants to.
  const bool is_seen = is_request || law_.route->chain().bodyPlan().ws_answers ||
                       (!message.is_text && !spec_.allows_binary);
  if (!is_seen && isAuthenticated()) {
    ends_.station.metrics().messagePassed(direction);
    return message.frames.empty() ? client_.sendMessage(message.is_text, message.payload)
                                  : send(client_, message.frames);
  }
  const MessageFacts facts{direction, message.is_text, number, ends_.exchange.request_id};
  judge(from,
        std::make_unique<MessageExchange>(ends_.station, ends_.exchange, law_, facts,
                                          message.payload),
        message.frames);
}

// Of the socket's name in the policy of the moment; null when that inspects no WebSockets there.
const Route* WebSocketRelay::routeNow() const {
  const auto& routes = ends_.station.snapshot()->routes();
  const auto found = std::find_if(routes.begin(), routes.end(), [this](const auto& route) {
    return route->name() == ends_.exchange.route->name();
  });
  const bool is_served = found != routes.end() && (*found)->websocket().has_value() &&
                         (*found)->websocket()->is_inspected;
  return is_served ? found->get() : nullptr;
}

// Messages follow the policy of the moment; the socket itself keeps the one that opened it. False
// when that opens no inspected WebSocket on this route any more: the client is to come again.
bool WebSocketRelay::followPolicy() {
  if (law_.snapshot == ends_.station.snapshot()) return true;
  if (const Route* const route = routeNow()) {
    adopt(*route);
    return true;
  }
  law_.snapshot = ends_.station.snapshot();
  closeBoth(websocket_close::kServiceRestart, reasonCode(Reason::kPolicyChanged),
            endOf(Reason::kPolicyChanged));
  return false;
}

// Before anything is read: a bound holds for the message that begins next. Where the route is gone
// that message tells.
void WebSocketRelay::followBounds() {
  if (law_.snapshot == ends_.station.snapshot()) return;
  if (const Route* const route = routeNow()) adopt(*route);
}

void WebSocketRelay::adopt(const Route& route) {
  const bool was_authenticated = isAuthenticated();
  law_ = {ends_.station.snapshot(), &route};
  spec_ = *route.websocket();
  client_limit_ = was_authenticated ? spec_.message_bytes_max : firstLimitOf(spec_);
  client_.reader().setMessageBytesMax(client_limit_);
  upstream_.reader().setMessageBytesMax(spec_.message_bytes_max);
}

// What is wrong with it before any filter is asked.
std::optional<Verdict> WebSocketRelay::refusalOf(MessageExchange& message) {
  Exchange& exchange = message.exchange();
  // A decision that cannot be recorded must not be made (law 1).
  if (!ends_.station.audit().isHealthy()) return Verdict::deny(Reason::kStoreUnavailable);
  if (!exchange.message->is_text && !spec_.allows_binary) {
    return Verdict::deny(Reason::kMessageTypeRefused, "binary");
  }
  const bool is_request = exchange.message->direction == Direction::kToUpstream;
  if (!is_request) return std::nullopt;
  // An abort: nobody is answered in a session that is over, the socket ends.
  if (const Admission* const over = endedAdmission()) {
    return Verdict::abort(over->end().reason, std::string(over->end().why));
  }
  if (!isOpenClaw(spec_)) return std::nullopt;
  const auto& json = exchange.json(ends_.station.services().json);
  if (!json) return Verdict::deny(json.error().reason, json.error().message);
  const auto request = readOpenClawRequest(json->root());
  if (!request) return Verdict::deny(request.error().reason, request.error().message);
  exchange.facts.event_type = exchange.keepFact(request->method);
  return std::nullopt;
}

void WebSocketRelay::judge(WebSocketSide& from, std::unique_ptr<MessageExchange> message,
                           ByteView frames) {
  if (const auto refusal = refusalOf(*message)) return refuse(*message, *refusal);
  const Direction direction = directionFrom(from);
  Waiting& waiting = waitingIn(direction);
  waiting.message = std::move(message);
  waiting.frames = frames;
  waiting.message->judge(
      [this, direction](std::optional<Verdict> verdict) { onVerdict(direction, verdict); });
  if (waiting.message == nullptr) return;
  // It waits, and the data behind it; control frames and the other direction do not.
  waiting.kept = frames;
  waiting.frames = waiting.kept;
  waiting.is_paused = true;
  from.reader().pauseMessages(true);
}

void WebSocketRelay::onVerdict(Direction direction, const std::optional<Verdict>& verdict) {
  Waiting& waiting = waitingIn(direction);
  const auto message = std::move(waiting.message);
  verdict ? refuse(*message, *verdict) : pass(*message, waiting.frames);
  if (!std::exchange(waiting.is_paused, false) || is_over_) return;
  waiting.frames = {};
  waiting.kept = {};
  WebSocketSide& from = direction == Direction::kToUpstream ? client_ : upstream_;
  if (const auto close = std::exchange(waiting.close, std::nullopt)) {
    return onClose(from, close->first, close->second);
  }
  followBounds();
  from.reader().pauseMessages(false);
  from.resume();
  if (!is_over_ && charge()) updateFlow();
}

void WebSocketRelay::pass(MessageExchange& message, ByteView frames) {
  const MessageFacts& facts = *message.exchange().message;
  WebSocketSide& to = facts.direction == Direction::kToUpstream ? upstream_ : client_;
  if (to.isCloseSent()) return message.abandoned(Reason::kClientClosed);
  if (!isAuthenticated()) noteAuthentication(message);
  message.passed();
  if (frames.empty()) return to.sendMessage(facts.is_text, message.exchange().body.view());
  send(to, frames);
}

void WebSocketRelay::refuse(MessageExchange& message, const Verdict& verdict) {
  ++ends_.exchange.websocket->messages_denied;
  message.refused(verdict);
  const Reason reason = verdict.reason();
  // While nothing can be recorded this is the one thing that is said: nothing was done.
  if (reason != Reason::kStoreUnavailable) ends_.client.awaitRecord();
  if (const auto answer = answerTo(message, verdict)) {
    if (!answer->empty()) client_.sendMessage(/*is_text=*/true, *answer);
    return;
  }
  const std::uint16_t code =
      reason == Reason::kMessageTypeRefused ? websocket_close::kUnsupported : closeCodeOf(reason);
  closeBoth(code, reasonCode(reason), endOf(reason, std::string(verdict.why())));
}

// The refusal in the application's own form; "" when nobody waits for one. Nothing when the form is
// not known, or the message has none: then only a Close can tell.
std::optional<std::string> WebSocketRelay::answerTo(MessageExchange& message,
                                                    const Verdict& verdict) {
  Exchange& exchange = message.exchange();
  const bool may_answer = isOpenClaw(spec_) && verdict.kind() != Verdict::Kind::kAbort &&
                          verdict.reason() != Reason::kMessageTypeRefused;
  if (!may_answer) return std::nullopt;
  const auto& json = exchange.json(ends_.station.services().json);
  if (!json) return std::nullopt;
  if (exchange.message->direction == Direction::kToUpstream) {
    const auto request = readOpenClawRequest(json->root());
    if (!request) return std::nullopt;
    return openClawRefusal(request->id, verdict, exchange.request_id);
  }
  const auto answer = readOpenClawAnswer(json->root());
  return answer ? openClawRefusal(answer->id, verdict, exchange.request_id) : std::string();
}

void WebSocketRelay::noteAuthentication(MessageExchange& message) {
  Exchange& exchange = message.exchange();
  if (exchange.message->direction == Direction::kToUpstream) {
    has_asked_ = true;
    if (!isOpenClaw(spec_) || !connect_id_.empty()) return;
    const auto& json = exchange.json(ends_.station.services().json);
    const auto request = readOpenClawRequest(json->root());  // refusalOf() has read it
    if (request->method == kOpenClawConnect) connect_id_ = request->id;
    return;
  }
  if (!isAuthenticationOf(exchange)) return;
  client_limit_ = spec_.message_bytes_max;
  client_.reader().setMessageBytesMax(client_limit_);
}

// The application has accepted who is there. Without a protocol that says so: it has answered.
bool WebSocketRelay::isAuthenticationOf(Exchange& answer) {
  if (!isOpenClaw(spec_)) return has_asked_;
  if (connect_id_.empty() || !answer.message->is_text) return false;
  const auto& json = answer.json(ends_.station.services().json);
  const auto read = json ? readOpenClawAnswer(json->root()) : std::nullopt;
  if (!read || read->id != connect_id_) return false;
  connect_id_.clear();
  return read->is_ok;
}

// --- flow ----------------------------------------------------------------------------------------

void WebSocketRelay::send(WebSocketSide& to, ByteView frames) {
  &to == &client_ ? ends_.client.sendBody(frames) : ends_.upstream.sendBody(frames);
}

// Neither side is read on while what came of it waits, or while the other does not take what is
// there, be it only answers to its pings.
void WebSocketRelay::updateFlow() {
  if (is_over_) return;
  const bool is_client_full = ends_.client.queuedBytes() >= ends_.station.outputBytesHigh();
  const bool is_upstream_full = ends_.upstream.queuedBytes() >= limits::kTunnelWindowBytes;
  const std::size_t on_way = credit_bytes_ + client_.waitingBytes();
  if (!is_client_full && !is_upstream_full && on_way < limits::kTunnelWindowBytes / 2) {
    credit_bytes_ += limits::kTunnelWindowBytes - on_way;
    ends_.client.credit(limits::kTunnelWindowBytes - on_way);
  }
  const bool pauses =
      is_client_full || is_upstream_full || upstream_.waitingBytes() >= limits::kTunnelWindowBytes;
  if (pauses == is_upstream_paused_) return;
  is_upstream_paused_ = pauses;
  ends_.upstream.pauseResponse(pauses);
}

// What is held of unfinished and waiting messages counts. False when there is no room.
bool WebSocketRelay::charge() {
  std::size_t bytes = client_.heldBytes() + upstream_.heldBytes() + ends_.upstream.queuedBytes();
  for (const Waiting& waiting : waiting_) {
    if (waiting.message == nullptr) continue;
    bytes += waiting.kept.capacity() + waiting.message->exchange().body.capacity();
  }
  if (held_.resize(bytes)) return true;
  ends_.station.metrics().refusedAt(WorkerMetrics::Cap::kBufferedBytes);
  closeBoth(websocket_close::kTryAgainLater, reasonCode(Reason::kOverloaded),
            endOf(Reason::kOverloaded, "limits.buffered is reached"));
  return false;
}

}  // namespace edgehold
