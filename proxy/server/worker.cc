// SPDX-License-Identifier: Apache-2.0
// A worker's thread and doors, behind worker.h.
// Thread: one loop, but for what worker.h marks (any).
#include "proxy/server/worker.h"

#include <array>
#include <utility>

#include <pthread.h>
#include <sys/socket.h>

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
               serving_->policy) {
  loop_.setAfterTurn([this] { station_.endTurn(); });
}

Worker::~Worker() {
  stop();
  join();
  // The loop has ended: this thread may take down what lived on it.
  doors_.clear();
  // Each removes itself from its list, and leaves a record of what was cut.
  while (!connections_.empty()) connections_.begin()->second.connection->close();
  releases_.cutAll();
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

ConnectionGate::Pass Worker::admit(const Endpoint& peer) {
  using Cap = ConnectionGate::Cap;
  ConnectionGate::Pass pass =
      capacity_.connections.enter(peer.ip, serving_->policy->trustedProxies().contains(peer.ip));
  if (pass.cap() != Cap::kNone) {
    station_.metrics().connections_refused.add();
    station_.metrics().refusedAt(pass.cap() == Cap::kAddress ? WorkerMetrics::Cap::kAddress
                                                             : WorkerMetrics::Cap::kConnections);
  }
  return pass;
}

void Worker::accept(std::size_t index, Fd fd, const Endpoint& peer) {
  const auto& tls = serving_->tls[index];
  ConnectionGate::Pass pass = admit(peer);
  if (pass.admission() == ConnectionGate::Admission::kTurnedAway) {
    if (tls == nullptr) sendTurnedAway(fd);
    return;
  }
  std::unique_ptr<Transport> transport;
  if (tls != nullptr) {
    transport = std::make_unique<TlsTransport>(loop_, std::move(fd), peer, tls);
  } else {
    transport = std::make_unique<TcpTransport>(loop_, std::move(fd), peer, /*is_connecting=*/false);
  }
  auto connection = std::make_unique<ClientConnection>(
      station_, std::move(transport), [this](ClientConnection& ended) { closed(ended); });
  ClientConnection& started = *connection;
  if (pass.admission() == ConnectionGate::Admission::kSurplus) started.refuseRequests();
  connections_.emplace(&started, Visitor{std::move(connection), std::move(pass)});
  started.start();
}

void Worker::closed(ClientConnection& connection) {
  const auto found = connections_.find(&connection);
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
    // A copy: one that reads its end closes itself. It lives until the turn ends.
    std::vector<ClientConnection*> open;
    open.reserve(connections_.size());
    for (const auto& [key, connection] : connections_) open.push_back(key);
    for (ClientConnection* const connection : open) connection->drain();
    reportDrained();
  });
}

void Worker::reportDrained() {
  if (!on_drained_ || !connections_.empty() || !releases_.empty()) return;
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
