// SPDX-License-Identifier: Apache-2.0
// A running admin listener on a loop of its own thread, with scripted operations behind it.
// Thread: the test's; the house's loop has its own.
#pragma once

#include <atomic>
#include <memory>
#include <string>
#include <thread>
#include <utility>
#include <vector>

#include <gtest/gtest.h>
#include <poll.h>

#include "proxy/delivery/hold_store.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/socket.h"
#include "proxy/net/unix_socket.h"
#include "proxy/observe/audit_record.h"
#include "proxy/observe/metrics.h"
#include "proxy/policy/history.h"
#include "proxy/server/admin.h"
#include "proxy/server/admin_client.h"
#include "proxy/server/operations.h"
#include "proxy/state/memory_ledger.h"
#include "proxy/state/user_sessions.h"
#include "tests/support/temp_directory.h"

namespace edgehold {

// What is told is set before the house opens.
class FakeOperations final : public Operations {
 public:
  ServerStatus status() const override { return told_status; }
  ReloadReport reload(const PolicyAsk& ask) override {
    ++reloads;
    asked = ask;
    return told_report;
  }
  ReloadReport rollback(std::string_view version, const PolicyAsk& ask) override {
    rolled_back_to = version;
    return reload(ask);
  }
  const PolicyHistory& history() const override { return kept; }
  bool isStarted() const override { return is_started; }
  bool isReady() const override { return is_ready; }
  HoldStore& holds() override { return store; }
  std::vector<RuleReport> rules() const override { return rule_reports; }
  Async<Result<std::size_t>> endSessions(const SessionUser& user) override {
    acts.push_back("end " + user.app + " " + user.subject);
    auto [answer, resolver] = Async<Result<std::size_t>>::make();
    resolver.resolve(told_ended);
    return std::move(answer);
  }
  const MetricsRegistry& metrics() const override { return registry; }
  Result<void> record(OperatorAct act) override {
    acts.push_back(std::string(act.act) + " " + std::string(act.outcome));
    recorded_who = act.who;
    recorded_target = act.target;
    return told_record;
  }

  ServerStatus told_status;
  std::vector<RuleReport> rule_reports;
  ReloadReport told_report;
  Result<std::size_t> told_ended = 0;
  PolicyAsk asked;             // by the last reload or rollback; read once it was answered
  std::string rolled_back_to;  // the same
  TempDirectory kept_directory;
  PolicyHistory kept{kept_directory.file("policies")};
  std::atomic<bool> is_started = true;
  std::atomic<bool> is_ready = true;
  std::atomic<int> reloads = 0;
  std::vector<std::string> acts;  // recorded and done; on the loop of the admin
  std::string recorded_who, recorded_target;
  Result<void> told_record;
  MetricsRegistry registry{"1.2.3"};
  MemoryLedger ledger;
  HoldStore store{ledger};
};

class AdminHouse {
 public:
  AdminHouse() : socket_path_(directory_.file("admin.sock")) {}
  ~AdminHouse() { close(); }
  AdminHouse(const AdminHouse&) = delete;
  AdminHouse& operator=(const AdminHouse&) = delete;

  FakeOperations& operations() { return operations_; }
  const std::string& socketPath() const { return socket_path_; }
  const TempDirectory& directory() const { return directory_; }

  // Listens on the socket, and on a loopback port if asked to.
  void open(bool is_tcp = false) {
    AdminSpec spec;
    spec.socket_path = socket_path_;
    if (is_tcp) spec.address = Endpoint::parse("127.0.0.1:0");
    auto made = Admin::make(loop_, spec, operations_);
    ASSERT_TRUE(made) << made.error().message;
    admin_ = std::move(*made);
    if (is_tcp) address_ = *admin_->address();
    thread_ = std::thread([this] { loop_.run(); });
  }
  void close() {
    loop_.stop();
    if (thread_.joinable()) thread_.join();
    admin_.reset();
  }
  const Endpoint& address() const { return address_; }

  Result<AdminAnswered> ask(const AdminCall& call) const {
    return AdminClient(AdminPlace::at(socket_path_), clock_).ask(call);
  }
  Result<AdminAnswered> askOverTcp(const AdminCall& call) const {
    return AdminClient(AdminPlace::at(address_), clock_).ask(call);
  }
  // Sends `bytes` as they are and reads until the other side closes.
  std::string sendRaw(const std::string& bytes) const {
    return talk(connectUnix(socket_path_), bytes);
  }
  std::string sendRawOverTcp(const std::string& bytes) const {
    auto connecting = connectTo(address_);
    if (!connecting) return connecting.error().message;
    pollfd ready{connecting->fd.get(), POLLOUT, 0};
    ::poll(&ready, 1, kWaitMilliseconds);
    return talk(std::move(connecting->fd), bytes);
  }

 private:
  static constexpr int kWaitMilliseconds = 20'000;

  static std::string talk(Result<Fd> fd, const std::string& bytes) {
    if (!fd) return fd.error().message;
    ByteView left = bytes;
    std::string answer;
    for (;;) {
      if (!left.empty()) {
        const IoResult sent = sendTo(fd->get(), left);
        left.remove_prefix(sent.kind == IoResult::Kind::kBytes ? sent.bytes : 0);
        if (sent.kind == IoResult::Kind::kFailed) left = {};
      }
      char room[4096];
      const IoResult got = receiveFrom(fd->get(), room);
      if (got.kind == IoResult::Kind::kBytes) answer.append(room, got.bytes);
      if (got.kind == IoResult::Kind::kEnd || got.kind == IoResult::Kind::kFailed) return answer;
      const auto wanted = static_cast<short>(left.empty() ? POLLIN : POLLIN | POLLOUT);
      pollfd ready{fd->get(), wanted, 0};
      if (::poll(&ready, 1, kWaitMilliseconds) <= 0) return answer + " [nothing more came]";
    }
  }

  TempDirectory directory_;
  const std::string socket_path_;
  SystemClock clock_;
  EventLoop loop_;
  FakeOperations operations_;
  std::unique_ptr<Admin> admin_;
  Endpoint address_;
  std::thread thread_;
};

}  // namespace edgehold
