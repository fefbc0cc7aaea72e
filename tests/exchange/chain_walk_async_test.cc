// SPDX-License-Identifier: Apache-2.0
// The laws of a walk in which a filter answers later, or never.
// Thread: main only.
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/exchange/scripted_filter.h"

namespace edgehold {
namespace {

using Later = Async<Result<Verdict>>;
using Answer = Resolver<Result<Verdict>>;

// A filter whose head verdict is given by `answer` when the test likes.
Script answeredBy(std::optional<Answer>& answer) {
  return {.head = [&answer](Exchange&) -> Outcome {
    auto [later, resolver] = Later::make();
    answer.emplace(resolver);
    return std::move(later);
  }};
}
// One whose answer is there before anybody waits.
Script answeredAlready() {
  return {.head = [](Exchange&) -> Outcome {
    auto [later, resolver] = Later::make();
    resolver.resolve(Verdict::proceed());
    return std::move(later);
  }};
}

struct AsyncWalk : WalkFixture {
  std::optional<Answer> answer;
  // a; slow, that waits; c.
  explicit AsyncWalk(FilterMode mode = FilterMode::kEnforce, OnError on_error = OnError::kDeny) {
    add("a", {}).add("slow", answeredBy(answer), mode, on_error).add("c", {});
    runHead();
  }
};

TEST(ChainWalkAsync, AsksNobodyElseWhileItWaits) {
  AsyncWalk f;
  EXPECT_FALSE(f.hasEnded());
  EXPECT_EQ(f.calls, (Calls{"a.head", "slow.head"}));
}

TEST(ChainWalkAsync, GoesOnWhenTheVerdictComes) {
  AsyncWalk f;
  f.answer->resolve(Verdict::proceed());
  EXPECT_EQ(f.calls, (Calls{"a.head", "slow.head", "c.head"}));
  EXPECT_EQ(f.ends, 1);
  EXPECT_FALSE(f.ended.has_value());
}

TEST(ChainWalkAsync, EndsWithADenialThatComesLater) {
  AsyncWalk f;
  f.answer->resolve(Verdict::deny(Reason::kRuleDenied));
  EXPECT_EQ(f.reason(), Reason::kRuleDenied);
  EXPECT_EQ(f.exchange.decision.filter, "slow");
  EXPECT_EQ(f.calls, (Calls{"a.head", "slow.head"}));
}

TEST(ChainWalkAsync, AppliesTheFailurePolicyToAnErrorThatComesLater) {
  AsyncWalk strict;
  strict.answer->resolve(fail(Reason::kStoreUnavailable));
  EXPECT_EQ(strict.reason(), Reason::kStoreUnavailable);
  AsyncWalk lenient(FilterMode::kEnforce, OnError::kAllow);
  lenient.answer->resolve(fail(Reason::kStoreUnavailable));
  EXPECT_EQ(lenient.ends, 1);
  EXPECT_FALSE(lenient.ended.has_value());
}

TEST(ChainWalkAsync, CancelsTheWaitWhenDestroyed) {
  AsyncWalk f;
  EXPECT_TRUE(f.answer->isWanted());
  f.destroyWalk();
  EXPECT_FALSE(f.answer->isWanted());
  f.answer->resolve(Verdict::proceed());
  f.loop.advance(limits::kFilterTimeout * 2);
  EXPECT_FALSE(f.hasEnded());
}

TEST(ChainWalkAsync, DeniesAtTheDeadline) {
  AsyncWalk f;
  f.loop.advance(limits::kFilterTimeout - std::chrono::nanoseconds(1));
  EXPECT_FALSE(f.hasEnded());
  f.loop.advance(std::chrono::nanoseconds(1));
  EXPECT_EQ(f.reason(), Reason::kFilterFailed);
  EXPECT_EQ(f.exchange.decision.kind, Decision::Kind::kError);
  EXPECT_FALSE(f.answer->isWanted());
}

TEST(ChainWalkAsync, GoesOnAtTheDeadlineWhereThePolicyAllowsIt) {
  AsyncWalk f(FilterMode::kEnforce, OnError::kAllow);
  f.loop.advance(limits::kFilterTimeout);
  EXPECT_EQ(f.ends, 1);
  EXPECT_FALSE(f.ended.has_value());
  EXPECT_EQ(f.calls.back(), "c.head");
}

TEST(ChainWalkAsync, IgnoresAVerdictAfterTheDeadline) {
  AsyncWalk f;
  f.loop.advance(limits::kFilterTimeout);
  f.answer->resolve(Verdict::proceed());
  EXPECT_EQ(f.ends, 1);
}

TEST(ChainWalkAsync, DoesNotFireTheDeadlineOfAWaitThatIsOver) {
  AsyncWalk f;
  f.answer->resolve(Verdict::proceed());
  f.loop.advance(limits::kFilterTimeout * 2);
  EXPECT_EQ(f.ends, 1);
}

TEST(ChainWalkAsync, WaitsOnlyShortlyForAShadow) {
  AsyncWalk f(FilterMode::kShadow);
  f.loop.advance(limits::kShadowFilterTimeout);
  EXPECT_EQ(f.ends, 1);
  EXPECT_FALSE(f.ended.has_value());
  EXPECT_EQ(f.exchange.decision.shadows.at(0).reason, Reason::kFilterFailed);
}

TEST(ChainWalkAsync, RecordsAShadowThatAnswersInTime) {
  AsyncWalk f(FilterMode::kShadow);
  f.answer->resolve(Verdict::deny(Reason::kRuleDenied));
  EXPECT_FALSE(f.ended.has_value());
  EXPECT_EQ(f.exchange.decision.shadows.at(0).reason, Reason::kRuleDenied);
}

TEST(ChainWalkAsync, TakesAnAnswerThatIsAlreadyThere) {
  WalkFixture f;
  f.add("a", answeredAlready()).add("b", {});
  f.runHead();
  EXPECT_EQ(f.calls, (Calls{"a.head", "b.head"}));
  EXPECT_EQ(f.ends, 1);
}

TEST(ChainWalkAsync, DoesNotGrowTheStackWithAnswersThatAreAlreadyThere) {
  WalkFixture f;
  for (int i = 0; i < 100'000; ++i) f.add("a", answeredAlready());
  f.runHead();
  EXPECT_EQ(f.ends, 1);
}

TEST(ChainWalkAsync, MayBeDestroyedByItsEndInEveryWayToEnd) {
  const std::function<void(AsyncWalk&)> ways[] = {
      [](AsyncWalk& f) { f.answer->resolve(Verdict::proceed()); },
      [](AsyncWalk& f) { f.answer->resolve(Verdict::deny(Reason::kRuleDenied)); },
      [](AsyncWalk& f) { f.loop.advance(limits::kFilterTimeout); },
  };
  for (const auto& way : ways) {
    AsyncWalk f;
    f.at_end = [&f] { f.destroyWalk(); };
    way(f);
    EXPECT_EQ(f.ends, 1);
  }
}

TEST(ChainWalkAsync, WaitsAgainInALaterPhase) {
  WalkFixture f;
  std::optional<Answer> first, second;
  Script script = answeredBy(first);
  script.body = answeredBy(second).head;
  f.add("slow", script);
  f.runHead();
  f.loop.advance(limits::kFilterTimeout / 2);
  first->resolve(Verdict::proceed());
  f.runBody();
  f.loop.advance(limits::kFilterTimeout / 2);
  EXPECT_EQ(f.ends, 1);  // the second wait has a whole deadline of its own
  second->resolve(Verdict::proceed());
  EXPECT_EQ(f.ends, 2);
}

}  // namespace
}  // namespace edgehold
