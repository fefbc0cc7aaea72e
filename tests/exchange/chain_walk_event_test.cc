// SPDX-License-Identifier: Apache-2.0
// The laws of a walk over the events of an answer.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/exchange/scripted_filter.h"

namespace edgehold {
namespace {

const SseEvent kEvent{
    .raw = "data: x\n\n", .type = "message", .data = "x", .id = {}, .has_data = true};

Script onEvent(std::function<Result<Verdict>()> say) {
  return {.needs = {.sse_events = true},
          .event = [say = std::move(say)](Exchange&, const SseEvent&) { return say(); }};
}
Script passing() {
  return onEvent([] { return Verdict::proceed(); });
}
Script dropping() {
  return onEvent([] { return Verdict::deny(Reason::kRuleDenied, "not this"); });
}
Script cutting() {
  return onEvent([] { return Verdict::abort(Reason::kRuleDenied, "enough").byRule("r"); });
}
Script breaking() {
  return onEvent([]() -> Result<Verdict> { return fail(Reason::kRuleFailed, "it broke"); });
}

TEST(ChainWalkEvent, AsksOnlyWhoLooksAtEvents) {
  WalkFixture f;
  f.add("none", {}).add("a", passing()).add("b", passing());
  EXPECT_FALSE(f.walk().sseEvent(kEvent).has_value());
  EXPECT_EQ(f.calls, (Calls{"a.event", "b.event"}));
  EXPECT_TRUE(f.chain().bodyPlan().sse_events);
}

TEST(ChainWalkEvent, DropsAtTheFirstDenialAndDecidesNothing) {
  WalkFixture f;
  f.add("a", dropping()).add("b", cutting());
  const auto verdict = f.walk().sseEvent(kEvent);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->kind(), Verdict::Kind::kRespond);
  EXPECT_EQ(f.calls, (Calls{"a.event"}));
  EXPECT_EQ(f.exchange.decision.reason, Reason::kAllowed);
}

TEST(ChainWalkEvent, CutsAndSaysWho) {
  WalkFixture f;
  f.add("a", passing()).add("b", cutting());
  const auto verdict = f.walk().sseEvent(kEvent);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->kind(), Verdict::Kind::kAbort);
  EXPECT_EQ(f.exchange.decision.filter, "b");
  EXPECT_EQ(f.exchange.decision.rule, "r");
  EXPECT_EQ(f.exchange.decision.why, "enough");
}

TEST(ChainWalkEvent, CutsOnAnErrorUnlessItIsAllowed) {
  WalkFixture f;
  f.add("a", breaking());
  const auto verdict = f.walk().sseEvent(kEvent);
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->kind(), Verdict::Kind::kAbort);
  EXPECT_EQ(verdict->reason(), Reason::kRuleFailed);
  WalkFixture trusting;
  trusting.add("a", breaking(), FilterMode::kEnforce, OnError::kAllow).add("b", passing());
  EXPECT_FALSE(trusting.walk().sseEvent(kEvent).has_value());
  EXPECT_EQ(trusting.calls, (Calls{"a.event", "b.event"}));
}

TEST(ChainWalkEvent, KeepsAShadowToItself) {
  WalkFixture f;
  bool was_shadow = false;
  f.add("a",
        {.needs = {.sse_events = true},
         .event =
             [&was_shadow](Exchange& exchange, const SseEvent&) {
               was_shadow = exchange.is_shadow;
               return Verdict::deny(Reason::kRuleDenied);
             }},
        FilterMode::kShadow)
      .add("b", breaking(), FilterMode::kShadow);
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(f.walk().sseEvent(kEvent).has_value());
  EXPECT_TRUE(was_shadow);
  EXPECT_FALSE(f.exchange.is_shadow);
  EXPECT_EQ(f.exchange.decision.shadows.size(), 2u) << "each once, however long the stream";
}

}  // namespace
}  // namespace edgehold
