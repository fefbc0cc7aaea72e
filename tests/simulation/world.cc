// SPDX-License-Identifier: Apache-2.0
// The dice and the checks, behind world.h.
// Thread: one loop.
#include "tests/simulation/world.h"

#include <algorithm>
#include <csignal>
#include <fstream>
#include <utility>

#include <sys/resource.h>

namespace edgehold::simulation {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t kClientsMax = 5;
constexpr std::size_t kTraceMax = 400;
constexpr int kStepsMin = 60;
constexpr int kStepsMore = 240;

// No file may grow: what a full disk does, for everything that this process writes.
void limitFiles(bool is_full) {
  rlimit limit{};
  CHECK_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  limit.rlim_cur = is_full ? 0 : limit.rlim_max;
  CHECK_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
}

}  // namespace

World::World(std::uint64_t seed, std::string directory, const Policies& policies)
    : seed_(seed), random_(seed), policies_(policies) {
  std::signal(SIGXFSZ, SIG_IGN);
  disk_.directory = std::move(directory);
  laws_.policyAdopted(std::string(policies_[0]->version()), 0);
  start(FakeClock());
}

World::~World() {
  server_.reset();
  mendDisk();
}

void World::start(const FakeClock& clock) {
  server_ = std::make_unique<SimServer>(disk_, random_.next(), clock, policies_[policy_]);
  dialled_ = 0;
}

void World::note(std::string what) {
  for (const char byte : what) {
    fingerprint_ = (fingerprint_ ^ static_cast<unsigned char>(byte)) * 0x100000001b3u;
  }
  trace_.push_back(std::move(what));
  if (trace_.size() > kTraceMax) trace_.pop_front();
}

void World::run() {
  const int steps = kStepsMin + static_cast<int>(below(kStepsMore));
  for (int i = 0; i < steps && laws_.broken().empty(); ++i) step();
  if (laws_.broken().empty()) comeToAnEnd();
}

void World::step() {
  note(act());
  server_->settle();
  if (is_frozen_) note(crash());
  observe();
}

std::string World::act() {
  const std::uint64_t what = below(100);
  if (what < 52) return actClient();
  if (what < 82) return actAgent();
  if (what < 92) return passTime();
  if (what < 97) return actOperator();
  return breakSomething();
}

std::string World::actClient() {
  const bool connects = clients_.empty() || (clients_.size() < kClientsMax && below(10) == 0);
  if (connects) {
    auto peer = server_->connect(below(2));
    peer->on_send = [this](ByteView) {
      if (sends_until_crash_ > 0 && --sends_until_crash_ == 0) {
        is_frozen_ = true;
        breakDisk();
        server_->ledger().freeze();
      }
      return !is_frozen_;
    };
    clients_.push_back(std::make_unique<SimClient>(std::move(peer), random_, laws_));
    return "a client connects";
  }
  const std::uint64_t which = below(clients_.size());
  return "client " + std::to_string(which) + " " +
         clients_[which]->act(maker_, server_->loop().clock().wallNow());
}

std::string World::actAgent() {
  if (agents_.empty()) return "no agent";
  const std::uint64_t which = below(agents_.size());
  return "agent " + std::to_string(which) + " " + agents_[which]->act();
}

