// SPDX-License-Identifier: Apache-2.0
// The kernel's clocks behind clock.h.
// Thread: any (stateless).
#include "proxy/base/clock.h"

namespace edgehold {

Instant SystemClock::now() const { return Instant(std::chrono::steady_clock::now()); }
WallTime SystemClock::wallNow() const { return WallTime(std::chrono::system_clock::now()); }

}  // namespace edgehold
