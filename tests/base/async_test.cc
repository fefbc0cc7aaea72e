// SPDX-License-Identifier: Apache-2.0
// The laws of Async and of the turn-end queue.
// Thread: main only.
#include "proxy/base/async.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace edgehold {
namespace {

TEST(Async, DeliversAValueThatComesLater) {
  auto [async, resolver] = Async<int>::make();
  int got = 0;
  async.then([&](int value) { got = value; });
  resolver.resolve(7);
  EXPECT_EQ(got, 7);
}

TEST(Async, DeliversAValueThatWasThereFirst) {
  auto [async, resolver] = Async<int>::make();
  resolver.resolve(7);
  int got = 0;
  async.then([&](int value) { got = value; });
  EXPECT_EQ(got, 7);
}

TEST(Async, DeliversOnlyTheFirstValue) {
  auto [async, resolver] = Async<int>::make();
  int calls = 0;
  async.then([&](int) { ++calls; });
  resolver.resolve(1);
  resolver.resolve(2);
  EXPECT_EQ(calls, 1);
}

TEST(Async, DestroyedBeforeItsValueIsNeverCalled) {
  int calls = 0;
  auto made = Async<int>::make();
  {
    const Async<int> moved = std::move(made.first);
    EXPECT_TRUE(made.second.isWanted());
  }
  EXPECT_FALSE(made.second.isWanted());
  made.second.resolve(1);
  EXPECT_EQ(calls, 0);
}

TEST(Async, MayBeDestroyedByItsOwnCallback) {
  auto made = Async<int>::make();
  auto async = std::make_unique<Async<int>>(std::move(made.first));
  int got = 0;
  async->then([&](int value) {
    async.reset();
    got = value;
  });
  made.second.resolve(3);
  EXPECT_EQ(got, 3);
}

TEST(Async, MapsAValueThatComesLaterOrWasThereFirst) {
  const std::function<std::string(int)> change = [](int value) { return std::to_string(value); };
  for (const bool is_there_first : {false, true}) {
    auto [async, resolver] = Async<int>::make();
    if (is_there_first) resolver.resolve(7);
    auto mapped = std::move(async).map(change);
    std::string got;
    mapped.then([&](std::string value) { got = std::move(value); });
    if (!is_there_first) resolver.resolve(7);
    EXPECT_EQ(got, "7");
  }
}

TEST(Async, CancelsWhatItIsMappedFrom) {
  auto made = Async<int>::make();
  {
    auto mapped =
        std::move(made.first).map(std::function<int(int)>([](int value) { return value; }));
    mapped.then([](int) { FAIL() << "cancelled"; });
    EXPECT_TRUE(made.second.isWanted());
  }
  EXPECT_FALSE(made.second.isWanted());
  made.second.resolve(1);
}

TEST(Async, KeepsWhatItNeedsAsLongAsSomebodyWaits) {
  const auto kept = std::make_shared<int>(1);
  auto made = Async<int>::make();
  {
    Async<int> waiting = std::move(made.first);
    waiting.keep(kept);
    EXPECT_EQ(kept.use_count(), 2);
  }
  EXPECT_EQ(kept.use_count(), 1);
}

// What is kept often has the Resolver, and may resolve before anybody waits.
TEST(Async, LetsGoOfWhatItKeptWhenItsValueWasThereFirst) {
  const auto kept = std::make_shared<std::optional<Resolver<int>>>();
  int got = 0;
  {
    auto [answer, resolver] = Async<int>::make();
    answer.keep(kept);
    kept->emplace(resolver);
    resolver.resolve(7);
    answer.then([&](int value) {
      EXPECT_GT(kept.use_count(), 1);  // not before it was heard
      got = value;
    });
  }
  EXPECT_EQ(got, 7);
  EXPECT_EQ(kept.use_count(), 1);
}

struct CountingTask final : TurnEndTask {
  int runs = 0;
  void onTurnEnd() override { ++runs; }
};

TEST(TurnEndQueue, RunsATaskOnceHoweverOftenItAsked) {
  FakeLoop loop;
  CountingTask task;
  loop.atTurnEnd(task);
  loop.atTurnEnd(task);
  loop.turn();
  loop.turn();
  EXPECT_EQ(task.runs, 1);
}

TEST(TurnEndQueue, ForgetsADestroyedTask) {
  FakeLoop loop;
  CountingTask first, last;
  loop.atTurnEnd(first);
  {
    CountingTask gone;
    loop.atTurnEnd(gone);
  }
  loop.atTurnEnd(last);
  loop.turn();
  EXPECT_EQ(first.runs + last.runs, 2);
}

}  // namespace
}  // namespace edgehold
