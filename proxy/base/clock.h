// SPDX-License-Identifier: Apache-2.0
// Time. Everything that asks what time it is asks a Clock, so that tests can answer.
// Thread: any (each loop reads its own cached clock; SystemClock is stateless).
#pragma once

#include <chrono>
#include <cstdint>

namespace edgehold {

using Duration = std::chrono::nanoseconds;
// Monotonic; meaningful only within this process.
using Instant = std::chrono::time_point<std::chrono::steady_clock, Duration>;
// Civil time (Unix epoch); may jump. Only for what leaves the process or came from outside.
using WallTime = std::chrono::time_point<std::chrono::system_clock, Duration>;

class Clock {
 public:
  virtual ~Clock() = default;
  virtual Instant now() const = 0;
  virtual WallTime wallNow() const = 0;
};

// Asks the kernel at every call. Loops use their own, read once per turn.
class SystemClock final : public Clock {
 public:
  Instant now() const override;
  WallTime wallNow() const override;
};

inline std::int64_t unixSeconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::seconds>(time.time_since_epoch()).count();
}
inline std::int64_t unixMilliseconds(WallTime time) {
  return std::chrono::duration_cast<std::chrono::milliseconds>(time.time_since_epoch()).count();
}
inline WallTime wallTimeFromMilliseconds(std::int64_t unix_milliseconds) {
  return WallTime(std::chrono::milliseconds(unix_milliseconds));
}

}  // namespace edgehold
