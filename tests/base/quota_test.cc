// SPDX-License-Identifier: Apache-2.0
// The laws of a bound that several accounts use up together.
// Thread: main only, but for the test of accounts on threads of their own.
#include "proxy/base/quota.h"

#include <array>
#include <memory>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(Quota, GivesUpToItsBoundAndNotOneMore) {
  SharedQuota shared;
  shared.bound(10, 1);
  QuotaAccount account(shared);
  EXPECT_TRUE(account.take(10));
  EXPECT_FALSE(account.take(1));
  account.give(1);
  EXPECT_TRUE(account.take(1));
  EXPECT_FALSE(account.take(1));
}

TEST(Quota, IsOneBoundForAllAccounts) {
  SharedQuota shared;
  shared.bound(10, 1);
  QuotaAccount one(shared);
  QuotaAccount other(shared);
  EXPECT_TRUE(one.take(6));
  EXPECT_TRUE(other.take(4));
  EXPECT_FALSE(one.take(1));
  EXPECT_FALSE(other.take(1));
  EXPECT_TRUE(one.isScarce());
}

TEST(Quota, TakesLessThanALotWhenNoLotIsLeft) {
  SharedQuota shared;
  shared.bound(10, 8);
  QuotaAccount one(shared);
  QuotaAccount other(shared);
  EXPECT_TRUE(one.take(1));
  EXPECT_TRUE(other.take(2));
  EXPECT_FALSE(other.take(1)) << "the rest is leased by the other account";
  EXPECT_TRUE(one.take(7));
}

TEST(Quota, WritesTheSharedCountOnceALot) {
  SharedQuota shared;
  shared.bound(1000, 10);
  QuotaAccount account(shared);
  ASSERT_TRUE(account.take(5));
  EXPECT_EQ(shared.leased(), 10);
  for (int i = 0; i < 100; ++i) {
    ASSERT_TRUE(account.take(5));
    account.give(5);
    EXPECT_EQ(shared.leased(), 10);
  }
}

TEST(Quota, KeepsNothingBackOfABoundThatIsSmall) {
  SharedQuota shared;
  shared.bound(2, 1);
  QuotaAccount one(shared);
  QuotaAccount other(shared);
  ASSERT_TRUE(one.take(1));
  ASSERT_TRUE(one.take(1));
  one.give(1);
  one.give(1);
  EXPECT_TRUE(other.take(1));
  EXPECT_TRUE(other.take(1));
}

TEST(Quota, ReturnsWhatIsNotUsedAnyMore) {
  SharedQuota shared;
  shared.bound(1000, 10);
  {
    QuotaAccount account(shared);
    ASSERT_TRUE(account.take(500));
    account.give(500);
    EXPECT_LE(shared.leased(), 20);
  }
  EXPECT_EQ(shared.leased(), 0);
}

TEST(Quota, CountsFactsPastTheBound) {
  SharedQuota shared;
  shared.bound(10, 1);
  QuotaAccount account(shared);
  account.charge(30);
  EXPECT_EQ(account.used(), 30);
  EXPECT_FALSE(account.take(1));
  account.give(21);
  EXPECT_TRUE(account.take(1));
  EXPECT_FALSE(account.take(1));
}

TEST(Quota, KeepsWhatIsUsedWhenTheBoundFalls) {
  SharedQuota shared;
  shared.bound(10, 1);
  QuotaAccount account(shared);
  ASSERT_TRUE(account.take(8));
  shared.bound(4, 1);
  EXPECT_FALSE(account.take(1));
  account.give(7);
  EXPECT_TRUE(account.take(1));
}

TEST(QuotaShare, GivesBackWhatItHadWhenItEnds) {
  SharedQuota shared;
  shared.bound(100, 1);
  QuotaAccount account(shared);
  {
    QuotaShare share(account);
    EXPECT_TRUE(share.resize(100));
    EXPECT_FALSE(share.resize(101));
    EXPECT_EQ(share.amount(), 100u) << "a refusal changes nothing";
    EXPECT_TRUE(share.resize(40));
    share.set(150);
    EXPECT_EQ(account.used(), 150);
  }
  EXPECT_EQ(account.used(), 0);
}

TEST(Quota, NeverGivesMoreThanItsBoundToThreads) {
  constexpr std::size_t kThreads = 4;
  SharedQuota shared;
  shared.bound(1000, 16);
  std::array<std::int64_t, kThreads> taken{};
  {
    std::vector<std::unique_ptr<QuotaAccount>> accounts;
    std::vector<std::thread> threads;
    for (std::size_t i = 0; i < kThreads; ++i) {
      accounts.push_back(std::make_unique<QuotaAccount>(shared));
      threads.emplace_back([&account = *accounts[i], &count = taken[i]] {
        for (int round = 0; round < 2000; ++round) {
          if (account.take(3)) count += 3;
          if (round % 5 == 0 && count >= 3) {
            account.give(3);
            count -= 3;
          }
        }
      });
    }
    for (std::thread& thread : threads) thread.join();
    std::int64_t sum = 0;
    for (const std::int64_t count : taken) sum += count;
    EXPECT_LE(sum, 1000);
    EXPECT_GT(sum, 900);
  }
  EXPECT_EQ(shared.leased(), 0);
}

}  // namespace
}  // namespace edgehold
