// SPDX-License-Identifier: Apache-2.0
// Start, reload, drain and stop, behind server.h.
// Thread: main only.
#include "proxy/server/server.h"

#include <algorithm>
#include <csignal>
#include <filesystem>
#include <thread>
#include <utility>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/net/socket.h"
#include "proxy/server/privileges.h"
#include "proxy/server/rule_report.h"
#include "proxy/state/boot_identity.h"
#include "proxy/state/user_sessions.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr auto kHousekeepingInterval = 1h;

void logWarnings(const PolicySnapshot& policy) {
  for (const std::string& warning : policy.warnings()) LOG(WARNING) << warning;
}

std::string historyDirectory(const ServerSpec& spec) { return spec.state_directory + "/policies"; }

// What root has kept in earlier runs.
Result<void> giveHistory(const ServerSpec& spec) {
  std::error_code ignored;
  const std::string directory = historyDirectory(spec);
  if (!std::filesystem::is_directory(directory, ignored)) return {};
  return giveToUser(directory, {}, spec.user);
}

}  // namespace

Server::Server(const Options& options, const LoadTools& tools)
    : options_(options),
      tools_(tools),
      started_(tools.clock.wallNow()),
      signals_(loop_, {SIGTERM, SIGINT, SIGHUP, SIGUSR1, SIGUSR2},
               [this](int number) { onSignal(number); }),
      metrics_(options.program_version),
      program_(ProgramCall::ofThisProcess()) {}

Server::~Server() {
  upgrade_.reset();
  expiries_.reset();
  release_.reset();  // sends nothing more to workers that are about to end
  admin_.reset();
  for (const auto& worker : workers_) worker->stop();
  for (const auto& worker : workers_) worker->join();
  resolver_.stop();
  ledger_.reset();  // answers what waits on loops that are still there, though they turn no more
  workers_.clear();
}

Result<std::unique_ptr<Server>> Server::make(const Options& options, const LoadTools& tools) {
  std::unique_ptr<Server> server(new Server(options, tools));
  LoadResult loaded = loadPolicy(options.config_file, tools);
  if (loaded.snapshot == nullptr) return fail(join(loaded.errors, "\n"));
  TRY_ASSIGN(server->serving_, Serving::make(std::move(loaded.snapshot), nullptr));
  logWarnings(*server->serving_->policy);
  TRY_ASSIGN(server->inheritance_, Inheritance::read(tools.environment));
  if (server->inheritance_) TRY(server->inheritance_->awaitTurn());
  TRY(server->openState());
  TRY(server->bindListeners());
  server->startWorkers(std::move(loaded));
  return server;
}

Result<void> Server::openState() {
  const PolicySnapshot& policy = *serving_->policy;
  TRY_ASSIGN(StateDirectory directory, StateDirectory::open(policy.server().state_directory));
  state_directory_.emplace(std::move(directory));
  TRY_ASSIGN(auto ledger,
             SqliteLedger::open({state_directory_->databaseFile()}, tools_.clock, random_));
  counters_ = std::make_unique<MemoryCounters>(
      ledger->counterSeed(), MemoryCountersOptions{.entries_max = policy.counterEntries()});
  using Durability = ClaimJournal::Durability;
  TRY_ASSIGN(claims_, ClaimJournal::open(
                          {.directory = state_directory_->path(),
                           .durability = policy.server().is_state_synced ? Durability::kDisk
                                                                         : Durability::kKernel,
                           .records_max = policy.counterEntries(),
                           .boot = bootIdentity()},
                          tools_.clock, *counters_));
  ledger_ = std::move(ledger);
  TRY_ASSIGN(audit_, AuditFile::open(policy.audit(), tools_.clock.wallNow()));
  audit_->removeExpired(tools_.clock.wallNow());
  health_ = std::make_unique<StoreHealth>(loop_, *audit_, *ledger_, *claims_);
  holds_ = std::make_unique<HoldStore>(*ledger_, ledger_->steadyTime(bootIdentity()));
  status_page_ = std::make_unique<StatusPage>(*holds_);
  metrics_.addCollector([this](Exposition& out) {
    audit_->render(out);
    holds_->render(out);
    health_->render(out);
    renderQuarantine(rule_watch_, out);
    serving_->render(out, tools_.clock.wallNow());
  });
  return {};
}

