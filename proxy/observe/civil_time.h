// SPDX-License-Identifier: Apache-2.0
// Unix time as a civil date in UTC and back, and its RFC 3339 text. No locale, no time zone, no
// global state: gmtime is not needed. Thread: any (stateless).
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"

namespace edgehold {

struct CivilTime {
  int year = 1970;  // 0 to 9999
  unsigned month = 1;
  unsigned day = 1;
  unsigned hour = 0;
  unsigned minute = 0;
  unsigned second = 0;
};

CivilTime civilTimeOf(std::int64_t unix_seconds);
// Nothing when a field is out of its range (the day within its month; no leap second).
std::optional<std::int64_t> unixSecondsOf(const CivilTime& civil);

inline std::int64_t unixDay(WallTime time) {
  return std::chrono::floor<std::chrono::days>(time).time_since_epoch().count();
}

// `2026-11-21T11:02:10.123Z`: 24 bytes.
inline constexpr std::size_t kRfc3339Bytes = 24;
std::string formatRfc3339(WallTime time);
// A date and time, in UTC (`…Z`) or with an offset (`…+08:00`), with or without up to nine
// decimals; or a bare date (midnight in UTC).
std::optional<WallTime> parseRfc3339(std::string_view text);

// Formats many times of the same second fast: the text up to the second is kept.
class Rfc3339Cache {
 public:
  // Valid until the next call.
  std::string_view format(WallTime time);

 private:
  std::int64_t second_ = INT64_MIN;
  std::array<char, kRfc3339Bytes> text_{};
};

}  // namespace edgehold
