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
    passes_.push_back(gate_.enter({.peer = address(peer), .is_exempt = is_exempt}));
    return passes_.back();
  }
  ConnectionGate gate_;
  std::list<ConnectionGate::Pass> passes_;
};

TEST_F(ConnectionGateTest, WelcomesUpToTheCapAndNotOneMore) {
  gate_.bound({.connections = 3, .per_address = 100});
  for (int i = 0; i < 3; ++i) EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome);
  EXPECT_EQ(enter("192.0.2.2").admission(), Admission::kSurplus);
  EXPECT_EQ(passes_.back().cap(), Cap::kConnections);
}

TEST_F(ConnectionGateTest, CountsEachAddressForItself) {
  gate_.bound({.connections = 100, .per_address = 2});
  enter("192.0.2.1");
  enter("192.0.2.1");
  EXPECT_EQ(enter("192.0.2.1").cap(), Cap::kAddress);
  EXPECT_EQ(enter("192.0.2.2").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, CountsAnIpv6NetworkOfASubscriberAsOneAddress) {
  gate_.bound({.connections = 100, .per_address = 2});
  enter("2001:db8:0:1::1");
  enter("2001:db8:0:1:ffff::2");
  EXPECT_EQ(enter("2001:db8:0:1::3").cap(), Cap::kAddress);
  EXPECT_EQ(enter("2001:db8:0:2::1").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, ExemptsATrustedProxyFromTheCapOfAnAddressOnly) {
  gate_.bound({.connections = 4, .per_address = 1});
  for (int i = 0; i < 4; ++i) EXPECT_EQ(enter("192.0.2.1", true).admission(), Admission::kWelcome);
  EXPECT_EQ(enter("192.0.2.1", true).cap(), Cap::kConnections);
}

TEST_F(ConnectionGateTest, WelcomesAgainWhenSomebodyHasLeft) {
  gate_.bound({.connections = 1, .per_address = 1});
  enter("192.0.2.1");
  EXPECT_NE(enter("192.0.2.1").admission(), Admission::kWelcome);
  passes_.clear();
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, TurnsAwayWhenEnoughAreBeingTold) {
  gate_.bound({.connections = 1, .per_address = 100});
  enter("192.0.2.1");
  for (std::size_t i = 0; i < limits::kSurplusConnectionsMax; ++i) {
    ASSERT_EQ(enter("192.0.2.1").admission(), Admission::kSurplus);
  }
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kTurnedAway);
  passes_.erase(std::next(passes_.begin()));
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kSurplus) << "one of those has left";
}

TEST_F(ConnectionGateTest, KeepsWhoIsInWhenTheCapFalls) {
  gate_.bound({.connections = 10, .per_address = 10});
  for (int i = 0; i < 5; ++i) enter("192.0.2.1");
  gate_.bound({.connections = 2, .per_address = 10});
  EXPECT_NE(enter("192.0.2.1").admission(), Admission::kWelcome);
  passes_.erase(passes_.begin(), std::next(passes_.begin(), 4));
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome);
}

TEST_F(ConnectionGateTest, CountsWhomAProxyAnnouncesWhereItBelongs) {
  gate_.bound({.connections = 100, .per_address = 2});
  for (int i = 0; i < 2; ++i) {
    passes_.push_back(gate_.attribute(gate_.enter({.peer = address("10.0.0.1"), .is_exempt = true}),
                                      address("192.0.2.1")));
    EXPECT_EQ(passes_.back().admission(), Admission::kWelcome);
  }
  passes_.push_back(gate_.attribute(gate_.enter({.peer = address("10.0.0.1"), .is_exempt = true}),
                                    address("192.0.2.1")));
  EXPECT_EQ(passes_.back().cap(), Cap::kAddress);
  passes_.clear();
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome) << "all places are free again";
}

TEST_F(ConnectionGateTest, BoundsHandshakesInAllAndOfOneAddress) {
  gate_.bound({.handshakes = 3, .handshakes_per_address = 2});
  const auto shake = [&](std::string_view peer) -> ConnectionGate::Pass& {
    passes_.push_back(gate_.enter({.peer = address(peer), .shakes_hands = true}));
    return passes_.back();
  };
  ConnectionGate::Pass& first = shake("192.0.2.1");
  shake("192.0.2.1");
  EXPECT_EQ(shake("192.0.2.1").cap(), Cap::kHandshakes);
  EXPECT_EQ(passes_.back().admission(), Admission::kTurnedAway) << "another one would tell it why";
  EXPECT_EQ(shake("192.0.2.2").admission(), Admission::kWelcome);
  EXPECT_EQ(shake("192.0.2.3").cap(), Cap::kHandshakes);
  EXPECT_EQ(enter("192.0.2.1").admission(), Admission::kWelcome) << "clear text shakes no hands";
  first.handsShaken();
  EXPECT_EQ(shake("192.0.2.1").admission(), Admission::kWelcome);
  passes_.clear();
  for (int i = 0; i < 2; ++i) EXPECT_EQ(shake("192.0.2.1").admission(), Admission::kWelcome);
}

// Enters connections that can be asked to make room, and notes which were.
class SheddingTest : public ConnectionGateTest {
 protected:
  ConnectionGate::Pass& come(std::string_view peer) {
    const int number = ++last_;
    passes_.push_back(gate_.enter(
        {.peer = address(peer), .on_shed = [this, number] { asked_.push_back(number); }}));
    return passes_.back();
  }
  std::vector<int> asked_;
  int last_ = 0;
};

