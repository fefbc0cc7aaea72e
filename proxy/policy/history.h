// SPDX-License-Identifier: Apache-2.0
// The last policies that were loaded or refused, for `status` and for whoever asks what changed.
// Thread: main only.
#pragma once

#include <cstdint>
#include <deque>
#include <string>
#include <vector>

#include "proxy/base/clock.h"

namespace edgehold {

struct PolicyChange {
  WallTime when{};
  std::string cause;                // `start`, `signal`, `admin`, `watch`
  std::string version;              // of the new policy; empty when it was refused
  std::vector<std::string> errors;  // why it was refused
};

class PolicyHistory {
 public:
  // Keeps the last limits::kPolicyHistoryMax.
  void add(PolicyChange change);

  // Oldest first.
  const std::deque<PolicyChange>& changes() const { return changes_; }
  // Since the start, forgotten ones included: what a metric counts.
  std::uint64_t takenCount() const { return taken_; }
  std::uint64_t refusedCount() const { return refused_; }
  // The last attempt was refused: the running policy is not the one on disk.
  bool isStale() const { return !changes_.empty() && !changes_.back().errors.empty(); }

 private:
  std::deque<PolicyChange> changes_;
  std::uint64_t taken_ = 0;
  std::uint64_t refused_ = 0;
};

}  // namespace edgehold
