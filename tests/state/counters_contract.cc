// SPDX-License-Identifier: Apache-2.0
// The laws of Counters, for every implementation.
// Thread: main only.
#include "tests/state/counters_contract.h"

#include <algorithm>
#include <atomic>
#include <thread>
#include <vector>

#include "proxy/base/limits.h"

namespace edgehold {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(CountersContract);

namespace {

using namespace std::chrono_literals;
using State = ClaimResult::State;

constexpr GcraSpec kFiveASecond{5, 200ms};

// --- keys ---

TEST_P(CountersContract, KeysSeparateTheirPieces) {
  std::vector<CounterKey> keys = {counters->key({"ab", "c"}),
                                  counters->key({"a", "bc"}),
                                  counters->key({"abc"}),
                                  counters->key({"abc", ""}),
                                  counters->key({"", "abc"}),
                                  counters->key({}),
                                  counters->key({""}),
                                  counters->key({"", ""}),
                                  counters->key({"12345678"}),
                                  counters->key({"1234567", "8"}),
                                  counters->key({std::string_view("abc\0", 4)}),
                                  counters->key({std::string_view("\1\0\0\0\0\0\0\0a", 9)}),
                                  counters->key({"c", "ab"})};
  for (std::size_t i = 0; i < keys.size(); ++i) {
    for (std::size_t j = 0; j < i; ++j) EXPECT_FALSE(keys[i] == keys[j]) << i << " " << j;
  }
  EXPECT_TRUE(counters->key({"ab", "c"}) == keys[0]);
}

// --- rates ---

TEST_P(CountersContract, GivesABurstAndThenOneTokenEachInterval) {
  for (std::uint64_t left = 5; left-- > 0;) {
    const RateResult result = counters->takeTokens(key("a"), kFiveASecond, 1, now);
    EXPECT_TRUE(result.is_allowed);
    EXPECT_EQ(result.remaining, left);
  }
  const RateResult refused = counters->takeTokens(key("a"), kFiveASecond, 1, now);
  EXPECT_FALSE(refused.is_allowed);
  EXPECT_EQ(refused.retry_after, 200ms);
  EXPECT_EQ(refused.reset_after, 1s);
  EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, 1, now + 200ms - 1ns).is_allowed);
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 1, now + 200ms).is_allowed);
  EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, 1, now + 200ms).is_allowed);
}

TEST_P(CountersContract, KeepsBudgetsOfDifferentKeysApart) {
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 5, now).is_allowed);
  EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, 1, now).is_allowed);
  EXPECT_TRUE(counters->takeTokens(key("b"), kFiveASecond, 5, now).is_allowed);
}

TEST_P(CountersContract, TakesAllOfACostOrNothing) {
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 3, now).is_allowed);
  const RateResult refused = counters->takeTokens(key("a"), kFiveASecond, 3, now);
  EXPECT_FALSE(refused.is_allowed);
  EXPECT_EQ(refused.remaining, 2u);
  EXPECT_EQ(refused.retry_after, 200ms);
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 2, now).is_allowed);
}

TEST_P(CountersContract, NeverAllowsMoreThanTheBurstAtOnce) {
  const RateResult refused = counters->takeTokens(key("a"), kFiveASecond, 6, now);
  EXPECT_FALSE(refused.is_allowed);
  EXPECT_EQ(refused.retry_after, Duration::max());
  EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, ~std::uint64_t{0}, now).is_allowed);
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 5, now).is_allowed);
}

TEST_P(CountersContract, ARefusalCostsNothing) {
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 5, now).is_allowed);
  for (int i = 0; i < 100; ++i) {
    EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, 1, now).is_allowed);
  }
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 1, now + 200ms).is_allowed);
}

TEST_P(CountersContract, PeekingTakesNothing) {
  EXPECT_EQ(counters->peekTokens(key("a"), kFiveASecond, 1, now).remaining, 4u);
  EXPECT_EQ(counters->peekTokens(key("a"), kFiveASecond, 1, now).remaining, 4u);
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 5, now).is_allowed);
  const RateResult peeked = counters->peekTokens(key("a"), kFiveASecond, 1, now);
  EXPECT_FALSE(peeked.is_allowed);
  EXPECT_EQ(peeked.retry_after, 200ms);
}

