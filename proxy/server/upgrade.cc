// SPDX-License-Identifier: Apache-2.0
// The stages behind upgrade.h.
// Thread: main only.
#include "proxy/server/upgrade.h"

#include <utility>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr auto kCheckTime = 60s;    // to load and check the configuration
constexpr auto kAnnounceTime = 1s;  // answers end their connections, before doors close
constexpr auto kUnheardTime = 2s;   // for connections that have asked nothing yet

}  // namespace

Upgrade::Upgrade(EventLoop& loop, Host& host, ProgramCall program, std::vector<DoorSocket> doors)
    : loop_(loop),
      host_(host),
      program_(std::move(program)),
      doors_(std::move(doors)),
      deadline_(loop.makeTimer([this] { onDeadline(); })) {}

Upgrade::~Upgrade() = default;

void Upgrade::begin() {
  if (stage_ != Stage::kNone) {
    LOG(WARNING) << "an upgrade is under way already";
    return;
  }
  LOG(INFO) << "upgrade: starting `" << program_.file << "`";
  stage_ = Stage::kChecking;
  if (start()) deadline_->arm(kCheckTime);
}

bool Upgrade::start() {
  auto started =
      Successor::start(loop_, program_, doors_, [this](Successor::News news) { onNews(news); });
  if (started) {
    successor_ = std::move(*started);
    return true;
  }
  onGone(started.error().message);
  return false;
}

void Upgrade::onNews(Successor::News news) {
  switch (news) {
    case Successor::News::kChecked:
      return onChecked();
    case Successor::News::kReady:
      if (stage_ != Stage::kReleased) return;
      stage_ = Stage::kDone;
      deadline_->cancel();
      doors_.clear();
      host_.recordUpgrade(true, "process " + std::to_string(successor_->process()));
      return host_.onReplaced(successor_->process());
    case Successor::News::kGone:
      former_ = std::move(successor_);
      return onGone("the new process ended with " + former_->fate());
  }
}

void Upgrade::onChecked() {
  if (stage_ == Stage::kReleased) return successor_->go();  // the second try
  if (stage_ != Stage::kChecking) return;
  stage_ = Stage::kAnnounced;
  host_.announceEnd();
  deadline_->arm(kAnnounceTime);
}

void Upgrade::onGone(const std::string& how) {
  if (stage_ == Stage::kChecking) return refuse(how);
  LOG(ERROR) << "upgrade: " << how;
  host_.recordUpgrade(false, how);
  if (stage_ == Stage::kReleased) startAgain();
  // Before that, onSettled() sees that nobody is there.
}

void Upgrade::refuse(const std::string& why) {
  LOG(ERROR) << "upgrade: " << why << "; serving on";
  stage_ = Stage::kNone;
  deadline_->cancel();
  host_.recordUpgrade(false, why);
}

void Upgrade::abandon() {
  if (stage_ == Stage::kReleased || stage_ == Stage::kDone) return;
  stage_ = Stage::kDone;
  deadline_->cancel();
  successor_.reset();
  doors_.clear();
}

void Upgrade::closeDoors() {
  LOG(INFO) << "upgrade: accepting nobody until the state has changed hands";
  stage_ = Stage::kLeaving;
  deadline_->arm(kUnheardTime);
  host_.leaveDoors([this] { onSettled(); });
}

void Upgrade::onSettled() {
  if (stage_ != Stage::kLeaving) return;
  stage_ = Stage::kReleased;
  host_.releaseState();
  if (successor_ == nullptr) return startAgain();
  successor_->go();
  deadline_->arm(kSuccessionTime);
}

void Upgrade::startAgain() {
  if (std::exchange(is_second_try_, true)) {
    stage_ = Stage::kDone;
    return host_.onAbandoned();
  }
  LOG(WARNING) << "upgrade: starting the program that runs here again";
  program_.file = "/proc/self/exe";
  if (start()) deadline_->arm(kSuccessionTime);
}

void Upgrade::onDeadline() {
  switch (stage_) {
    case Stage::kChecking:
      successor_.reset();
      return refuse("the new process did not check its configuration in time");
    case Stage::kAnnounced:
      return closeDoors();
    case Stage::kLeaving:
      if (std::exchange(is_unheard_cut_, true)) return host_.cutUnsettled();
      host_.cutUnheard();
      return deadline_->arm(host_.settleTime());
    case Stage::kReleased:
      successor_.reset();
      return onGone("the new process did not serve in time");
    case Stage::kNone:
    case Stage::kDone:
      return;
  }
}

}  // namespace edgehold
