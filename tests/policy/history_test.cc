// SPDX-License-Identifier: Apache-2.0
// Laws of the policy history.
// Thread: main only.
#include "proxy/policy/history.h"

#include <gtest/gtest.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

TEST(PolicyHistory, KeepsTheLastChangesAndCountsAll) {
  PolicyHistory history;
  EXPECT_FALSE(history.isStale());
  for (std::size_t i = 0; i <= limits::kPolicyHistoryMax; ++i) {
    history.add({{}, "signal", std::to_string(i), {}});
  }
  EXPECT_EQ(history.changes().size(), limits::kPolicyHistoryMax);
  EXPECT_EQ(history.changes().front().version, "1");
  EXPECT_EQ(history.takenCount(), limits::kPolicyHistoryMax + 1);
}

TEST(PolicyHistory, IsStaleWhileTheLastAttemptWasRefused) {
  PolicyHistory history;
  history.add({{}, "start", "1", {}});
  history.add({{}, "watch", "", {"wrong"}});
  EXPECT_TRUE(history.isStale());
  EXPECT_EQ(history.refusedCount(), 1u);
  history.add({{}, "watch", "2", {}});
  EXPECT_FALSE(history.isStale());
}

}  // namespace
}  // namespace edgehold
