// SPDX-License-Identifier: Apache-2.0
// Compares what stat(2) says, once a second.
// Thread: one loop (the one that loads).
#include "proxy/policy/watcher.h"

#include <chrono>
#include <utility>

#include <sys/stat.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

constexpr std::int64_t kNanosecondsPerSecond = 1'000'000'000;

std::int64_t nanoseconds(const timespec& time) {
  return time.tv_sec * kNanosecondsPerSecond + time.tv_nsec;
}

}  // namespace

PolicyWatcher::PolicyWatcher(Loop& loop, std::function<void()> on_change)
    : on_change_(std::move(on_change)), timer_(loop.makeTimer([this] { poll(); })) {}

void PolicyWatcher::watch(std::vector<std::string> paths) {
  paths_ = std::move(paths);
  known_ = lookAtAll();
  settling_.clear();
  timer_->arm(limits::kPolicyWatchInterval);
}

void PolicyWatcher::stop() { timer_->cancel(); }

PolicyWatcher::Look PolicyWatcher::lookAt(const std::string& path) {
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return {};
  return {status.st_dev, status.st_ino, status.st_size, nanoseconds(status.st_mtim),
          nanoseconds(status.st_ctim)};
}

std::vector<PolicyWatcher::Look> PolicyWatcher::lookAtAll() const {
  std::vector<Look> looks;
  looks.reserve(paths_.size());
  for (const std::string& path : paths_) looks.push_back(lookAt(path));
  return looks;
}

void PolicyWatcher::poll() {
  timer_->arm(limits::kPolicyWatchInterval);
  std::vector<Look> now = lookAtAll();
  if (now == known_) {
    settling_.clear();
  } else if (now != settling_) {
    // An editor or a deployment writes several files: wait until nothing changes for one interval.
    settling_ = std::move(now);
  } else {
    known_ = std::exchange(settling_, {});
    const auto on_change = on_change_;  // may destroy this
    on_change();
  }
}

}  // namespace edgehold