TEST_F(SheddingTest, TheOldestIdleOneOfTheHeaviestAddressMakesRoom) {
  gate_.bound({.connections = 4});
  come("192.0.2.1").setIdle(false);
  come("192.0.2.1");
  come("192.0.2.1");
  come("192.0.2.2");
  EXPECT_EQ(come("192.0.2.3").admission(), Admission::kWelcome);
  EXPECT_EQ(asked_, (std::vector<int>{2}));
}

TEST_F(SheddingTest, NobodyIsShedForWhoHasAsManyItself) {
  gate_.bound({.connections = 4});
  for (const auto* const peer : {"192.0.2.1", "192.0.2.1", "192.0.2.2", "192.0.2.2"}) come(peer);
  EXPECT_NE(come("192.0.2.1").admission(), Admission::kWelcome);
  EXPECT_TRUE(asked_.empty());
  EXPECT_EQ(come("192.0.2.3").admission(), Admission::kWelcome);
  EXPECT_EQ(come("192.0.2.4").admission(), Admission::kWelcome);
  EXPECT_NE(come("192.0.2.5").admission(), Admission::kWelcome) << "one each";
  EXPECT_EQ(asked_.size(), 2u);
}

TEST_F(SheddingTest, WhatIsUnderWayIsNotShed) {
  gate_.bound({.connections = 3});
  for (int i = 0; i < 3; ++i) come("192.0.2.1").setIdle(false);
  EXPECT_NE(come("192.0.2.2").admission(), Admission::kWelcome);
  passes_.front().setIdle(true);
  EXPECT_EQ(come("192.0.2.2").admission(), Admission::kWelcome);
  EXPECT_EQ(asked_, (std::vector<int>{1}));
}

TEST_F(SheddingTest, ATrustedProxyMayBeServedButIsNeverShed) {
  gate_.bound({.connections = 3});
  for (int i = 0; i < 3; ++i) enter("192.0.2.9", /*is_exempt=*/true);
  EXPECT_NE(come("192.0.2.2").admission(), Admission::kWelcome);
  passes_.clear();
  for (int i = 0; i < 3; ++i) come("192.0.2.1");
  EXPECT_EQ(enter("192.0.2.9", /*is_exempt=*/true).admission(), Admission::kWelcome);
  EXPECT_EQ(asked_.size(), 1u);
}

TEST_F(SheddingTest, OneThatTurnsOutBusyStaysAndIsCountedAgain) {
  gate_.bound({.connections = 3});
  ConnectionGate::Pass& first = come("192.0.2.1");
  come("192.0.2.1").setIdle(false);
  come("192.0.2.1").setIdle(false);
  EXPECT_EQ(come("192.0.2.2").admission(), Admission::kWelcome);
  first.setIdle(false);
  first.spare();
  EXPECT_NE(come("192.0.2.3").admission(), Admission::kWelcome) << "four are open";
  passes_.clear();
  for (int i = 0; i < 3; ++i) EXPECT_EQ(come("192.0.2.1").admission(), Admission::kWelcome);
  EXPECT_NE(come("192.0.2.1").admission(), Admission::kWelcome);
}

TEST_F(SheddingTest, NoMoreAreAskedThanMayBeLeavingAtOnce) {
  const std::size_t many = limits::kConnectionsSheddingMax + 10;
  gate_.bound({.connections = many});
  for (std::size_t i = 0; i < many; ++i) come("192.0.2.1");
  std::size_t welcome = 0;
  for (std::size_t i = 0; i < many; ++i) {
    const std::string peer = "198.51.100." + std::to_string(i);
    welcome += come(peer).admission() == Admission::kWelcome ? 1 : 0;
  }
  EXPECT_EQ(welcome, limits::kConnectionsSheddingMax);
  passes_.pop_front();  // one of those has gone
  EXPECT_EQ(come("203.0.113.1").admission(), Admission::kWelcome);
}

TEST_F(SheddingTest, LooksAtSoManyAtOnceAndAtOthersTheNextTime) {
  gate_.bound({.connections = 2 * limits::kShedCandidatesMax});
  for (std::size_t i = 0; i < 2 * limits::kShedCandidatesMax; ++i) {
    come("192.0.2.1").setIdle(i >= limits::kShedCandidatesMax);
  }
  EXPECT_NE(come("192.0.2.2").admission(), Admission::kWelcome);
  EXPECT_EQ(come("192.0.2.2").admission(), Admission::kWelcome);
}

TEST(ConnectionGate, IsExactAcrossThreads) {
  constexpr int kWorkers = 4;
  constexpr int kEach = 20;
  constexpr int kRounds = 200;
  ConnectionGate gate;
  gate.bound({.connections = 50, .per_address = 1000});
  std::atomic<int> welcome{0};
  std::barrier together(kWorkers);
  std::vector<std::thread> workers;
  for (int worker = 0; worker < kWorkers; ++worker) {
    workers.emplace_back([&] {
      for (int round = 0; round < kRounds; ++round) {
        std::vector<ConnectionGate::Pass> held;
        for (int i = 0; i < kEach; ++i) {
          held.push_back(gate.enter({.peer = IpAddress::v4(0xC0000201)}));
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