TEST_P(CountersContract, NeverAllowsMoreThanTheRateOverAnyTime) {
  const GcraSpec spec = GcraSpec::per(7, 1s, 3);
  std::uint64_t taken = 0;
  for (Duration at{}; at < 100s; at += 13ms) {
    taken += counters->takeTokens(key("a"), spec, 1, now + at).is_allowed ? 1 : 0;
  }
  EXPECT_LE(taken, 3u + 700u);
  EXPECT_GE(taken, 700u);
}

TEST_P(CountersContract, SurvivesAbsurdSpecs) {
  const GcraSpec huge{~std::uint64_t{0}, Duration(1s)};
  EXPECT_TRUE(counters->takeTokens(key("a"), huge, 1, now).is_allowed);
  const GcraSpec slow{1, std::chrono::hours(24 * 365 * 100)};
  EXPECT_TRUE(counters->takeTokens(key("b"), slow, 1, now).is_allowed);
  EXPECT_FALSE(counters->takeTokens(key("b"), slow, 1, now + 1h).is_allowed);
  EXPECT_EQ(GcraSpec::per(1'000'000'000'000, 1s, 1).interval, 1ns);
}

TEST_P(CountersContract, AClockThatStepsBackGivesNoTokens) {
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 5, now).is_allowed);
  EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, 1, now - 10ms).is_allowed);
}

// --- several rates at once ---

// What `takeAll()` says, with one result for each demand.
struct Taken {
  std::size_t refused = 0;
  std::vector<RateResult> results;
};
Taken takeAll(Counters& counters, const std::vector<RateDemand>& demands, Instant now) {
  Taken taken;
  taken.results.resize(demands.size());
  taken.refused = counters.takeAll(demands, now, taken.results);
  return taken;
}

TEST_P(CountersContract, TakesOfAllBudgetsOrOfNone) {
  const GcraSpec one{1, 1h};
  const std::vector<RateDemand> demands = {{key("a"), kFiveASecond}, {key("b"), one}};
  const Taken first = takeAll(*counters, demands, now);
  EXPECT_EQ(first.refused, 2u);
  EXPECT_EQ(first.results[0].remaining, 4u);
  EXPECT_EQ(first.results[1].remaining, 0u);
  for (int i = 0; i < 10; ++i) {
    const Taken again = takeAll(*counters, demands, now);
    EXPECT_EQ(again.refused, 1u);
    EXPECT_EQ(again.results[1].retry_after, 1h);
  }
  EXPECT_EQ(counters->peekTokens(key("a"), kFiveASecond, 0, now).remaining, 4u);
}

TEST_P(CountersContract, OfTwoThatRefuseTheFirstIsNamed) {
  const GcraSpec one{1, 1h};
  const std::vector<RateDemand> demands = {{key("a"), one}, {key("b"), one}};
  EXPECT_EQ(takeAll(*counters, demands, now).refused, 2u);
  EXPECT_EQ(takeAll(*counters, demands, now).refused, 0u);
}

TEST_P(CountersContract, ABudgetThatBindsNobodyIsOnlyCounted) {
  const GcraSpec one{1, 1h};
  const std::vector<RateDemand> demands = {{key("a"), one, false}, {key("b"), kFiveASecond}};
  EXPECT_EQ(takeAll(*counters, demands, now).refused, 2u);
  const Taken second = takeAll(*counters, demands, now);
  EXPECT_EQ(second.refused, 2u);
  EXPECT_FALSE(second.results[0].is_allowed);
  EXPECT_EQ(second.results[1].remaining, 3u);
}

TEST_P(CountersContract, ARefusalCostsWhatOnlyCountsNothing) {
  const GcraSpec one{1, 1h};
  EXPECT_TRUE(counters->takeTokens(key("b"), one, 1, now).is_allowed);
  EXPECT_EQ(takeAll(*counters, {{key("a"), one, false}, {key("b"), one}}, now).refused, 1u);
  EXPECT_TRUE(counters->peekTokens(key("a"), one, 1, now).is_allowed);
}

TEST_P(CountersContract, NothingToTakeIsAllowed) {
  EXPECT_EQ(takeAll(*counters, {}, now).refused, 0u);
}

// As many keys as there may be: some share a shard, some are new, and each is one budget.
TEST_P(CountersContract, EachOfTheMostBudgetsIsItsOwn) {
  std::vector<RateDemand> demands;
  for (std::size_t i = 0; i < limits::kRateLimitsMax; ++i) {
    demands.push_back({key(std::to_string(i)), {i + 1, 1h}});
  }
  EXPECT_EQ(takeAll(*counters, demands, now).refused, demands.size());
  for (std::size_t i = 0; i < demands.size(); ++i) {
    EXPECT_EQ(counters->peekTokens(demands[i].key, demands[i].spec, 0, now).remaining, i) << i;
  }
}

