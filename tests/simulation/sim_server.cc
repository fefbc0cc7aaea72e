// SPDX-License-Identifier: Apache-2.0
// The composition of server/server.cc and server/worker.cc without sockets and threads.
// Thread: one loop.
#include "tests/simulation/sim_server.h"

#include <utility>

namespace edgehold::simulation {
namespace {

constexpr std::size_t kWorkers = 2;
constexpr SipKey kCounterSeed{1, 2};
constexpr SipHash128 kBoot{3, 4};

std::unique_ptr<AuditFile> openAudit(const std::string& directory, WallTime now) {
  AuditSpec spec;
  spec.path = directory + "/audit.jsonl";
  spec.rotate_daily = false;  // whoever reads along follows no renames
  auto opened = AuditFile::open(spec, now);
  CHECK(opened.has_value()) << opened.error().message;
  return std::move(*opened);
}

}  // namespace

SimServer::Worker::Worker(SimServer& server, std::uint64_t seed,
                          std::shared_ptr<const PolicySnapshot> policy)
    : random(seed),
      json(random),
      rules(server.loop_.clock(), server.rule_watch_),
      counters(server.counters_, *server.claims_, server.loop_),
      metrics(server.metrics_.addWorker()),
      audit(*server.audit_file_, metrics, server.loop_, policy->audit().fields),
      station({.loop = server.loop_,
               .random = random,
               .dialer = server.dialer_,
               .services = {.loop = server.loop_,
                            .random = random,
                            .json = json,
                            .counters = counters,
                            .ledger = server.ledger_,
                            .rules = rules,
                            .holds = server.holds_},
               .audit = audit,
               .metrics = metrics,
               .status_page = server.status_page_,
               .capacity = server.capacity_,
               .claims = &counters},
              std::move(policy)) {}

SimServer::SimServer(Disk& disk, std::uint64_t seed, const FakeClock& clock,
                     std::shared_ptr<const PolicySnapshot> policy)
    : random_(seed),
      ledger_(disk.ledger, random_),
      counters_(kCounterSeed, {.entries_max = 1 << 14, .shards = 4}),
      holds_(ledger_),
      status_page_(holds_) {
  loop_.fakeClock() = clock;
  audit_file_ = openAudit(disk.directory, clock.wallNow());
  auto claims = ClaimJournal::open(
      {.directory = disk.directory, .records_max = 1 << 14, .boot = kBoot}, clock, counters_);
  CHECK(claims.has_value()) << claims.error().message;
  claims_ = std::move(*claims);
  for (std::size_t i = 0; i < kWorkers; ++i) {
    workers_.push_back(std::make_unique<Worker>(*this, random_.next(), policy));
  }
  release_ = std::make_unique<HoldRelease>(loop_, holds_, ledger_, *this);
}

SimServer::~SimServer() {
  release_.reset();
  for (const auto& worker : workers_) {
    while (!worker->connections.empty()) worker->connections.begin()->second->close();
    worker->releases.cutAll();
    worker->station.orphans().cutAll();
  }
}

std::shared_ptr<FakePeer> SimServer::connect(std::size_t worker_index) {
  Worker& worker = *workers_[worker_index % workers_.size()];
  auto peer = std::make_shared<FakePeer>();
  auto connection = std::make_unique<ClientConnection>(
      worker.station, std::make_unique<FakeTransport>(peer, *Endpoint::parse("192.0.2.7:4000")),
      [&worker](ClientConnection& ended) {
        const auto found = worker.connections.find(&ended);
        worker.station.graveyard().bury(std::move(found->second));
        worker.connections.erase(found);
      });
  ClientConnection& started = *connection;
  worker.connections.emplace(&started, std::move(connection));
  started.start();
  peer->open();
  settle();
  return peer;
}

void SimServer::adopt(const std::shared_ptr<const PolicySnapshot>& policy) {
  for (const auto& worker : workers_) {
    loop_.post([&station = worker->station, policy] { station.adopt(policy); });
  }
  settle();
}

void SimServer::endTurn() {
  for (const auto& worker : workers_) worker->station.endTurn();
}

void SimServer::settle() {
  loop_.settle([this] { endTurn(); });
}

void SimServer::advance(Duration by) {
  claims_->probe(loop_.clock());
  loop_.advance(by, [this] { endTurn(); });
  settle();
}

std::int64_t SimServer::openExchanges() const {
  std::int64_t open = 0;
  for (const auto& worker : workers_) open += worker->metrics.exchanges_open.value();
  return open;
}

std::size_t SimServer::openConnections() const {
  std::size_t open = 0;
  for (const auto& worker : workers_) open += worker->connections.size();
  return open;
}

void SimServer::execute(StoredRequest request, std::function<void(ExecutionResult)> done) {
  Releases& releases = workers_.front()->releases;
  loop_.post([&releases, request = std::move(request), done = std::move(done)]() mutable {
    releases.start(std::move(request), std::move(done));
  });
}

}  // namespace edgehold::simulation
