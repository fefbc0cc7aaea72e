// SPDX-License-Identifier: Apache-2.0
// Civil time that does not jump: it goes on from an anchor as the monotonic clock does. What is
// kept for a while is kept by it, so that an operator or NTP who sets the wall clock neither ends
// all of it at once nor makes it last. Over restarts the anchor is kept in the ledger; with another
// boot of the machine it begins anew from the wall clock.
// Thread: any (immutable).
#pragma once

#include <optional>

#include "proxy/base/clock.h"

namespace edgehold {

class SteadyTime {
 public:
  struct Anchor {
    Instant instant;
    WallTime time;
  };
  // Without an anchor it is the wall clock itself.
  SteadyTime() = default;
  explicit SteadyTime(Anchor anchor) : anchor_(anchor) {}

  WallTime at(const Clock& clock) const {
    return anchor_ ? anchor_->time + (clock.now() - anchor_->instant) : clock.wallNow();
  }
  // How far the wall clock is ahead of it.
  Duration wallAhead(const Clock& clock) const { return clock.wallNow() - at(clock); }

 private:
  std::optional<Anchor> anchor_;
};

}  // namespace edgehold