// --- claims ---

TEST_P(CountersContract, AClaimIsGivenOnce) {
  const auto first = counters->claim(key("a"), now, 10s);
  ASSERT_TRUE(first);
  EXPECT_EQ(first->state, State::kClaimed);
  EXPECT_NE(first->token, 0u);
  const auto twin = counters->claim(key("a"), now + 4s, 10s);
  EXPECT_EQ(twin->state, State::kInFlight);
  EXPECT_EQ(twin->ends_after, 6s);
  EXPECT_EQ(counters->claim(key("b"), now, 10s)->state, State::kClaimed);
}

TEST_P(CountersContract, ACommittedClaimStaysForItsTime) {
  const auto first = counters->claim(key("a"), now, 10s);
  EXPECT_EQ(counters->commit(key("a"), first->token, now + 1s, 60s), true);
  EXPECT_EQ(counters->claim(key("a"), now + 60s, 10s)->state, State::kCommitted);
  EXPECT_EQ(counters->claim(key("a"), now + 61s, 10s)->state, State::kClaimed);
}

TEST_P(CountersContract, AReleasedClaimIsFreeAtOnce) {
  const auto first = counters->claim(key("a"), now, 10s);
  counters->release(key("a"), first->token);
  EXPECT_EQ(counters->claim(key("a"), now, 10s)->state, State::kClaimed);
}

TEST_P(CountersContract, ACommittedClaimCannotBeReleased) {
  const auto first = counters->claim(key("a"), now, 10s);
  EXPECT_EQ(counters->commit(key("a"), first->token, now, 60s), true);
  counters->release(key("a"), first->token);
  counters->release(key("a"), 0);
  EXPECT_EQ(counters->claim(key("a"), now, 10s)->state, State::kCommitted);
}

TEST_P(CountersContract, ACrashedHoldersClaimRunsOut) {
  ASSERT_TRUE(counters->claim(key("a"), now, 10s));
  EXPECT_EQ(counters->claim(key("a"), now + 10s - 1ns, 10s)->state, State::kInFlight);
  EXPECT_EQ(counters->claim(key("a"), now + 10s, 10s)->state, State::kClaimed);
}

TEST_P(CountersContract, AHolderWhoseClaimRanOutCannotTouchItsSuccessor) {
  const auto late = counters->claim(key("a"), now, 10s);
  const auto successor = counters->claim(key("a"), now + 10s, 10s);
  EXPECT_NE(late->token, successor->token);
  counters->release(key("a"), late->token);
  EXPECT_EQ(counters->claim(key("a"), now + 11s, 10s)->state, State::kInFlight);
  EXPECT_EQ(counters->commit(key("a"), late->token, now + 11s, 60s), false);
  EXPECT_EQ(counters->commit(key("a"), successor->token, now + 12s, 60s), true);
}

TEST_P(CountersContract, ALateCommitCountsWhenNobodyElseClaimed) {
  const auto late = counters->claim(key("a"), now, 10s);
  EXPECT_EQ(counters->commit(key("a"), late->token, now + 30s, 60s), true);
  EXPECT_EQ(counters->claim(key("a"), now + 31s, 10s)->state, State::kCommitted);
}

TEST_P(CountersContract, ARestoredClaimIsCommitted) {
  ASSERT_TRUE(counters->restore(key("a"), now, 5s));
  EXPECT_EQ(counters->claim(key("a"), now + 4s, 10s)->state, State::kCommitted);
  EXPECT_EQ(counters->claim(key("a"), now + 5s, 10s)->state, State::kClaimed);
}

TEST_P(CountersContract, AskingForAClaimTakesNothingAndSeesWhatIsLive) {
  EXPECT_FALSE(counters->hasClaim(key("a"), now));
  const auto first = counters->claim(key("a"), now, 10s);
  ASSERT_EQ(first->state, State::kClaimed);
  EXPECT_TRUE(counters->hasClaim(key("a"), now + 10s - 1ns));
  EXPECT_FALSE(counters->hasClaim(key("a"), now + 10s));
  EXPECT_FALSE(counters->hasClaim(key("b"), now));
  EXPECT_EQ(counters->commit(key("a"), first->token, now, 60s), true);
  EXPECT_TRUE(counters->hasClaim(key("a"), now + 60s - 1ns));
  EXPECT_FALSE(counters->hasClaim(key("a"), now + 60s));
}

