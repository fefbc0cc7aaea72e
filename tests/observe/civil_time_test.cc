// SPDX-License-Identifier: Apache-2.0
// The laws of RFC 3339 texts.
// Thread: main only.
#include "proxy/observe/civil_time.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

using std::chrono::milliseconds;

TEST(CivilTime, FormatsMilliseconds) {
  EXPECT_EQ(formatRfc3339(WallTime(milliseconds(0))), "1970-01-01T00:00:00.000Z");
  EXPECT_EQ(formatRfc3339(WallTime(milliseconds(1'700'000'000'123))), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(formatRfc3339(WallTime(milliseconds(951'782'399'999))), "2000-02-28T23:59:59.999Z");
  EXPECT_EQ(formatRfc3339(WallTime(milliseconds(-1))), "1969-12-31T23:59:59.999Z");
}

TEST(CivilTime, CachedTextFollowsTheSecond) {
  Rfc3339Cache cache;
  EXPECT_EQ(cache.format(WallTime(milliseconds(999))), "1970-01-01T00:00:00.999Z");
  EXPECT_EQ(cache.format(WallTime(milliseconds(1001))), "1970-01-01T00:00:01.001Z");
  EXPECT_EQ(cache.format(WallTime(milliseconds(7))), "1970-01-01T00:00:00.007Z");
}

TEST(CivilTime, ParsesWhatItFormats) {
  for (const std::int64_t ms : {0LL, 1'700'000'000'123LL, 951'868'799'001LL, -1LL}) {
    const WallTime time{milliseconds(ms)};
    EXPECT_EQ(parseRfc3339(formatRfc3339(time)), time);
  }
}

TEST(CivilTime, ParsesDatesAndDecimals) {
  EXPECT_EQ(parseRfc3339("1970-01-02"), WallTime(std::chrono::hours(24)));
  EXPECT_EQ(parseRfc3339("1970-01-01T00:00:01Z"), WallTime(std::chrono::seconds(1)));
  EXPECT_EQ(parseRfc3339("1970-01-01T00:00:00.5Z"), WallTime(milliseconds(500)));
  EXPECT_EQ(parseRfc3339("1970-01-01T00:00:00.000000001Z"), WallTime(Duration(1)));
  EXPECT_TRUE(parseRfc3339("2024-02-29").has_value());
  EXPECT_EQ(parseRfc3339("1970-01-01T08:00:01+08:00"), WallTime(std::chrono::seconds(1)));
  EXPECT_EQ(parseRfc3339("1969-12-31T20:30:00.5-03:30"), WallTime(milliseconds(500)));
}

TEST(CivilTime, RefusesWhatIsNoTime) {
  for (const char* text : {"",
                           "2026",
                           "2026-11-2",
                           "2026-13-01",
                           "2026-00-01",
                           "2026-02-29",
                           "2026-11-31",
                           "2026-11-21T",
                           "2026-11-21T11:02:10",
                           "2026-11-21T24:00:00Z",
                           "2026-11-21T11:60:00Z",
                           "2026-11-21T11:02:60Z",
                           "2026-11-21T11:02:10.Z",
                           "2026-11-21T11:02:10.1234567890Z",
                           "2026-11-21T11:02:10+0100",
                           "2026-11-21T11:02:10+24:00",
                           "2026-11-21T11:02:10+01:60",
                           "2026-11-21T11:02+01:00",
                           "2026-11-21+01:00",
                           "2026-11-21T11:02:10Z+01:00",
                           "2026-11-21t11:02:10z",
                           "2026-11-21 11:02:10Z",
                           "2026-11-21T11:02:10ZZ",
                           "+026-11-21",
                           "2026/11/21",
                           "9999-01-01",
                           "0001-01-01",
                           "2026-11-21T11:02:10.12xZ"}) {
    EXPECT_FALSE(parseRfc3339(text).has_value()) << text;
  }
}

}  // namespace
}  // namespace edgehold
