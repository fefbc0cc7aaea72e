// SPDX-License-Identifier: Apache-2.0
// The order of one request's way, behind exchange_driver.h.
// Thread: one loop.
#include "proxy/server/exchange_driver.h"

#include <algorithm>
#include <string>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/http/hop_by_hop.h"
#include "proxy/server/forwarding.h"
#include "proxy/server/status_page.h"

namespace edgehold {
namespace {

// How much of a streamed request body is under way at once, client to upstream.
constexpr std::size_t kBodyWindow = 64 * 1024;

// RFC 9110 15.2, 15.3: the upstream has taken it. What it refused, failed or sent elsewhere may
// come again, unless it says that it has stored it all the same (OpenClaw does, on webhooks of its
// channels).
bool isAcceptance(const ResponseHead& head) {
  if (head.status < 300) return true;
  const auto stored = head.headers.find("x-openclaw-delivery-accepted");
  return stored && *stored == "durable";
}

}  // namespace

void ExchangeDriver::open(Client& client, const ClientFacts& facts) {
  DCHECK(isIdle());
  client_ = &client;
  exchange_.emplace();
  exchange_->started = station_.clock().now();
  exchange_->started_wall = station_.clock().wallNow();
  exchange_->snapshot = station_.snapshot();
  exchange_->client = facts;
  deadline_ = Instant::max();
  credit_out_ = 0;
  awaits_body_ = is_request_whole_ = is_upstream_paused_ = has_continued_ = is_accepted_ = false;
  is_stream_ = false;
  is_client_named_ = true;
  left_for_.reset();
  station_.metrics().exchanges_open.add(1);
}

void ExchangeDriver::prepare(Client& client, RequestHead&& head, const ClientFacts& facts) {
  open(client, facts);
  Exchange& exchange = *exchange_;
  exchange.request = std::move(head);
  exchange.request.keepIn(exchange.arena);
  // Before any check: what `Connection` names goes no further, so nothing may be decided by it.
  if (exchange.request.wants_upgrade) upgrade_.emplace(exchange);
  stripHopByHop(exchange.request.headers);
  const CidrSet& trusted = exchange.snapshot->trustedProxies();
  exchange.client.is_trusted_peer = !facts.is_unknown && trusted.contains(facts.peer.ip);
  const std::optional<IpAddress> named =
      exchange.client.is_trusted_peer ? clientAddress(exchange.request.headers, facts.peer, trusted)
                                      : facts.peer.ip;
  is_client_named_ = named.has_value();
  exchange.client.address = named.value_or(facts.peer.ip);
  exchange.request_id = requestIdFrom(exchange);
  // Until a filter knows better. Not the connection's: it may be gone when the upstream is told.
  exchange.client.principal = exchange.facts.principal = exchange.arena.copy(facts.principal);
  if (exchange.request_id.empty()) exchange.request_id = station_.newRequestId(exchange.arena);
  is_request_whole_ = !exchange.request.body.hasBody();
  step_ = Step::kHead;
}

void ExchangeDriver::beginRefused(Client& client, const ClientFacts& facts, Error error) {
  open(client, facts);
  exchange_->client.address = facts.peer.ip;
  exchange_->request_id = station_.newRequestId(exchange_->arena);
  is_request_whole_ = true;
  step_ = Step::kHead;
  refuse(error.reason, std::move(error.message));
}

void ExchangeDriver::beginRelease(Client& client, const std::function<void(Exchange&)>& prepare) {
  open(client, {});
  prepare(*exchange_);
  stripHopByHop(exchange_->request.headers);
  exchange_->is_release = true;
  exchange_->is_body_complete = true;
  is_request_whole_ = true;
  step_ = Step::kHead;
  advance();
}

Duration ExchangeDriver::bodyTimeout() const {
  return exchange_ && exchange_->route != nullptr ? exchange_->route->limits().body_timeout
                                                  : Duration(limits::kBodyTimeout);
}

void ExchangeDriver::advance() {
  switch (step_) {
    case Step::kHead:
      return walkHead();
    case Step::kCollect:
      return collectBody();
    case Step::kBody:
      return walkBody();
    case Step::kForward:
      return forward();
    case Step::kIdle:
    case Step::kAnswer:
    case Step::kTunnel:
      return;
  }
}

// What was approved is never refused for want of room: there are few of them at a time.
bool ExchangeDriver::isOverCap() {
  if (exchange_->is_release) slot_.set(1);
  if (slot_.resize(1) && !exchange_->client.is_surplus) return false;
  if (!exchange_->client.is_surplus) station_.metrics().refusedAt(WorkerMetrics::Cap::kExchanges);
  return true;
}

void ExchangeDriver::setDeadline() {
  deadline_ = exchange_->started + exchange_->route->limits().total_timeout;
}

std::optional<Verdict> ExchangeDriver::refusalOfHead() {
  Exchange& exchange = *exchange_;
  const RequestHead& request = exchange.request;
  // A tunnel would be cut at the end of the drain.
  const bool is_late = station_.isDraining() && (exchange.is_release || upgrade_.has_value());
  if (is_late) return Verdict::deny(Reason::kDraining);
  // A decision that cannot be recorded must not be made (law 1).
  if (!station_.audit().isHealthy()) return Verdict::deny(Reason::kStoreUnavailable);
  if (!is_client_named_) {
    return Verdict::deny(Reason::kMalformedRequest, "x-forwarded-for: no address");
  }
  exchange.route = exchange.snapshot->match(request.authority, request.target.path);
  if (exchange.route == nullptr) return Verdict::deny(Reason::kRouteNotFound);
  setDeadline();
  // With its policy the exchange keeps its upstream, should a reload take that away.
  pool_ = station_.pool(exchange.route->upstream());
  const bool is_too_large = request.body.kind == BodyLength::Kind::kKnown &&
                            request.body.bytes > exchange.route->limits().body_bytes_max;
  if (is_too_large) return Verdict::deny(Reason::kPayloadTooLarge);
  if (!upgrade_) return std::nullopt;
  if (!exchange.route->websocket()) return Verdict::deny(Reason::kUpgradeRefused);
  return upgrade_->refusal();
}

void ExchangeDriver::walkHead() {
  Exchange& exchange = *exchange_;
  if (station_.hasLetGo()) return refuse(Reason::kDraining);
  if (isOverCap()) return refuse(Reason::kOverloaded);
  if (!exchange.is_release && station_.statusPage().serves(exchange.request)) {
    status_wait_.emplace(station_.statusPage().answer(exchange, station_.loop()));
    return status_wait_->then([this](Verdict verdict) { onVerdict(std::move(verdict)); });
  }
  if (const auto refusal = refusalOfHead()) return answer(*refusal);
  walk_.emplace(exchange.route->chain(), exchange, station_.services());
  walk_->requestHead([this](std::optional<Verdict> verdict) {
    step_ = Step::kCollect;
    onVerdict(std::move(verdict));
  });
}

void ExchangeDriver::collectBody() {
  if (!exchange_->route->collectsBody() || is_request_whole_) {
    exchange_->is_body_complete = is_request_whole_;
    step_ = Step::kBody;
    return advance();
  }
  awaits_body_ = true;
  // One byte past the limit shows that there is more; a body of known length never gets that far.
  takeBody(exchange_->route->limits().body_bytes_max + 1);
}

void ExchangeDriver::takeBody(std::size_t bytes) {
  if (exchange_->request.expects_continue && !std::exchange(has_continued_, true)) {
    client_->sendContinue();
  }
  credit_out_ += bytes;
  client_->credit(bytes);
}

void ExchangeDriver::walkBody() {
  exchange_->decision.policy_time = station_.clock().now() - exchange_->started;
  walk_->requestBody([this](std::optional<Verdict> verdict) {
    step_ = Step::kForward;
    onVerdict(std::move(verdict));
  });
}

void ExchangeDriver::onVerdict(std::optional<Verdict> verdict) {
  exchange_->decision.policy_time = station_.clock().now() - exchange_->started;
  if (!verdict) return advance();
  answer(*verdict);
}

// The codec's copy of a collected body, or the window of a streamed one.
bool ExchangeDriver::reserveForUpstream() {
  if (is_request_whole_ && exchange_->body.empty()) return true;
  const std::size_t wanted =
      is_request_whole_ ? exchange_->body.capacity() + exchange_->body.size() : kBodyWindow;
  if (exchange_->is_release) buffered_.set(wanted);
  return buffered_.resize(wanted);
}

void ExchangeDriver::forward() {
  Exchange& exchange = *exchange_;
  if (!reserveForUpstream()) return refuseForBytes();
  prepareForUpstream(exchange, pool_->spec(), station_.random());
  if (upgrade_) upgrade_->prepare(exchange, *exchange.route->websocket(), station_.random());
  if (exchange.route->chain().bodyPlan().sse_events) EventStream::prepareRequest(exchange.request);
  if (exchange.is_body_complete && !exchange.body.empty()) {
    exchange.request.body = BodyLength::known(exchange.body.size());
  }
  step_ = Step::kAnswer;
  forwarded_at_ = station_.clock().now();
  const RouteLimits& limits = exchange.route->limits();
  upstream_.start(*pool_, exchange.request,
                  {limits.first_byte_timeout, limits.response_idle_timeout});
  if (step_ != Step::kAnswer) return;  // it failed at once and was answered
  if (is_request_whole_) {
    if (!exchange.body.empty()) upstream_.sendBody(exchange.body.view());
    upstream_.sendEnd();
  } else {
    awaits_body_ = true;
    takeBody(kBodyWindow);
  }
}

void ExchangeDriver::refuseForBytes() {
  station_.metrics().refusedAt(WorkerMetrics::Cap::kBufferedBytes);
  refuse(Reason::kOverloaded, "limits.buffered is reached");
}

void ExchangeDriver::onRequestBody(ByteView chunk) {
  if (tunnel_ != nullptr) return tunnel_->onClientBytes(chunk);
  if (step_ == Step::kIdle || !awaits_body_) return;
  Exchange& exchange = *exchange_;
  credit_out_ -= std::min(credit_out_, chunk.size());
  exchange.decision.request_body_bytes += chunk.size();
  if (exchange.decision.request_body_bytes > exchange.route->limits().body_bytes_max) {
    return refuse(Reason::kPayloadTooLarge);
  }
  if (auto verdict = walk_->chunk(chunk)) return answer(*verdict);
  if (step_ != Step::kCollect) return upstream_.sendBody(chunk);
  exchange.body.append(chunk);
  if (!buffered_.resize(exchange.body.capacity())) refuseForBytes();
}

void ExchangeDriver::onRequestEnd() {
  if (step_ == Step::kIdle) return;
  if (tunnel_ != nullptr) return tunnel_->onClientEnd();
  is_request_whole_ = true;
  if (step_ == Step::kCollect) {
    exchange_->is_body_complete = true;
    step_ = Step::kBody;
    return advance();
  }
  if (step_ == Step::kAnswer && awaits_body_) upstream_.sendEnd();
}

void ExchangeDriver::onRequestError(Error error) {
  if (step_ == Step::kIdle) return;
  if (tunnel_ != nullptr) return onTunnelOver(tunnel_->onClientGone(error.reason));
  is_request_whole_ = true;
  refuse(error.reason, std::move(error.message));
}

void ExchangeDriver::onUpstreamDrained() {
  if (tunnel_ != nullptr) return tunnel_->onUpstreamDrained();
  if (!awaits_body_ || is_request_whole_ || credit_out_ >= kBodyWindow) return;
  takeBody(kBodyWindow - credit_out_);
}

void ExchangeDriver::onUpstreamHead(ResponseHead&& head) {
  Exchange& exchange = *exchange_;
  const bool is_switch = head.status == kSwitchingProtocols;
  if (is_switch) {
    CHECK(upgrade_.has_value()) << "the codec passes no 101 that was not asked for";
    if (auto checked = upgrade_->check(head); !checked) {
      return refuse(checked.error().reason, std::move(checked.error().message));
    }
  }
  is_accepted_ = isAcceptance(head);
  const auto inspects = EventStream::inspects(exchange, head);
  if (!inspects) return refuse(inspects.error().reason, inspects.error().message);
  exchange.decision.upstream_time = station_.clock().now() - forwarded_at_;
  exchange.decision.upstream_status = exchange.decision.status = head.status;
  // Before a byte of the acknowledgement can leave, however long its body takes: a crash after it
  // must not let the event pass again.
  if (is_accepted_) settle();
  if (answersItself()) return;  // with its end
  is_stream_ = isEventStream(head);
  if (is_stream_ && left_for_) return endAllowed();
  if (is_stream_ && !exchange.route->limits().is_total_strict) deadline_ = Instant::max();
  if (*inspects) event_stream_.emplace(*walk_, exchange, station_.metrics(), head);
  prepareForClient(exchange, head);
  walk_->responseHead(head);
  if (is_switch) return openTunnel(std::move(head));
  client_->sendHead(head, exchange.request.method == Method::kHead);
}

void ExchangeDriver::onUpstreamBody(ByteView chunk) {
  if (tunnel_ != nullptr) return tunnel_->onUpstreamBytes(chunk);
  if (answersItself() || left_for_) return;
  if (event_stream_) {
    if (const auto cut = event_stream_->take(chunk, *client_))
      return refuse(cut->reason(), std::string(cut->why()));
  } else {
    exchange_->decision.response_body_bytes += chunk.size();
    client_->sendBody(chunk);
  }
  if (client_->queuedBytes() < station_.outputBytesHigh() || is_upstream_paused_) return;
  is_upstream_paused_ = true;
  upstream_.pauseResponse(true);
}

void ExchangeDriver::onClientDrained() {
  if (tunnel_ != nullptr) return tunnel_->onClientDrained();
  if (step_ != Step::kAnswer || !std::exchange(is_upstream_paused_, false)) return;
  upstream_.pauseResponse(false);
}

void ExchangeDriver::onUpstreamEnd() {
  if (tunnel_ != nullptr) return tunnel_->onUpstreamEnd();
  if (answersItself()) return acknowledge();
  client_->sendEnd();
  endAllowed();
}

void ExchangeDriver::onUpstreamError(Error error) {
  if (tunnel_ != nullptr) return tunnel_->onUpstreamLost(std::move(error));
  const bool has_answered = exchange_->decision.upstream_status != 0;
  is_accepted_ = is_accepted_ && has_answered;
  if (error.reason == Reason::kOverloaded && pool_->isFull()) {
    station_.metrics().refusedAt(WorkerMetrics::Cap::kUpstreamConnections);
  }
  station_.metrics().upstreamFailed(pool_->spec().name, error.reason);
  if (has_answered && answersItself()) return acknowledge();  // accepted is accepted
  if (!has_answered) return refuse(error.reason, std::move(error.message));
  decide(Decision::Kind::kError, error.reason, std::move(error.message));
  client_->abort();
  finish();
}

void ExchangeDriver::onDeadline() {
  if (tunnel_ != nullptr) return tunnel_->onDeadline();
  if (step_ == Step::kAnswer && answersItself()) return acknowledge();
  if (step_ != Step::kIdle) refuse(Reason::kExchangeTimeout);
}

}  // namespace edgehold
