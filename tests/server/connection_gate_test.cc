// SPDX-License-Identifier: Apache-2.0
// The laws of the counts of connections, and of what the configuration and the machine make of
// them. Thread: main only, but for the test of workers on threads of their own.
#include "proxy/server/connection_gate.h"

#include <atomic>
#include <barrier>
#include <iterator>
#include <list>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/server/capacity.h"

namespace edgehold {
namespace {

using Admission = ConnectionGate::Admission;
using Cap = ConnectionGate::Cap;

IpAddress address(std::string_view text) { return *IpAddress::parse(text); }

class ConnectionGateTest : public testing::Test {
 protected:
  // Enters and stays.
  const ConnectionGate::Pass& enter(std::string_view peer, bool is_exempt = false) {
    passes_.push_back(gate_.enter(address(peer), is_exempt));
    return passes_.back();
  }
  ConnectionGate gate_;
  std::list<ConnectionGate::Pass> passes_;
};

TEST_F(ConnectionGateTest, WelcomesUpToTheCapAndNotOneMore) {
  gate_.bound(3, 100);
  for (int i = 0; i < 3; ++i) EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome);
  EXPECT_EQ(enter("192.0.2.2").admission(), Admission::kSurplus);
  EXPECT_EQ(passes_.back().cap(), Cap::kConnections);
}

TEST_F(ConnectionGateTest, CountsEachAddressForItself) {
  gate_.bound(100, 2);
  enter("192.0.2.1");
  enter("192.0.2.1");
  EXPECT_EQ(enter("192.0.2.1").cap(), Cap::kAddress);
  EXPECT_EQ(enter("192.0.2.2").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, CountsAnIpv6NetworkOfASubscriberAsOneAddress) {
  gate_.bound(100, 2);
  enter("2001:db8:0:1::1");
  enter("2001:db8:0:1:ffff::2");
  EXPECT_EQ(enter("2001:db8:0:1::3").cap(), Cap::kAddress);
  EXPECT_EQ(enter("2001:db8:0:2::1").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, ExemptsATrustedProxyFromTheCapOfAnAddressOnly) {
  gate_.bound(4, 1);
  for (int i = 0; i < 4; ++i) EXPECT_EQ(enter("192.0.2.1", true).admission(), Admission::kWelcome);
  EXPECT_EQ(enter("192.0.2.1", true).cap(), Cap::kConnections);
}

TEST_F(ConnectionGateTest, WelcomesAgainWhenSomebodyHasLeft) {
  gate_.bound(1, 1);
  enter("192.0.2.1");
  EXPECT_NE(enter("192.0.2.1").admission(), Admission::kWelcome);
  passes_.clear();
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, TurnsAwayWhenEnoughAreBeingTold) {
  gate_.bound(1, 100);
  enter("192.0.2.1");
  for (std::size_t i = 0; i < limits::kSurplusConnectionsMax; ++i) {
    ASSERT_EQ(enter("192.0.2.1").admission(), Admission::kSurplus);
  }
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kTurnedAway);
  passes_.erase(std::next(passes_.begin()));
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kSurplus) << "one of those has left";
}

TEST_F(ConnectionGateTest, KeepsWhoIsInWhenTheCapFalls) {
  gate_.bound(10, 10);
  for (int i = 0; i < 5; ++i) enter("192.0.2.1");
  gate_.bound(2, 10);
  EXPECT_NE(enter("192.0.2.1").admission(), Admission::kWelcome);
  passes_.erase(passes_.begin(), std::next(passes_.begin(), 4));
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome);
}

TEST(ConnectionGate, IsExactAcrossThreads) {
  constexpr int kWorkers = 4;
  constexpr int kEach = 20;
  constexpr int kRounds = 200;
  ConnectionGate gate;
  gate.bound(50, 1000);
  std::atomic<int> welcome{0};
  std::barrier together(kWorkers);
  std::vector<std::thread> workers;
  for (int worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<ConnectionGate::Pass> held;
        for (int i = 0; i < kEach; ++i) {
          held.push_back(gate.enter(IpAddress::v4(0xC0000201), false));
          welcome += held.back().admission() == Admission::kWelcome ? 1 : 0;
        }
        together.arrive_and_wait();  // all are in
        held.clear();
        together.arrive_and_wait();  // all are out
      }
    });
  }
  for (std::thread& worker : workers) worker.join();
  EXPECT_EQ(welcome.load(), 50 * kRounds);
}

TEST(Capacity, LeavesHalfOfTheDescriptorsToUpstreams) {
  Capacity capacity;
  LimitSpec spec;
  EXPECT_EQ(capacity.adopt(spec, 2, 1024), (1024 - limits::kDescriptorsReserved) / 2);
  EXPECT_EQ(capacity.adopt(spec, 2, 1'048'576), limits::kConnectionsDefault);
  spec.connections = 100;
  EXPECT_EQ(capacity.adopt(spec, 2, 1024), 100u);
  spec.connections = 100'000;
  EXPECT_EQ(capacity.adopt(spec, 2, 1024), (1024 - limits::kDescriptorsReserved) / 2);
  EXPECT_EQ(capacity.adopt(spec, 2, 0), limits::kConnectionsLeast);
}

TEST(Capacity, GivesASmallBoundToOneWorkerAlmostWhole) {
  Capacity capacity;
  LimitSpec spec;
  spec.exchanges = 64;
  capacity.adopt(spec, 4, 1024);
  QuotaAccount quiet(capacity.exchanges);
  QuotaAccount busy(capacity.exchanges);
  ASSERT_TRUE(quiet.take(1));
  int taken = 0;
  while (busy.take(1)) ++taken;
  EXPECT_EQ(taken, 63);
}

}  // namespace
}  // namespace edgehold