// --- slots ---

TEST_P(CountersContract, GivesAsManySlotsAsTheLimit) {
  EXPECT_EQ(counters->acquireSlot(key("a"), 2, now, 60s), true);
  EXPECT_EQ(counters->acquireSlot(key("a"), 2, now, 60s), true);
  EXPECT_EQ(counters->acquireSlot(key("a"), 2, now, 60s), false);
  counters->releaseSlot(key("a"), now);
  EXPECT_EQ(counters->acquireSlot(key("a"), 2, now, 60s), true);
  EXPECT_EQ(counters->acquireSlot(key("a"), 2, now, 60s), false);
  EXPECT_EQ(counters->acquireSlot(key("b"), 0, now, 60s), false);
}

TEST_P(CountersContract, ReleasingMoreThanWasAcquiredGivesNothing) {
  counters->releaseSlot(key("a"), now);
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now, 60s), true);
  counters->releaseSlot(key("a"), now);
  counters->releaseSlot(key("a"), now);
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now, 60s), true);
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now, 60s), false);
}

TEST_P(CountersContract, SlotsOfACrashedHolderComeBackAfterTheLease) {
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now, 60s), true);
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now + 60s - 1ns, 60s), false);
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now + 60s, 60s), true);
}

TEST_P(CountersContract, UsesOfOneKeyDoNotMeet) {
  EXPECT_TRUE(counters->takeTokens(key("a"), kFiveASecond, 5, now).is_allowed);
  EXPECT_EQ(counters->claim(key("a"), now, 10s)->state, State::kClaimed);
  EXPECT_EQ(counters->acquireSlot(key("a"), 1, now, 60s), true);
  EXPECT_FALSE(counters->takeTokens(key("a"), kFiveASecond, 1, now).is_allowed);
}

// --- threads ---

template <class Call>
void onFourThreads(const Call& call) {
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(call);
  for (std::thread& thread : threads) thread.join();
}

TEST_P(CountersContract, TokensAreExactOverThreads) {
  const GcraSpec spec{1000, 1h};
  std::atomic<int> taken = 0;
  onFourThreads([&] {
    for (int i = 0; i < 600; ++i) taken += counters->takeTokens(key("a"), spec, 1, now).is_allowed;
  });
  EXPECT_EQ(taken, 1000);
}

// Half of the threads name the budgets in the other order: nobody may wait for ever.
TEST_P(CountersContract, TokensOfSeveralBudgetsAreExactOverThreads) {
  const RateDemand wide{key("a"), {2000, 1h}}, tight{key("b"), {1000, 1h}};
  std::atomic<int> taken = 0, threads = 0;
  onFourThreads([&] {
    const bool is_turned = ++threads % 2 == 0;
    const std::vector<RateDemand> demands = {is_turned ? wide : tight, is_turned ? tight : wide};
    for (int i = 0; i < 600; ++i) taken += takeAll(*counters, demands, now).refused == 2 ? 1 : 0;
  });
  EXPECT_EQ(taken, 1000);
  EXPECT_FALSE(counters->peekTokens(tight.key, tight.spec, 1, now).is_allowed);
  EXPECT_EQ(counters->peekTokens(wide.key, wide.spec, 1000, now).remaining, 0u);
}

TEST_P(CountersContract, OneOfManyThreadsGetsEachClaim) {
  std::atomic<int> claimed = 0;
  onFourThreads([&] {
    for (int i = 0; i < 500; ++i) {
      const auto result = counters->claim(key(std::to_string(i)), now, 10s);
      if (result && result->state == State::kClaimed) {
        ++claimed;
        EXPECT_EQ(counters->commit(key(std::to_string(i)), result->token, now, 60s), true);
      }
    }
  });
  EXPECT_EQ(claimed, 500);
}

TEST_P(CountersContract, SlotsAreNeverOversoldOverThreads) {
  std::atomic<int> inside = 0, most = 0;
  onFourThreads([&] {
    for (int i = 0; i < 500; ++i) {
      if (counters->acquireSlot(key("a"), 2, now, 1h) != true) continue;
      const int with_me = ++inside;
      int seen = most;
      while (with_me > seen && !most.compare_exchange_weak(seen, with_me)) {
      }
      --inside;
      counters->releaseSlot(key("a"), now);
    }
  });
  EXPECT_GE(most, 1);
  EXPECT_LE(most, 2);
}

}  // namespace
}  // namespace edgehold