Result<void> Server::bindListeners() {
  const ServerSpec& spec = serving_->policy->server();
  const std::size_t cores = std::max(1u, std::thread::hardware_concurrency());
  const std::size_t workers = spec.workers != 0 ? spec.workers : cores;
  for (std::size_t i = 0; i < workers; ++i) {
    workers_.push_back(std::make_unique<Worker>(
        i,
        Worker::Shared{*counters_, *claims_, *ledger_, *holds_, *audit_, resolver_, *status_page_,
                       capacity_, rule_watch_, metrics_.addWorker()},
        serving_));
  }
  for (std::size_t index = 0; index < spec.listeners.size(); ++index) TRY(openDoors(index));
  TRY_ASSIGN(admin_, Admin::make(loop_, spec.admin, *this));
  const std::string& audit = serving_->policy->audit().path;
  TRY(giveToUser(spec.state_directory, {audit == "-" ? "" : audit, admin_->socketPath()},
                 spec.user));
  TRY(giveHistory(spec));
  return becomeUser(spec.user);
}

Result<void> Server::openDoors(std::size_t index) {
  const ListenerSpec& listener = serving_->policy->server().listeners[index];
  Endpoint address = listener.address;
  std::vector<Fd> sockets;
  if (inheritance_) sockets = inheritance_->take(index, address);
  // The workers share the port, and would share it with a second edgehold: half of the traffic
  // each, and neither would know the other's rates and events.
  if (sockets.empty() && address.port != 0) TRY(listenAloneOn(address, listener.backlog));
  // Each of those that were inherited has a queue of its own: all must be served.
  const std::size_t inherited = sockets.size();
  for (std::size_t i = 0; i < std::max(workers_.size(), inherited); ++i) {
    if (inherited > 0 && i >= inherited) {
      sockets.push_back(duplicate(sockets[i % inherited]));
    } else if (inherited == 0) {
      TRY_ASSIGN(Fd fd, listenOn(address, listener.backlog));
      sockets.push_back(std::move(fd));
    }
    address = localEndpoint(sockets[i]);  // all workers share the port that the first one got
  }
  for (std::size_t i = 0; i < sockets.size(); ++i) {
    doors_.push_back({index, duplicate(sockets[i])});
    workers_[i % workers_.size()]->listen(std::move(sockets[i]), index);
  }
  listening_.push_back((listener.is_tls ? "https://" : "http://") + address.toString());
  return {};
}

void Server::adoptLimits() {
  const LimitSpec& spec = serving_->policy->limits();
  const std::size_t descriptors = descriptorLimit();
  const std::size_t connections = capacity_.adopt(spec, workers_.size(), descriptors);
  if (connections >= spec.connections) return;
  LOG(WARNING) << "limits.connections is " << spec.connections << ", but " << descriptors
               << " descriptors (LimitNOFILE) are enough for " << connections;
}

void Server::startWorkers(LoadResult loaded) {
  adoptLimits();
  ledger_->start();
  for (const auto& worker : workers_) worker->start();
  release_ = std::make_unique<HoldRelease>(loop_, *holds_, *ledger_, *workers_.front());
  expiries_ = ledger_->watch(std::string(kHoldKind), loop_, [this](const LedgerEvent& event) {
    if (event.state == holdStateName(HoldState::kExpired)) recordExpiry(event.id);
  });
  hourly_ = loop_.makeTimer([this] { everyHour(); });
  hourly_->arm(kHousekeepingInterval);
  reloader_ = std::make_unique<Reloader>(
      Reloader::Parts{loop_, tools_, random_, *audit_, metrics_, options_.config_file},
      historyDirectory(serving_->policy->server()), serving_, std::move(loaded),
      [this](const PolicySnapshot& next) { return admin_->moveTo(next.server().admin); },
      [this](std::shared_ptr<const Serving> next) { adopt(std::move(next)); });
  for (const std::string& listener : listening_) LOG(INFO) << "listening on " << listener;
  LOG(INFO) << "policy " << serving_->policy->version() << " in force, " << workers_.size()
            << " workers";
  is_started_ = true;
  Upgrade::Host& host = *this;
  upgrade_ = std::make_unique<Upgrade>(loop_, host, program_, std::move(doors_));
  if (inheritance_) inheritance_->tellReady();
  inheritance_.reset();
  noticeService("READY=1");
}

