// SPDX-License-Identifier: Apache-2.0
// Dates by std::chrono's calendar, digits by hand.
// Thread: any (stateless).
#include "proxy/observe/civil_time.h"

#include <chrono>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using std::chrono::days;
using std::chrono::sys_days;
using std::chrono::year_month_day;

constexpr std::int64_t kSecondsPerDay = 86'400;
// RFC 3339 1: years are four digits.
constexpr std::int64_t kSecondsLeast = -62'167'219'200;  // 0000-01-01
constexpr std::int64_t kSecondsMost = 253'402'300'799;   // 9999-12-31T23:59:59

void putDigits(char* place, std::uint64_t value, int digits) {
  for (int i = digits - 1; i >= 0; --i) {
    place[i] = static_cast<char>('0' + value % 10);
    value /= 10;
  }
}

std::optional<unsigned> digitsAt(std::string_view text, std::size_t at, std::size_t count) {
  unsigned value = 0;
  if (text.size() < at + count) return std::nullopt;
  for (const char c : text.substr(at, count)) {
    if (!isDigit(c)) return std::nullopt;
    value = value * 10 + static_cast<unsigned>(c - '0');
  }
  return value;
}

// Takes `Z` or `+08:00` off the end. Seconds to the east of UTC, or nothing when it is malformed.
std::optional<std::int64_t> takeZone(std::string_view& text) {
  if (text.ends_with('Z')) {
    text.remove_suffix(1);
    return 0;
  }
  constexpr std::size_t kBytes = 6;
  if (text.size() < kBytes) return std::nullopt;
  const std::string_view zone = text.substr(text.size() - kBytes);
  const auto hours = digitsAt(zone, 1, 2), minutes = digitsAt(zone, 4, 2);
  const bool is_signed = zone[0] == '+' || zone[0] == '-';
  if (!is_signed || zone[3] != ':' || !hours || !minutes || *hours > 23 || *minutes > 59) {
    return std::nullopt;
  }
  text.remove_suffix(kBytes);
  const std::int64_t seconds = std::int64_t{*hours} * 3600 + *minutes * 60;
  return zone[0] == '-' ? -seconds : seconds;
}

// `.123` or nothing: what is between the seconds and the zone. Nanoseconds, or nothing when it is
// malformed.
std::optional<std::int64_t> parseFraction(std::string_view text) {
  if (text.empty()) return 0;
  if (text.front() != '.' || text.size() < 2 || text.size() > 10) return std::nullopt;
  std::int64_t nanoseconds = 0;
  for (std::size_t i = 1; i < 10; ++i) {
    if (i < text.size() && !isDigit(text[i])) return std::nullopt;
    nanoseconds = nanoseconds * 10 + (i < text.size() ? text[i] - '0' : 0);
  }
  return nanoseconds;
}

}  // namespace

CivilTime civilTimeOf(std::int64_t unix_seconds) {
  const std::int64_t bounded = std::min(std::max(unix_seconds, kSecondsLeast), kSecondsMost);
  std::int64_t day = bounded / kSecondsPerDay;
  std::int64_t rest = bounded % kSecondsPerDay;
  if (rest < 0) {
    rest += kSecondsPerDay;
    --day;
  }
  const year_month_day date{sys_days{days{day}}};
  CivilTime civil;
  civil.year = static_cast<int>(date.year());
  civil.month = static_cast<unsigned>(date.month());
  civil.day = static_cast<unsigned>(date.day());
  civil.hour = static_cast<unsigned>(rest / 3600);
  civil.minute = static_cast<unsigned>(rest / 60 % 60);
  civil.second = static_cast<unsigned>(rest % 60);
  return civil;
}

std::optional<std::int64_t> unixSecondsOf(const CivilTime& civil) {
  const year_month_day date{std::chrono::year{civil.year}, std::chrono::month{civil.month},
                            std::chrono::day{civil.day}};
  if (!date.ok() || civil.year < 0 || civil.year > 9999) return std::nullopt;
  if (civil.hour > 23 || civil.minute > 59 || civil.second > 59) return std::nullopt;
  const std::int64_t day = sys_days{date}.time_since_epoch().count();
  return day * kSecondsPerDay + civil.hour * 3600 + civil.minute * 60 + civil.second;
}

std::string formatRfc3339(WallTime time) {
  Rfc3339Cache cache;
  return std::string(cache.format(time));
}

std::optional<WallTime> parseRfc3339(std::string_view text) {
  const auto year = digitsAt(text, 0, 4), month = digitsAt(text, 5, 2), day = digitsAt(text, 8, 2);
  if (!year || !month || !day || text[4] != '-' || text[7] != '-') return std::nullopt;
  CivilTime civil{static_cast<int>(*year), *month, *day, 0, 0, 0};
  std::int64_t nanoseconds = 0, east = 0;
  if (text.size() > 10) {
    const auto zone = takeZone(text);
    if (!zone || text.size() < 19) return std::nullopt;
    east = *zone;
    const auto hour = digitsAt(text, 11, 2), minute = digitsAt(text, 14, 2);
    const auto second = digitsAt(text, 17, 2);
    if (!hour || !minute || !second) return std::nullopt;
    if (text[10] != 'T' || text[13] != ':' || text[16] != ':') return std::nullopt;
    const auto fraction = parseFraction(text.substr(19));
    if (!fraction) return std::nullopt;
    nanoseconds = *fraction;
    civil.hour = *hour;
    civil.minute = *minute;
    civil.second = *second;
  }
  // WallTime counts nanoseconds in 64 bits: 1678 to 2261. Years beyond are nobody's audit.
  if (civil.year < 1700 || civil.year > 2200) return std::nullopt;
  const auto seconds = unixSecondsOf(civil);
  if (!seconds) return std::nullopt;
  return WallTime(std::chrono::seconds(*seconds - east) + std::chrono::nanoseconds(nanoseconds));
}

std::string_view Rfc3339Cache::format(WallTime time) {
  const std::int64_t second =
      std::chrono::floor<std::chrono::seconds>(time).time_since_epoch().count();
  if (second != second_) {
    const CivilTime civil = civilTimeOf(second);
    constexpr std::string_view kTemplate = "0000-00-00T00:00:00.000Z";
    static_assert(kTemplate.size() == kRfc3339Bytes);
    kTemplate.copy(text_.data(), text_.size());
    putDigits(&text_[0], static_cast<std::uint64_t>(civil.year), 4);
    putDigits(&text_[5], civil.month, 2);
    putDigits(&text_[8], civil.day, 2);
    putDigits(&text_[11], civil.hour, 2);
    putDigits(&text_[14], civil.minute, 2);
    putDigits(&text_[17], civil.second, 2);
    second_ = second;
  }
  const auto within = time - std::chrono::floor<std::chrono::seconds>(time);
  putDigits(&text_[20], static_cast<std::uint64_t>(within.count() / 1'000'000), 3);
  return {text_.data(), text_.size()};
}

}  // namespace edgehold
