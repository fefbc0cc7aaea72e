// SPDX-License-Identifier: Apache-2.0
// A worker's thread and doors, behind worker.h.
// Thread: one loop, but for what worker.h marks (any).
#include "proxy/server/worker.h"

#include <algorithm>
#include <array>
#include <chrono>
#include <utility>

#include <pthread.h>
#include <sys/socket.h>

#include "proxy/base/block_pool.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/net/socket.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/net/tls_transport.h"

namespace edgehold {
namespace {

// To a connection that is not even read from. No request was taken, so there is none to record.
constexpr std::string_view kTurnedAway =
    "HTTP/1.1 503 Service Unavailable\r\n"
    "Content-Type: application/problem+json\r\n"
    "Content-Length: 57\r\n"
    "Retry-After: 1\r\n"
    "Connection: close\r\n"
    "\r\n"
    R"({"status":503,"reason":"overloaded","title":"Overloaded"})";

// How often is looked whether what needs state has ended; new connections wait meanwhile.
constexpr auto kSettleCheckInterval = std::chrono::milliseconds(2);

void sendTurnedAway(const Fd& fd) {
  // What is left unread would make the kernel answer the close with a reset.
  std::array<char, 4096> unread;
  receiveFrom(fd.get(), unread);
  sendTo(fd.get(), kTurnedAway);
  ::shutdown(fd.get(), SHUT_WR);
}

}  // namespace

Worker::Worker(std::size_t index, const Shared& shared, std::shared_ptr<const Serving> serving)
    : index_(index),
      capacity_(shared.capacity),
      json_(random_),
      rules_(rule_clock_, shared.rule_watch),
      rule_meter_(loop_, rules_, shared.metrics),
      dialer_(loop_, shared.resolver),
      audit_(shared.audit, shared.metrics, loop_, serving->policy->audit().fields),
      counters_(shared.counters, shared.claims, loop_),
      serving_(std::move(serving)),
      station_({.loop = loop_,
                .random = random_,
                .dialer = dialer_,
                .services = {.loop = loop_,
                             .random = random_,
                             .json = json_,
                             .counters = counters_,
                             .ledger = shared.ledger,
                             .rules = rules_,
                             .holds = shared.holds},
                .audit = audit_,
                .metrics = shared.metrics,
                .status_page = shared.status_page,
                .capacity = shared.capacity,
                .claims = &counters_},
               serving_->policy),
      lobby_(loop_, station_.graveyard(), shared.metrics, *this) {
  loop_.setAfterTurn([this] { endTurn(); });
  station_.orphans().setOnEmpty([this] { reportDrained(); });
}

void Worker::endTurn() {
  station_.endTurn();
  // The loop's clock has stood still since the turn first looked at it.
  station_.metrics().turn_time.observe(SystemClock().now() - loop_.clock().now());
}

Worker::~Worker() {
  stop();
  join();
  // The loop has ended: this thread may take down what lived on it.
  doors_.clear();
  // Each removes itself from its list, and leaves a record of what was cut.
  while (!connections_.empty()) connections_.begin()->second.connection->close();
  releases_.cutAll();
  station_.orphans().cutAll();
}

void Worker::listen(Fd fd, std::size_t index) {
  doors_.push_back({index, std::make_unique<Listener>(loop_, std::move(fd),
                                                      [this, index](Fd accepted, Endpoint peer) {
                                                        accept(index, std::move(accepted), peer);
                                                      })});
}

void Worker::start() {
  thread_ = std::thread([this] { run(); });
}

void Worker::run() {
  ::pthread_setname_np(::pthread_self(), ("worker-" + std::to_string(index_)).c_str());
  const BlockPool pool;
  rule_meter_.start();
  loop_.run();
}

void Worker::join() {
  if (thread_.joinable()) thread_.join();
}

void Worker::adopt(std::shared_ptr<const Serving> serving) {
  loop_.post([this, serving = std::move(serving)]() mutable {
    serving_ = std::move(serving);
    audit_.adopt(serving_->policy->audit().fields);
    dialer_.forgetTrust();
    station_.adopt(serving_->policy);
  });
}

bool Worker::isTrustedProxy(const Endpoint& peer) const {
  return serving_->policy->trustedProxies().contains(peer.ip);
}

ConnectionGate::Pass Worker::admit(std::size_t index, const Endpoint& peer) {
  const std::uint64_t number = ++next_number_;
  const bool is_proxy = serving_->policy->server().listeners[index].announcers.has_value();
  ConnectionGate::Pass pass = capacity_.connections.enter(
      {.peer = peer.ip,
       .is_exempt = is_proxy || isTrustedProxy(peer),
       .shakes_hands = serving_->tls[index] != nullptr,
       .on_shed = [this, number] { loop_.post([this, number] { shed(number); }); }});
  countRefusal(pass);
  return pass;
}

void Worker::countRefusal(const ConnectionGate::Pass& pass) {
  using Cap = ConnectionGate::Cap;
  WorkerMetrics& metrics = station_.metrics();
  switch (pass.cap()) {
    case Cap::kNone:
      return;
    case Cap::kConnections:
      metrics.refusedAt(WorkerMetrics::Cap::kConnections);
      break;
    case Cap::kAddress:
      metrics.refusedAt(WorkerMetrics::Cap::kAddress);
      break;
    case Cap::kHandshakes:
      metrics.refusedAt(WorkerMetrics::Cap::kHandshakes);
      break;
  }
  metrics.connections_refused.add();
}

void Worker::accept(std::size_t index, Fd fd, const Endpoint& peer) {
  const auto& announcers = serving_->policy->server().listeners[index].announcers;
  if (announcers && !announcers->contains(peer.ip)) {
    return station_.metrics().proxyFault(ProxyFault::kUntrusted);
  }
  ConnectionGate::Pass pass = admit(index, peer);
  if (pass.admission() == ConnectionGate::Admission::kTurnedAway) {
    if (serving_->tls[index] == nullptr) sendTurnedAway(fd);
    return;
  }
  if (!announcers) return welcome({index, next_number_, peer}, std::move(fd), std::move(pass));
  const Duration time =
      std::min<Duration>(limits::kProxyHeaderTimeout, serving_->policy->timeouts().handshake);
  lobby_.await({index, next_number_, peer, std::move(pass)}, std::move(fd), time);
}

void Worker::onAnnounced(ProxyLobby::Guest guest, Fd fd, const ProxySource& source) {
  using Kind = ProxySource::Kind;
  const bool is_client = source.kind == Kind::kClient;
  const Caller caller{guest.door, guest.number, is_client ? source.client : guest.peer,
                      source.kind == Kind::kUnknown};
  if (!is_client || isTrustedProxy(caller.peer)) {
    return welcome(caller, std::move(fd), std::move(guest.pass));
  }
  const bool was_welcome = guest.pass.cap() == ConnectionGate::Cap::kNone;
  ConnectionGate::Pass pass =
      capacity_.connections.attribute(std::move(guest.pass), caller.peer.ip);
  if (was_welcome) countRefusal(pass);
  if (pass.admission() == ConnectionGate::Admission::kTurnedAway) {
    if (serving_->tls[guest.door] == nullptr) sendTurnedAway(fd);
    return reportDrained();
  }
  welcome(caller, std::move(fd), std::move(pass));
}

void Worker::welcome(const Caller& caller, Fd fd, ConnectionGate::Pass pass) {
  const auto& tls = serving_->tls[caller.index];
  std::unique_ptr<Transport> transport;
  if (tls != nullptr) {
    transport = std::make_unique<TlsTransport>(loop_, std::move(fd), caller.peer, tls);
  } else {
    transport = std::make_unique<TcpTransport>(loop_, std::move(fd), caller.peer,
                                               /*is_connecting=*/false);
  }
  auto connection = std::make_unique<ClientConnection>(
      station_, std::move(transport),
      [this, number = caller.number](ClientConnection&) { closed(number); });
  ClientConnection& started = *connection;
  if (pass.admission() == ConnectionGate::Admission::kSurplus) started.refuseRequests();
  if (caller.is_unknown) started.distrust();
  const auto entry =
      connections_.emplace(caller.number, Visitor{std::move(pass), std::move(connection)});
  started.arriveBy(caller.index, entry.first->second.pass);
  if (serving_->policy->server().listeners[caller.index].takes_http2) started.allowHttp2();
  started.start();
  if (station_.isDraining()) started.drain();  // it was announced too late
}

// What it was chosen for may be over: it stays then, whatever that means for the cap.
void Worker::shed(std::uint64_t number) {
  const auto found = connections_.find(number);
  if (found == connections_.end()) return;
  ClientConnection& connection = *found->second.connection;
  if (!connection.isIdle()) return found->second.pass.spare();
  station_.metrics().connections_shed.add();
  connection.close();
}

void Worker::closed(std::uint64_t number) {
  const auto found = connections_.find(number);
  CHECK(found != connections_.end());
  station_.graveyard().bury(std::move(found->second.connection));
  connections_.erase(found);
  reportDrained();
}

void Worker::drain(std::function<void()> on_drained) {
  loop_.post([this, on_drained = std::move(on_drained)] {
    for (const Door& door : doors_) door.listener->acceptRest();
    doors_.clear();
    on_drained_ = on_drained;
    station_.drain();
    drainConnections();
    reportDrained();
  });
}

// A copy: one that reads its end closes itself. It lives until the turn ends.
std::vector<ClientConnection*> Worker::openConnections() const {
  std::vector<ClientConnection*> open;
  open.reserve(connections_.size());
  for (const auto& [number, visitor] : connections_) open.push_back(visitor.connection.get());
  return open;
}

void Worker::drainConnections() {
  for (ClientConnection* const connection : openConnections()) connection->drain();
}

void Worker::announceEnd() {
  loop_.post([this] { station_.announceEnd(); });
}

void Worker::leave(std::function<void()> on_settled, std::function<void()> on_drained) {
  loop_.post([this, on_settled = std::move(on_settled), on_drained = std::move(on_drained)] {
    doors_.clear();
    on_settled_ = on_settled;
    on_drained_ = on_drained;
    station_.drain();
    drainConnections();
    settle_check_ = loop_.makeTimer([this] { checkSettled(); });
    settle_check_->arm(kSettleCheckInterval);
  });
}

void Worker::checkSettled() {
  if (!on_settled_) return;
  const auto open = openConnections();
  const bool is_settled =
      lobby_.empty() && releases_.empty() && station_.orphans().isSettled() &&
      counters_.isWritten() &&
      std::all_of(open.begin(), open.end(),
                  [](const ClientConnection* connection) { return connection->isSettled(); });
  if (!is_settled) return settle_check_->arm(kSettleCheckInterval);
  station_.letGo();
  std::exchange(on_settled_, nullptr)();
  reportDrained();
}

void Worker::cutUnsettled(Cut cut) {
  loop_.post([this, cut] {
    if (!on_settled_) return;
    for (ClientConnection* const connection : openConnections()) {
      if (connection->isSettled()) continue;
      if (cut == Cut::kAll || connection->isIdle()) connection->close(Reason::kDraining);
    }
    if (cut == Cut::kUnheard) return;
    releases_.cutAll();
    station_.orphans().cutAll();
    station_.letGo();
    std::exchange(on_settled_, nullptr)();
    reportDrained();
  });
}

void Worker::reportDrained() {
  if (on_settled_) return;  // that comes first
  const bool is_empty =
      connections_.empty() && lobby_.empty() && releases_.empty() && station_.orphans().empty();
  if (!on_drained_ || !is_empty) return;
  std::exchange(on_drained_, nullptr)();
}

void Worker::execute(StoredRequest request, std::function<void(ExecutionResult)> done) {
  loop_.post([this, request = std::move(request), done = std::move(done)]() mutable {
    releases_.start(std::move(request), [this, done = std::move(done)](ExecutionResult result) {
      done(std::move(result));
      reportDrained();
    });
  });
}

}  // namespace edgehold
