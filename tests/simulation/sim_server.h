// SPDX-License-Identifier: Apache-2.0
// One life of the server under test: everything a running edgehold consists of, with two workers,
// on fake transports, a fake clock and one thread. What it keeps on disk outlives it.
// Thread: one loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <unordered_map>
#include <vector>

#include "lua/runtime/rule_engine.h"
#include "proxy/delivery/hold_release.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/observe/audit_log.h"
#include "proxy/server/client_connection.h"
#include "proxy/server/release_stream.h"
#include "proxy/server/station.h"
#include "proxy/server/status_page.h"
#include "proxy/state/claim_journal.h"
#include "proxy/state/journaled_counters.h"
#include "proxy/state/memory_counters.h"
#include "tests/simulation/slow_ledger.h"
#include "tests/support/fake_dialer.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_random.h"

namespace edgehold::simulation {

// What survives a crash.
struct Disk {
  std::string directory;
  MemoryLedger ledger;
};

class SimServer final : public HoldRelease::Executor {
 public:
  // Time goes on from `clock`, that of the life before.
  SimServer(Disk& disk, std::uint64_t seed, const FakeClock& clock,
            std::shared_ptr<const PolicySnapshot> policy);
  ~SimServer() override;

  // A client connects to one of the workers; the peer is its end.
  std::shared_ptr<FakePeer> connect(std::size_t worker);
  void adopt(const std::shared_ptr<const PolicySnapshot>& policy);
  // Turns the loop until it is quiet; advance() lets time go by too.
  void settle();
  void advance(Duration by);

  FakeLoop& loop() { return loop_; }
  FakeDialer& dialer() { return dialer_; }
  HoldStore& holds() { return holds_; }
  SlowLedger& ledger() { return ledger_; }
  // Exchanges under way and connections open, of all workers.
  std::int64_t openExchanges() const;
  std::size_t openConnections() const;

  void execute(StoredRequest request, std::function<void(ExecutionResult)> done) override;

 private:
  struct Worker {
    Worker(SimServer& server, std::uint64_t seed, std::shared_ptr<const PolicySnapshot> policy);
    FakeRandom random;
    JsonPool json;
    RuleEngines rules;
    JournaledCounters counters;
    WorkerMetrics& metrics;
    AuditLog audit;
    Station station;
    std::unordered_map<ClientConnection*, std::unique_ptr<ClientConnection>> connections;
    Releases releases{station};
  };
  void endTurn();

  FakeLoop loop_;
  FakeRandom random_;
  FakeDialer dialer_;
  MetricsRegistry metrics_{"simulation"};
  SlowLedger ledger_;
  MemoryCounters counters_;
  std::unique_ptr<ClaimJournal> claims_;
  RuleWatch rule_watch_;
  HoldStore holds_;
  StatusPage status_page_;
  Capacity capacity_;
  std::unique_ptr<AuditFile> audit_file_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<HoldRelease> release_;
};

}  // namespace edgehold::simulation
