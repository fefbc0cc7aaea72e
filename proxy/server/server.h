// SPDX-License-Identifier: Apache-2.0
// The composition: everything a running edgehold consists of, built in one place from a
// configuration file, run until a signal, taken down in reverse. Thread: main only; the workers it
// owns run their own loops.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "lua/runtime/rule_watch.h"
#include "proxy/base/random.h"
#include "proxy/delivery/hold_release.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/signals.h"
#include "proxy/observe/audit_file.h"
#include "proxy/observe/metrics.h"
#include "proxy/policy/loader.h"
#include "proxy/server/admin.h"
#include "proxy/server/capacity.h"
#include "proxy/server/inheritance.h"
#include "proxy/server/operations.h"
#include "proxy/server/reloader.h"
#include "proxy/server/serving.h"
#include "proxy/server/status_page.h"
#include "proxy/server/store_health.h"
#include "proxy/server/successor.h"
#include "proxy/server/upgrade.h"
#include "proxy/server/worker.h"
#include "proxy/state/memory_counters.h"
#include "proxy/state/sqlite_ledger.h"
#include "proxy/state/state_directory.h"

namespace edgehold {

class Server final : private Operations, private Upgrade::Host {
 public:
  struct Options {
    std::string config_file;
    std::string program_version;
  };

  // Loads and checks the configuration, opens state and sockets, gives privileges away. The errors
  // are for the operator, one a line.
  static Result<std::unique_ptr<Server>> make(const Options& options, const LoadTools& tools);
  ~Server() override;

  // Serves until TERM, INT or a successor; returns when all is drained or the drain deadline has
  // passed. False: the successor did not take over, and the state was its already.
  [[nodiscard]] bool run();

 private:
  Server(const Options& options, const LoadTools& tools);

  // make(), in this order
  Result<void> openState();
  Result<void> bindListeners();
  Result<void> openDoors(std::size_t index);
  void startWorkers(LoadResult loaded);

  // Operations
  ServerStatus status() const override;
  ReloadReport reload(const PolicyAsk& ask) override { return reloader_->reload(ask); }
  ReloadReport rollback(std::string_view version, const PolicyAsk& ask) override {
    return reloader_->rollback(version, ask);
  }
  const PolicyHistory& history() const override { return reloader_->history(); }
  bool isStarted() const override { return is_started_; }
  bool isReady() const override;
  HoldStore& holds() override { return *holds_; }
  Async<Result<std::size_t>> endSessions(const SessionUser& user) override;
  const MetricsRegistry& metrics() const override { return metrics_; }
  Result<void> record(OperatorAct act) override;
  std::vector<RuleReport> rules() const override;

  // Upgrade::Host, in server_upgrade.cc
  void announceEnd() override;
  void leaveDoors(std::function<void()> on_settled) override;
  void cutUnheard() override;
  void cutUnsettled() override;
  void releaseState() override;
  void onReplaced(pid_t successor) override;
  void onAbandoned() override;
  void recordUpgrade(bool is_taken, const std::string& why) override;
  Duration settleTime() const override { return serving_->policy->timeouts().drain; }
  void onWorkerSettled();
  bool abandonUpgrade();
  void noticeService(std::string_view state) const;

  void adoptLimits();
  void adopt(std::shared_ptr<const Serving> next);
  void onSignal(int number);
  void drain();
  void closeDoors();
  void armDrainDeadline();
  void onWorkerDrained();
  void recordExpiry(const std::string& id);
  void everyHour();

  const Options options_;
  const LoadTools tools_;
  const WallTime started_;
  EventLoop loop_;
  Signals signals_;  // before any thread starts: all inherit the mask
  SystemRandom random_;
  HostResolver resolver_;
  MetricsRegistry metrics_;
  Capacity capacity_;
  std::shared_ptr<const Serving> serving_;
  std::optional<StateDirectory> state_directory_;
  std::unique_ptr<AuditFile> audit_;
  std::unique_ptr<MemoryCounters> counters_;
  std::unique_ptr<ClaimJournal> claims_;
  std::unique_ptr<SqliteLedger> ledger_;
  std::unique_ptr<StoreHealth> health_;
  std::unique_ptr<HoldStore> holds_;
  std::unique_ptr<StatusPage> status_page_;
  RuleWatch rule_watch_;
  std::vector<std::unique_ptr<Worker>> workers_;
  std::unique_ptr<HoldRelease> release_;
  std::unique_ptr<LedgerWatch> expiries_;
  std::unique_ptr<Admin> admin_;
  std::unique_ptr<Reloader> reloader_;
  std::unique_ptr<Timer> drain_delay_;
  std::unique_ptr<Timer> drain_deadline_;
  std::unique_ptr<Timer> hourly_;
  std::vector<std::string> listening_;
  ProgramCall program_;
  std::optional<Inheritance> inheritance_;  // until we serve
  std::vector<DoorSocket> doors_;           // of all workers; until the upgrade has them
  std::unique_ptr<Upgrade> upgrade_;
  std::unique_ptr<Timer> settle_check_;
  std::function<void()> on_settled_;
  std::size_t workers_unsettled_ = 0;
  bool awaits_successor_ = false;  // the doors are left, and it does not serve yet
  bool has_released_state_ = false;
  bool is_abandoned_ = false;
  std::size_t workers_draining_ = 0;
  bool is_started_ = false;
  bool is_draining_ = false;
};

}  // namespace edgehold
