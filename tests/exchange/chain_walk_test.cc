// SPDX-License-Identifier: Apache-2.0
// The laws of a walk in which every filter answers at once.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/exchange/scripted_filter.h"

namespace edgehold {
namespace {

TEST(ChainWalk, AsksInTheOrderOfTheChain) {
  WalkFixture f;
  f.add("a", {}).add("b", {}).add("c", {});
  f.runHead();
  EXPECT_EQ(f.calls, (Calls{"a.head", "b.head", "c.head"}));
  EXPECT_EQ(f.ends, 1);
  EXPECT_FALSE(f.ended.has_value());
}

TEST(ChainWalk, AsksOfAMessageOnlyWhoWantsThoseOfItsDirection) {
  using Direction = MessageFacts::Direction;
  for (const Direction direction : {Direction::kToUpstream, Direction::kToClient}) {
    WalkFixture f;
    f.add("none", {});
    f.add("asks", {.needs = {.ws_messages = true}});
    f.add("answers", {.needs = {.ws_answers = true}});
    f.runMessage(direction);
    f.walk().finished();
    const std::string asked = direction == Direction::kToUpstream ? "asks" : "answers";
    EXPECT_EQ(f.calls, (Calls{asked + ".message", asked + ".done"}));
    EXPECT_FALSE(f.ended.has_value());
  }
}

TEST(ChainWalk, DeniesAMessageThatSomebodyWantedHeld) {
  WalkFixture f;
  f.add("rule", {.message = [](Exchange& exchange) -> Outcome {
                   exchange.hold_wish = HoldWish{"r", "why", {}};
                   return Verdict::proceed();
                 },
                 .needs = {.ws_messages = true}});
  f.runMessage(MessageFacts::Direction::kToUpstream);
  ASSERT_TRUE(f.ended.has_value());
  EXPECT_EQ(f.reason(), Reason::kRuleDenied);
}

TEST(ChainWalk, EndsAnEmptyChainAtOnce) {
  WalkFixture f;
  f.runHead();
  f.runBody();
  EXPECT_EQ(f.ends, 2);
  EXPECT_FALSE(f.ended.has_value());
}

TEST(ChainWalk, EndsAtTheFirstDenial) {
  WalkFixture f;
  f.add("a", {}).add("b", saying(Reason::kIpDenied)).add("c", saying(Reason::kRateLimited));
  f.runHead();
  EXPECT_EQ(f.calls, (Calls{"a.head", "b.head"}));
  ASSERT_TRUE(f.ended.has_value());
  EXPECT_EQ(f.reason(), Reason::kIpDenied);
  EXPECT_EQ(f.ends, 1);
}

TEST(ChainWalk, TellsTheDecisionWhoDeniedAndWhy) {
  WalkFixture f;
  f.add("who", {.head = [](Exchange&) -> Outcome {
          return Verdict::deny(Reason::kRateLimited, "bucket is empty").byRule("per_group");
        }});
  f.runHead();
  const Decision& decision = f.exchange.decision;
  EXPECT_EQ(decision.kind, Decision::Kind::kDeny);
  EXPECT_EQ(decision.reason, Reason::kRateLimited);
  EXPECT_EQ(decision.filter, "who");
  EXPECT_EQ(decision.rule, "per_group");
  EXPECT_EQ(decision.why, "bucket is empty");
}

TEST(ChainWalk, KeepsTheRuleOfAFilterThatProceeds) {
  WalkFixture f;
  f.add("a", {.head = [](Exchange&) -> Outcome { return Verdict::proceed().byRule("row 7"); }});
  f.add("b", {});
  f.runHead();
  EXPECT_EQ(f.exchange.decision.rule, "row 7");
  EXPECT_EQ(f.exchange.decision.kind, Decision::Kind::kAllow);
}

TEST(ChainWalk, NamesTheKindOfDecisionByItsReason) {
  const std::pair<Reason, Decision::Kind> cases[] = {
      {Reason::kHeld, Decision::Kind::kHold},
      {Reason::kDuplicate, Decision::Kind::kDuplicate},
      {Reason::kAllowed, Decision::Kind::kAllow},  // a handshake that the edge answers itself
      {Reason::kRuleDenied, Decision::Kind::kDeny},
      {Reason::kSecretUnavailable, Decision::Kind::kError},  // ours, not the client's
  };
  for (const auto& [reason, kind] : cases) {
    WalkFixture f;
    f.add("a", saying(reason));
    f.runHead();
    EXPECT_EQ(f.exchange.decision.kind, kind) << reasonCode(reason);
  }
}

TEST(ChainWalk, RunsBothPhasesFromTheFront) {
  WalkFixture f;
  f.add("a", {}).add("b", {});
  f.runHead();
  f.runBody();
  EXPECT_EQ(f.calls, (Calls{"a.head", "b.head", "a.body", "b.body"}));
}

TEST(ChainWalk, DeniesWhenAFilterFails) {
  WalkFixture f;
  f.add("a", failing(Reason::kInternalError)).add("b", {});
  f.runHead();
  EXPECT_EQ(f.reason(), Reason::kFilterFailed);
  EXPECT_EQ(f.exchange.decision.kind, Decision::Kind::kError);
  EXPECT_EQ(f.exchange.decision.why, "it broke");
  EXPECT_EQ(f.calls, (Calls{"a.head"}));
}

TEST(ChainWalk, KeepsTheReasonOfASpecificFailure) {
  for (const Reason reason : {Reason::kStoreUnavailable, Reason::kRuleFailed,
                              Reason::kRuleBudgetExceeded, Reason::kSecretUnavailable}) {
    WalkFixture f;
    f.add("a", failing(reason));
    f.runHead();
    EXPECT_EQ(f.reason(), reason);
  }
}

TEST(ChainWalk, PassesAFailureOverWhereThePolicyAllowsIt) {
  WalkFixture f;
  f.add("a", failing(Reason::kStoreUnavailable), FilterMode::kEnforce, OnError::kAllow)
      .add("b", {});
  f.runHead();
  EXPECT_FALSE(f.ended.has_value());
  EXPECT_EQ(f.calls, (Calls{"a.head", "b.head"}));
  ASSERT_EQ(f.exchange.decision.shadows.size(), 1u);
  EXPECT_EQ(f.exchange.decision.shadows[0].reason, Reason::kStoreUnavailable);
  EXPECT_EQ(f.exchange.decision.why, "it broke");
}

TEST(ChainWalk, DoesNotTakeADenialForAFailure) {
  WalkFixture f;
  f.add("a", saying(Reason::kRuleDenied), FilterMode::kEnforce, OnError::kAllow);
  f.runHead();
  EXPECT_EQ(f.reason(), Reason::kRuleDenied);
}

TEST(ChainWalk, RecordsWhatAShadowSaysAndGoesOn) {
  WalkFixture f;
  f.add("a", saying(Reason::kIpDenied), FilterMode::kShadow);
  f.add("b", failing(Reason::kRuleFailed), FilterMode::kShadow);
  f.add("c", {.head = [](Exchange&) -> Outcome { return Verdict::abort(Reason::kRuleDenied); }},
        FilterMode::kShadow);
  f.add("d", {});
  f.runHead();
  EXPECT_FALSE(f.ended.has_value());
  EXPECT_EQ(f.calls.back(), "d.head");
  const auto& shadows = f.exchange.decision.shadows;
  ASSERT_EQ(shadows.size(), 3u);
  EXPECT_EQ(shadows[0].filter, "a");
  EXPECT_EQ(shadows[0].reason, Reason::kIpDenied);
  EXPECT_EQ(shadows[1].reason, Reason::kRuleFailed);
  EXPECT_EQ(shadows[2].reason, Reason::kRuleDenied);
  EXPECT_EQ(f.exchange.decision.kind, Decision::Kind::kAllow);
  EXPECT_EQ(f.exchange.decision.reason, Reason::kAllowed);
}

TEST(ChainWalk, TellsAFilterThatItIsAShadowAndNobodyElse) {
  WalkFixture f;
  std::string seen;
  const auto look = [&](Exchange& exchange) -> Outcome {
    seen += exchange.is_shadow ? 's' : 'e';
    return Verdict::proceed();
  };
  f.add("a", {.head = look}).add("b", {.head = look}, FilterMode::kShadow).add("c", {.head = look});
  f.runHead();
  EXPECT_EQ(seen, "ese");
}

TEST(ChainWalk, RecordsAShadowOnceHoweverManyPiecesPass) {
  WalkFixture f;
  FilterNeeds needs;
  needs.request_body = FilterNeeds::Body::kChunks;
  f.add("cap",
        {.chunk = [](Exchange&, auto) { return Verdict::deny(Reason::kPayloadTooLarge); },
         .needs = needs},
        FilterMode::kShadow);
  f.runHead();
  for (int i = 0; i < 100; ++i) EXPECT_FALSE(f.walk().chunk("x").has_value());
  EXPECT_EQ(f.exchange.decision.shadows.size(), 1u);
}

TEST(ChainWalk, ShowsChunksOnlyToThoseWhoDeclaredIt) {
  WalkFixture f;
  FilterNeeds chunks, whole;
  chunks.request_body = FilterNeeds::Body::kChunks;
  whole.request_body = FilterNeeds::Body::kWhole;
  f.add("none", {}).add("whole", {.needs = whole}).add("chunks", {.needs = chunks});
  f.runHead();
  f.calls.clear();
  EXPECT_FALSE(f.walk().chunk("abc").has_value());
  EXPECT_EQ(f.calls, (Calls{"chunks.chunk"}));
  EXPECT_EQ(f.chain().bodyPlan().request_body, FilterNeeds::Body::kWhole);
}

TEST(ChainWalk, EndsAtAChunkThatIsDenied) {
  WalkFixture f;
  FilterNeeds needs;
  needs.request_body = FilterNeeds::Body::kChunks;
  f.add("cap", {.chunk = [](Exchange&, auto) { return Verdict::deny(Reason::kPayloadTooLarge); },
                .needs = needs});
  f.runHead();
  const auto verdict = f.walk().chunk("abc");
  ASSERT_TRUE(verdict.has_value());
  EXPECT_EQ(verdict->reason(), Reason::kPayloadTooLarge);
  EXPECT_EQ(f.exchange.decision.filter, "cap");
}

TEST(ChainWalk, AsksOnAReleaseOnlyThoseWhoDeclaredIt) {
  WalkFixture f;
  FilterNeeds again;
  again.on_release = true;
  f.add("once", saying(Reason::kRateLimited)).add("again", {.needs = again});
  f.exchange.is_release = true;
  f.runHead();
  f.runBody();
  f.walk().finished();
  EXPECT_FALSE(f.ended.has_value());
  EXPECT_EQ(f.calls, (Calls{"again.head", "again.body", "again.done"}));
}

TEST(ChainWalk, TellsEveryAskedFilterOnceThatItIsOver) {
  WalkFixture f;
  f.add("a", {}).add("b", saying(Reason::kIpDenied)).add("c", {});
  f.runHead();
  f.calls.clear();
  f.walk().finished();
  f.walk().finished();
  EXPECT_EQ(f.calls, (Calls{"a.done", "b.done"}));
}

TEST(ChainWalk, TellsThoseWhoWereAskedInAnyPhase) {
  WalkFixture f;
  f.add("a", {.body = [](Exchange&) -> Outcome { return Verdict::deny(Reason::kRuleDenied); }});
  f.add("b", {});
  f.runHead();
  f.runBody();
  f.calls.clear();
  f.walk().finished();
  EXPECT_EQ(f.calls, (Calls{"a.done", "b.done"}));
}

TEST(ChainWalk, ShowsTheResponseHeadToAskedFiltersButNotToShadows) {
  WalkFixture f;
  f.add("a", {}).add("b", {}, FilterMode::kShadow).add("c", {});
  f.runHead();
  f.calls.clear();
  ResponseHead head;
  f.walk().responseHead(head);
  EXPECT_EQ(f.calls, (Calls{"a.response", "c.response"}));
}

TEST(ChainWalk, MayBeDestroyedByItsEnd) {
  for (const bool denies : {false, true}) {
    WalkFixture f;
    f.add("a", denies ? saying(Reason::kIpDenied) : Script{}).add("b", {});
    f.at_end = [&f] { f.destroyWalk(); };
    f.runHead();
    EXPECT_EQ(f.ends, 1);
    EXPECT_EQ(f.ended.has_value(), denies);
  }
}

TEST(ChainWalk, MayStartTheNextPhaseFromTheEndOfTheLast) {
  WalkFixture f;
  f.add("a", {});
  f.at_end = [&f] {
    if (f.ends == 1) f.runBody();
  };
  f.runHead();
  EXPECT_EQ(f.calls, (Calls{"a.head", "a.body"}));
  EXPECT_EQ(f.ends, 2);
}

TEST(ChainWalk, DeniesAWishToHoldThatNobodyActedOn) {
  WalkFixture f;
  f.add("rules", {.body = [](Exchange& exchange) -> Outcome {
          exchange.hold_wish = HoldWish{.rule = "big_send", .reason = "many", .ttl = {}};
          return Verdict::proceed();
        }});
  f.runHead();
  f.runBody();
  EXPECT_EQ(f.reason(), Reason::kRuleDenied);
  EXPECT_EQ(f.exchange.decision.rule, "big_send");
  EXPECT_EQ(f.exchange.decision.filter, "");
}

TEST(ChainWalk, TakesAWishToHoldForGrantedOnARelease) {
  WalkFixture f;
  f.exchange.is_release = true;
  f.exchange.hold_wish = HoldWish{};
  f.runHead();
  f.runBody();
  EXPECT_FALSE(f.ended.has_value());
}

TEST(FilterNeeds, AddUpToTheMostThatAnyoneWants) {
  FilterNeeds sum, whole, rest;
  whole.request_body = FilterNeeds::Body::kWhole;
  rest.request_body = FilterNeeds::Body::kChunks;
  rest.response_body = FilterNeeds::Body::kChunks;
  rest.sse_events = rest.ws_messages = rest.on_release = true;
  (sum |= whole) |= rest;
  EXPECT_EQ(sum.request_body, FilterNeeds::Body::kWhole);
  EXPECT_EQ(sum.response_body, FilterNeeds::Body::kChunks);
  EXPECT_TRUE(sum.sse_events && sum.ws_messages && sum.on_release);
}

}  // namespace
}  // namespace edgehold
