// SPDX-License-Identifier: Apache-2.0
// Notices that one of a policy's files changed. Looks once a second rather than being told: that
// works on every file system, with replaced files and with the symbolic links of mounted volumes.
// Thread: one loop (the one that loads).
#pragma once

#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "proxy/base/loop.h"

namespace edgehold {

class PolicyWatcher {
 public:
  // `on_change` may call watch(), and may destroy the watcher. REQUIRES: loop outlives this.
  PolicyWatcher(Loop& loop, std::function<void()> on_change);

  // From now on these files and folders (LoadResult::watched), as they are now.
  void watch(std::vector<std::string> paths);
  void stop();

 private:
  // What stat(2) tells of a path; all zero when it is not there.
  struct Look {
    std::uint64_t device = 0;
    std::uint64_t inode = 0;
    std::int64_t size = 0;
    std::int64_t changed_ns = 0;  // content
    std::int64_t status_ns = 0;   // also permissions and renames
    bool operator==(const Look&) const = default;
  };
  static Look lookAt(const std::string& path);
  std::vector<Look> lookAtAll() const;
  void poll();

  const std::function<void()> on_change_;
  std::unique_ptr<Timer> timer_;
  std::vector<std::string> paths_;
  std::vector<Look> known_;     // as loaded
  std::vector<Look> settling_;  // a change that was seen once; empty: none
};

}  // namespace edgehold
