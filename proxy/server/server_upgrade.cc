// SPDX-License-Identifier: Apache-2.0
// What the server does on the way to its successor: the part of server.h that upgrade.h asks for.
// Thread: main only.
#include <utility>

#include "proxy/base/log.h"
#include "proxy/server/server.h"
#include "proxy/server/service_notice.h"

namespace edgehold {
namespace {

constexpr auto kSettleCheckInterval = std::chrono::milliseconds(2);

}  // namespace

void Server::announceEnd() {
  for (const auto& worker : workers_) worker->announceEnd();
}

void Server::leaveDoors(std::function<void()> on_settled) {
  is_draining_ = awaits_successor_ = true;
  reloader_->close();
  on_settled_ = std::move(on_settled);
  workers_draining_ = workers_unsettled_ = workers_.size();
  settle_check_ = loop_.makeTimer([this] { onWorkerSettled(); });
  for (const auto& worker : workers_) {
    worker->leave(
        [this] {
          loop_.post([this] {
            --workers_unsettled_;
            onWorkerSettled();
          });
        },
        [this] { loop_.post([this] { onWorkerDrained(); }); });
  }
}

// What became of the last release is written by main, after its worker has done with it.
void Server::onWorkerSettled() {
  if (workers_unsettled_ > 0 || !on_settled_) return;
  if (!release_->isResting()) return settle_check_->arm(kSettleCheckInterval);
  std::exchange(on_settled_, nullptr)();
}

void Server::cutUnheard() {
  for (const auto& worker : workers_) worker->cutUnsettled(Worker::Cut::kUnheard);
}

void Server::cutUnsettled() {
  LOG(WARNING) << "upgrade: cutting what has not been answered in time";
  for (const auto& worker : workers_) worker->cutUnsettled(Worker::Cut::kAll);
}

// In the order of who asks whom. What workers still do needs none of it: Station::hasLetGo().
void Server::releaseState() {
  has_released_state_ = true;
  admin_.reset();
  expiries_.reset();
  release_.reset();
  health_.reset();
  ledger_.reset();
  claims_.reset();
  state_directory_.reset();
}

void Server::onReplaced(pid_t successor) {
  LOG(INFO) << "process " << successor << " has taken over; finishing what is under way";
  noticeService("MAINPID=" + std::to_string(successor) + "\nREADY=1");
  awaits_successor_ = false;
  if (workers_draining_ == 0) return loop_.stop();
  armDrainDeadline();
}

void Server::onAbandoned() {
  LOG(ERROR) << "nobody has taken over: ending";
  is_abandoned_ = true;
  loop_.stop();
}

void Server::recordUpgrade(bool is_taken, const std::string& why) {
  OperatorAct act;
  act.who = "signal";
  act.act = "process.upgrade";
  act.target = program_.file;
  act.outcome = is_taken ? "taken" : "refused";
  act.why = why;
  act.reason = is_taken ? Reason::kAllowed : Reason::kInternalError;
  if (const auto recorded = record(std::move(act)); !recorded) {
    LOG(ERROR) << "cannot record the upgrade: " << recorded.error().message;
  }
}

// TERM while somebody else was to take over: nobody does. False: it is not so.
bool Server::abandonUpgrade() {
  if (upgrade_ == nullptr || !awaits_successor_ || has_released_state_) {
    if (upgrade_ != nullptr && !is_draining_) upgrade_->abandon();
    return false;
  }
  upgrade_->abandon();
  awaits_successor_ = false;
  if (workers_draining_ == 0) {
    loop_.stop();
  } else {
    armDrainDeadline();
  }
  return true;
}

void Server::noticeService(std::string_view state) const {
  const auto socket = tools_.environment("NOTIFY_SOCKET");
  edgehold::noticeService(socket.value_or(std::string()), state);
}

}  // namespace edgehold
