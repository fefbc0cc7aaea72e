// SPDX-License-Identifier: Apache-2.0
// An outage begins with a failure and ends with a success; what went wrong last stays known.
#include "proxy/base/write_health.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(WriteHealth, IsWellUntilSomethingFails) {
  WriteHealth health("journal");
  EXPECT_TRUE(health.isHealthy());
  EXPECT_EQ(health.errors(), 0u);
  EXPECT_EQ(health.lastError(), "");
}

TEST(WriteHealth, FailuresAreErrorsOfTheStore) {
  WriteHealth health("journal", "routes refuse");
  const Error error = health.noteFailure("journal `a`: cannot write");
  EXPECT_EQ(error.reason, Reason::kStoreUnavailable);
  EXPECT_EQ(error.message, "journal `a`: cannot write");
  EXPECT_FALSE(health.isHealthy());
}

TEST(WriteHealth, OneSuccessEndsAnOutage) {
  WriteHealth health("journal");
  (void)health.noteFailure("first");
  (void)health.noteFailure("second");
  EXPECT_EQ(health.errors(), 2u);
  EXPECT_EQ(health.lastError(), "second");
  health.noteSuccess();
  EXPECT_TRUE(health.isHealthy());
  EXPECT_EQ(health.errors(), 2u) << "a counter never falls";
}

TEST(WriteHealth, TroubleThatLosesNothingIsNoOutage) {
  WriteHealth health("journal");
  health.noteTrouble("journal `a`: cannot rotate");
  EXPECT_TRUE(health.isHealthy());
  EXPECT_EQ(health.errors(), 1u);
}

}  // namespace
}  // namespace edgehold
