// SPDX-License-Identifier: Apache-2.0
// A clock that moves when a test says so.
// Thread: one loop.
#pragma once

#include "proxy/base/clock.h"

namespace edgehold {

class FakeClock final : public Clock {
 public:
  Instant now() const override { return now_; }
  WallTime wallNow() const override { return wall_; }

  void advance(Duration by) {
    now_ += by;
    wall_ += by;
  }
  // A wall clock that jumps (NTP, an operator): monotonic time does not.
  void jumpWall(Duration by) { wall_ += by; }

 private:
  Instant now_{std::chrono::hours(1000)};
  WallTime wall_{std::chrono::seconds(1'700'000'000)};
};

}  // namespace edgehold