std::string World::passTime() {
  const std::uint64_t what = below(20);
  const Duration by = what == 0  ? Duration(1min + 1s * below(600))
                      : what < 5 ? Duration(1ms * below(20'000))
                                 : Duration(1ms * below(50));
  server_->advance(by);
  return "time passes: " +
         std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(by).count()) + " ms";
}

std::string World::actOperator() {
  if (below(3) == 0) {
    reload();
    return "policy " + std::to_string(policy_) + " comes into force";
  }
  const auto& holds = laws_.acknowledgedHolds();
  if (holds.empty()) return "nothing to decide";
  auto chosen = holds.begin();
  std::advance(chosen, static_cast<std::ptrdiff_t>(below(holds.size())));
  const bool is_yes = below(4) != 0;
  if (is_yes) laws_.approving(*chosen);
  HoldStore& store = server_->holds();
  HoldRuling ruling{.by = "ann", .reason = "because"};
  auto decided = is_yes ? store.approve(server_->loop(), *chosen, std::move(ruling))
                        : store.deny(server_->loop(), *chosen, std::move(ruling));
  std::move(decided).detach([](const auto&) {});
  return (is_yes ? "ann approves " : "ann denies ") + *chosen;
}

std::string World::breakSomething() {
  constexpr std::array<Duration, 2> kJumps = {1h, -1h};
  switch (below(7)) {
    case 0:
      is_frozen_ = true;
      return "the process is killed";
    case 1:
      sends_until_crash_ = 1 + below(12);
      return "the process will be killed after " + std::to_string(sends_until_crash_) + " sends";
    case 2:
      breakDisk();
      return "the disk is full";
    case 3:
      server_->ledger().setFault(SlowLedger::Fault::kUnavailable);
      return "the ledger is unavailable";
    case 4:
      server_->ledger().setFault(SlowLedger::Fault::kUncertain);
      return "the ledger is uncertain";
    case 5:
      server_->loop().fakeClock().jumpWall(kJumps[below(2)]);
      return "the wall clock jumps";
    default:
      mendDisk();
      return "the disk is well again";
  }
}

void World::reload() {
  policy_ = 1 - policy_;
  laws_.policyAdopted(std::string(policies_[policy_]->version()), policy_);
  server_->adopt(policies_[policy_]);
}

void World::breakDisk() {
  is_disk_full_ = true;
  limitFiles(true);
}

void World::mendDisk() {
  is_disk_full_ = false;
  limitFiles(false);
  if (server_ != nullptr) server_->ledger().setFault(SlowLedger::Fault::kNone);
}

std::string World::crash() {
  is_frozen_ = true;
  observe();
  breakDisk();  // destructors write nothing
  server_->ledger().freeze();
  const FakeClock clock = server_->loop().fakeClock();
  clients_.clear();
  agents_.clear();
  server_.reset();
  laws_.processDied();
  is_frozen_ = false;
  sends_until_crash_ = 0;
  mendDisk();
  start(clock);
  return "a new process starts";
}

void World::observe() {
  const auto& dialled = server_->dialer().peers;
  for (; dialled_ < dialled.size(); ++dialled_) {
    agents_.push_back(std::make_unique<SimAgent>(dialled[dialled_], random_, laws_));
  }
  readAudit();
  for (const auto& agent : agents_) agent->observe();
  for (const auto& client : clients_) client->observe();
  checkKept();
  std::erase_if(clients_, [](const auto& client) { return client->isGone(); });
  std::erase_if(agents_, [](const auto& agent) { return agent->isGone(); });
}

void World::readAudit() {
  std::ifstream file(disk_.directory + "/audit.jsonl", std::ios::binary);
  file.seekg(static_cast<std::streamoff>(audit_read_));
  std::string bytes(std::istreambuf_iterator<char>(file), {});
  audit_read_ += bytes.size();
  audit_rest_ += bytes;
  for (std::size_t end; (end = audit_rest_.find('\n')) != std::string::npos;) {
    const std::string line = audit_rest_.substr(0, end);
    audit_rest_.erase(0, end + 1);
    note(line);
    const auto record = parseJsonTree(line);
    if (record) {
      laws_.recorded(*record);
    } else if (!line.empty()) {
      laws_.said("law 1: an audit line that is none: " + line);
    }
  }
}

// What is decided is read and dropped, which nothing tells while no record can be written.
void World::checkKept() {
  if (is_disk_full_) return;
  for (const auto& client : clients_) {
    const std::uint64_t number = client->awaited();
    if (number == 0 || client->isGone()) continue;
    const auto found = std::find_if(agents_.begin(), agents_.end(),
                                    [&](const auto& one) { return one->number() == number; });
    const bool has_agent = found != agents_.end();
    const std::size_t arrived = has_agent ? (*found)->got() : 0;
    if (!laws_.isRecorded(number) && !client->isDismissed()) {
      laws_.keeps(client->taken() - std::min(client->taken(), arrived));
    }
    if (has_agent) laws_.keeps((*found)->taken() - std::min((*found)->taken(), client->got()));
  }
}

// Nobody says anything any more: every wait must end by itself.
void World::comeToAnEnd() {
  mendDisk();
  note("everybody falls silent");
  for (int minutes = 0; minutes < 6 && laws_.broken().empty(); ++minutes) {
    server_->advance(1min);
    observe();
  }
  const std::int64_t exchanges = server_->openExchanges();
  if (exchanges != 0) laws_.said("law 3: exchanges wait forever: " + std::to_string(exchanges));
  if (server_->openConnections() != 0) laws_.said("law 3: connections wait forever");
  for (const auto& agent : agents_) {
    if (!agent->isGone()) laws_.said("law 3: a connection to an agent waits forever");
  }
  checkHolds();
}

void World::checkHolds() {
  for (const std::string& id : laws_.acknowledgedHolds()) {
    disk_.ledger.get(server_->loop(), id).detach([this, id](const auto& got) {
      laws_.holdIs(id, got && *got ? std::string_view((**got).state) : std::string_view());
    });
  }
  server_->settle();
}

}  // namespace edgehold::simulation
