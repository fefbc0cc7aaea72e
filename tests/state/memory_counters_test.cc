// SPDX-License-Identifier: Apache-2.0
// The contract for the counters in memory, and what is theirs alone: growth, expiry, the bound.
// Thread: main only.
#include "proxy/state/memory_counters.h"

#include "tests/state/counters_contract.h"
#include "tests/support/fake_random.h"

namespace edgehold {

INSTANTIATE_TEST_SUITE_P(
    Memory, CountersContract,
    testing::Values(
        CountersMaker{"roomy",
                      [] {
                        return std::make_unique<MemoryCounters>(SipKey{1, 2});
                      }},
        CountersMaker{
            "two_shards",
            [] {
              return std::make_unique<MemoryCounters>(SipKey{3, 4}, MemoryCountersOptions{2048, 2});
            }}),
    [](const auto& maker) { return maker.param.name; });

namespace {

using namespace std::chrono_literals;
using State = ClaimResult::State;

constexpr GcraSpec kOneAnHour{1, 1h};

class MemoryCountersTest : public testing::Test {
 protected:
  // Keys as SipHash would make them, from a seed.
  CounterKey key(std::uint64_t number) const {
    FakeRandom random(number);
    return {random.next(), random.next()};
  }
  std::size_t claimMany(MemoryCounters& counters, std::uint64_t count, Duration ttl) {
    std::size_t refused = 0;
    for (std::uint64_t i = 0; i < count; ++i) refused += counters.claim(key(i), now, ttl) ? 0 : 1;
    return refused;
  }
  Instant now{1h};
};

TEST_F(MemoryCountersTest, RemembersEveryKeyWhileItGrows) {
  MemoryCounters counters(SipKey{});
  EXPECT_EQ(claimMany(counters, 100'000, 1h), 0u);
  for (std::uint64_t i = 0; i < 100'000; ++i) {
    ASSERT_EQ(counters.claim(key(i), now, 1h)->state, State::kInFlight) << i;
  }
  EXPECT_EQ(counters.usedEntries(), 100'000u);
}

TEST_F(MemoryCountersTest, RefusesAClaimOneKeyPastTheBoundAndForgetsNone) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  std::uint64_t kept = 0;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const auto result = counters.claim(key(i), now, 1h);
    if (result) {
      ++kept;
    } else {
      EXPECT_EQ(result.error().reason, Reason::kStoreUnavailable);
    }
  }
  EXPECT_EQ(kept, 1024u);
  std::uint64_t in_flight = 0;
  for (std::uint64_t i = 0; i < 4096; ++i) {
    const auto result = counters.claim(key(i), now, 1h);
    in_flight += result && result->state == State::kInFlight ? 1 : 0;
  }
  EXPECT_EQ(in_flight, 1024u);
}

TEST_F(MemoryCountersTest, TakesClaimsAgainWhenOldOnesHaveRunOut) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  EXPECT_GT(claimMany(counters, 4096, 10s), 0u);
  now += 10s;
  std::uint64_t kept = 0;
  for (std::uint64_t i = 10'000; i < 11'000; ++i) kept += counters.claim(key(i), now, 10s) ? 1 : 0;
  EXPECT_GT(kept, 900u);
  EXPECT_LE(counters.usedEntries(), 1024u);
}

TEST_F(MemoryCountersTest, AFullStoreForgetsTheLeastSpentBudgetsFirst) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  const GcraSpec spent{100, 1h};
  for (std::uint64_t i = 0; i < 64; ++i) {
    EXPECT_TRUE(counters.takeTokens(key(i), spent, 100, now).is_allowed);
  }
  for (std::uint64_t i = 1000; i < 50'000; ++i) {
    EXPECT_TRUE(counters.takeTokens(key(i), kOneAnHour, 1, now).is_allowed);
  }
  for (std::uint64_t i = 0; i < 64; ++i) {
    EXPECT_FALSE(counters.takeTokens(key(i), spent, 1, now).is_allowed) << i;
  }
  EXPECT_LE(counters.usedEntries(), 1024u);
}

TEST_F(MemoryCountersTest, AFloodOfRatesPushesNoClaimOut) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  EXPECT_EQ(claimMany(counters, 500, 1h), 0u);
  for (std::uint64_t i = 1000; i < 50'000; ++i) counters.takeTokens(key(i), kOneAnHour, 1, now);
  for (std::uint64_t i = 0; i < 500; ++i) {
    EXPECT_EQ(counters.claim(key(i), now, 1h)->state, State::kInFlight);
  }
}

TEST_F(MemoryCountersTest, AClaimTakesTheRoomOfARate) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  for (std::uint64_t i = 1000; i < 5000; ++i) counters.takeTokens(key(i), kOneAnHour, 1, now);
  EXPECT_EQ(claimMany(counters, 300, 1h), 0u);
}

TEST_F(MemoryCountersTest, ARateWithoutRoomIsDenied) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  claimMany(counters, 4096, 1h);
  const RateResult result = counters.takeTokens(key(9999), kOneAnHour, 1, now);
  EXPECT_FALSE(result.is_allowed);
  EXPECT_GT(result.retry_after, 0s);
}

TEST_F(MemoryCountersTest, OfSeveralRatesTheOneWithoutRoomIsNamed) {
  MemoryCounters counters(SipKey{}, {1024, 2});
  const GcraSpec ten{10, 1h};
  EXPECT_TRUE(counters.takeTokens(key(9998), ten, 1, now).is_allowed);
  claimMany(counters, 4096, 1h);
  const std::vector<RateDemand> demands = {{key(9999), kOneAnHour, false}, {key(9997), ten}};
  std::vector<RateResult> results(2);
  EXPECT_EQ(counters.takeAll(demands, now, results), 1u);
  EXPECT_FALSE(results[1].is_allowed);
  EXPECT_GT(results[1].retry_after, 0s);
}

// Entries move when a table grows for a new one.
TEST_F(MemoryCountersTest, SeveralRatesAreChargedWhileTheirTableGrows) {
  MemoryCounters counters(SipKey{}, {1'000'000, 2});
  const GcraSpec many{100'000, 1h};
  for (std::uint64_t i = 1; i <= 5000; ++i) {
    const std::vector<RateDemand> demands = {{key(0), many}, {key(i), kOneAnHour}};
    std::vector<RateResult> results(2);
    ASSERT_EQ(counters.takeAll(demands, now, results), 2u) << i;
    ASSERT_EQ(results[0].remaining, 100'000 - i);
    ASSERT_FALSE(counters.peekTokens(key(i), kOneAnHour, 1, now).is_allowed) << i;
  }
}

TEST_F(MemoryCountersTest, ReusesThePlacesOfExpiredEntries) {
  MemoryCounters counters(SipKey{}, {1'000'000, 2});
  for (int round = 0; round < 100; ++round, now += 1h) {
    for (std::uint64_t i = 0; i < 200; ++i) {
      counters.takeTokens(key(static_cast<std::uint64_t>(round) * 1000 + i), kOneAnHour, 1, now);
    }
  }
  EXPECT_LE(counters.usedEntries(), 2048u);
}

}  // namespace
}  // namespace edgehold