bool Server::run() {
  loop_.run();
  return !is_abandoned_;
}

ServerStatus Server::status() const {
  const PolicySnapshot& policy = *serving_->policy;
  return {.program_version = options_.program_version,
          .policy_version = policy.version(),
          .config_file = options_.config_file,
          .started = started_,
          .is_ready = isReady(),
          .is_draining = is_draining_,
          .workers = workers_.size(),
          .listeners = listening_,
          .policy = reloader_->state(),
          .audit_file = policy.audit().path,
          .is_audit_healthy = audit_->isHealthy(),
          .troubles = health_->troubles(),
          .warnings = policy.warnings(),
          .quarantined_rules = quarantinedRules(rule_watch_)};
}

std::vector<RuleReport> Server::rules() const {
  return reportRules(metrics_, rule_watch_, SystemClock().now());
}

bool Server::isReady() const { return is_started_ && !is_draining_ && health_->isHealthy(); }

Async<Result<std::size_t>> Server::endSessions(const SessionUser& user) {
  return endSessionsOf(user, {*counters_, *claims_, *ledger_, loop_});
}

Result<void> Server::record(OperatorAct act) {
  act.policy = serving_->policy->version();
  return audit_->record(act, tools_.clock.wallNow());
}

// Silence was an answer too. Nobody waits for its record, so that it needs no sync of its own.
void Server::recordExpiry(const std::string& id) {
  holds_->show(loop_, id).detach([this, id](const Result<HoldDetails>& hold) {
    OperatorAct act;
    act.who = "edgehold";
    act.act = "approval.expire";
    act.target = id;
    act.outcome = "taken";
    act.why = "nobody decided in time";
    if (hold) act.request_id = hold->entry.summary.request_id;
    act.policy = serving_->policy->version();
    act.reason = Reason::kHoldExpired;
    (void)audit_->record(act, tools_.clock.wallNow(), /*is_durable=*/false);
  });
}

void Server::adopt(std::shared_ptr<const Serving> next) {
  serving_ = std::move(next);
  audit_->adopt(serving_->policy->audit());
  adoptLimits();
  for (const auto& worker : workers_) worker->adopt(serving_);
}

void Server::onSignal(int number) {
  switch (number) {
    case SIGHUP:
      reloader_->reload({.cause = "signal", .who = "signal"});
      return;
    case SIGUSR1: {
      const auto reopened = audit_->reopen(tools_.clock.wallNow());
      if (!reopened) LOG(ERROR) << "cannot reopen the audit log: " << reopened.error().message;
      return;
    }
    case SIGUSR2:
      if (!is_draining_) upgrade_->begin();
      return;
    default:
      if (abandonUpgrade()) return;
      if (is_draining_) {
        LOG(WARNING) << "second signal: stopping now";
        loop_.stop();
        return;
      }
      drain();
  }
}

void Server::drain() {
  is_draining_ = true;  // readiness is false from here on
  reloader_->close();
  const auto delay = serving_->policy->timeouts().drain_delay;
  if (delay <= delay.zero()) return closeDoors();
  LOG(INFO) << "not ready any more; draining in "
            << std::chrono::duration_cast<std::chrono::milliseconds>(delay).count() << " ms";
  drain_delay_ = loop_.makeTimer([this] { closeDoors(); });
  drain_delay_->arm(delay);
}

void Server::closeDoors() {
  LOG(INFO) << "draining";
  upgrade_.reset();  // it keeps the doors open, too
  workers_draining_ = workers_.size();
  armDrainDeadline();
  for (const auto& worker : workers_) {
    worker->drain([this] { loop_.post([this] { onWorkerDrained(); }); });
  }
}

void Server::armDrainDeadline() {
  drain_deadline_ = loop_.makeTimer([this] {
    LOG(WARNING) << "drain deadline passed: cutting what is left";
    loop_.stop();
  });
  drain_deadline_->arm(serving_->policy->timeouts().drain);
}

void Server::onWorkerDrained() {
  if (--workers_draining_ > 0 || awaits_successor_) return;
  LOG(INFO) << "drained";
  loop_.stop();
}

void Server::everyHour() {
  audit_->removeExpired(tools_.clock.wallNow());
  hourly_->arm(kHousekeepingInterval);
}

}  // namespace edgehold
