// SPDX-License-Identifier: Apache-2.0
// The laws of dedupe: once, twice at once, again after a failure.
// Thread: main only.
#include <algorithm>

#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class DedupeTest : public ::testing::Test {
 protected:
  std::unique_ptr<Passage> send(std::string_view id, std::string_view channel = "bot") {
    auto passage = f.passage();
    passage->exchange.facts.event_id = passage->exchange.keepFact(id);
    passage->exchange.facts.channel = channel;
    passage->run();
    return passage;
  }
  Instant now() const { return f.loop.clock().now(); }
  ExchangeFixture f;
};

TEST_F(DedupeTest, AnswersADuplicateAsASuccessWithoutForwarding) {
  f.add("dedupe", "{}");
  const auto first = send("e1");
  EXPECT_TRUE(first->isAllowed());
  first->commit(now());
  const auto second = send("e1");
  EXPECT_EQ(second->reason(), Reason::kDuplicate);
  EXPECT_EQ(second->exchange.decision.kind, Decision::Kind::kDuplicate);
  EXPECT_EQ(second->verdict->status(), 200);
  EXPECT_TRUE(second->exchange.settlements.empty());
  EXPECT_TRUE(send("e2")->isAllowed());
}

TEST_F(DedupeTest, LetsARetryPassAfterAFailure) {
  f.add("dedupe", "{}");
  const auto first = send("e1");
  first->release(now());
  EXPECT_TRUE(send("e1")->isAllowed());
}

TEST_F(DedupeTest, ForgetsAfterItsWindow) {
  f.add("dedupe", "{window: 10m}");
  send("e1")->commit(now());
  f.loop.advance(10min - 1ms);
  EXPECT_EQ(send("e1")->reason(), Reason::kDuplicate);
  f.loop.advance(1ms);
  EXPECT_TRUE(send("e1")->isAllowed());
}

TEST_F(DedupeTest, LetsATwinWaitForTheFirstThatSucceeds) {
  f.add("dedupe", "{}");
  const auto first = send("e1");
  const auto twin = send("e1");
  EXPECT_FALSE(twin->is_over);
  f.loop.advance(1s);
  EXPECT_FALSE(twin->is_over);
  first->commit(now());
  f.loop.advance(25ms);
  ASSERT_TRUE(twin->is_over);
  EXPECT_EQ(twin->reason(), Reason::kDuplicate);
  EXPECT_EQ(twin->verdict->status(), 200);
}

TEST_F(DedupeTest, LetsATwinGoInThePlaceOfTheFirstThatFails) {
  f.add("dedupe", "{}");
  const auto first = send("e1");
  const auto twin = send("e1");
  first->release(now());
  f.loop.advance(25ms);
  EXPECT_TRUE(twin->isAllowed());
  EXPECT_EQ(twin->exchange.settlements.size(), 1u);
  twin->commit(now());
  EXPECT_EQ(send("e1")->reason(), Reason::kDuplicate);
}

TEST_F(DedupeTest, LetsOnlyOneOfManyTwinsGo) {
  f.add("dedupe", "{}");
  const auto first = send("e1");
  std::vector<std::unique_ptr<Passage>> twins;
  for (int i = 0; i < 20; ++i) twins.push_back(send("e1"));
  first->release(now());
  f.loop.advance(100ms);
  const auto passed =
      std::count_if(twins.begin(), twins.end(), [](const auto& twin) { return twin->isAllowed(); });
  EXPECT_EQ(passed, 1);
}

TEST_F(DedupeTest, SendsATwinAwayWhenTheFirstTakesTooLong) {
  f.add("dedupe", "{wait: 2s}");
  const auto first = send("e1");
  const auto twin = send("e1");
  f.loop.advance(2s - 1ms);
  EXPECT_FALSE(twin->is_over);
  f.loop.advance(26ms);
  ASSERT_TRUE(twin->is_over);
  EXPECT_EQ(twin->verdict->status(), 409) << "a success would make the sender forget the event";
  EXPECT_EQ(twin->replyHeader("Retry-After"), "5");
}

TEST_F(DedupeTest, GivesAClaimUpWhoseHolderIsGone) {
  f.add("dedupe", "{in_flight: 1s, wait: 2s}");
  const auto first = send("e1");  // neither committed nor released
  const auto twin = send("e1");
  f.loop.advance(1s + 25ms);
  EXPECT_TRUE(twin->isAllowed());
}

TEST_F(DedupeTest, StopsWaitingWhenTheClientLeaves) {
  f.add("dedupe", "{}");
  const auto first = send("e1");
  auto twin = send("e1");
  twin.reset();
  first->release(now());
  f.loop.advance(1s);
  EXPECT_TRUE(send("e1")->isAllowed()) << "nobody claimed in the name of the gone one";
}

TEST_F(DedupeTest, KeepsChannelsAndPrincipalsApart) {
  f.add("dedupe", "{}");
  send("e1", "one")->commit(now());
  EXPECT_TRUE(send("e1", "two")->isAllowed());
  auto other = f.passage();
  other->exchange.facts.principal = "p";
  other->exchange.facts.channel = "one";
  other->exchange.facts.event_id = "e1";
  other->run();
  EXPECT_TRUE(other->isAllowed());
}

TEST_F(DedupeTest, RefusesAnEventWithoutIdUnlessToldOtherwise) {
  f.add("dedupe", "{}");
  EXPECT_EQ(send("")->reason(), Reason::kEventMissing);
  ExchangeFixture lenient;
  lenient.add("dedupe", "{id: \"header:Idempotency-Key\", required: false}");
  EXPECT_TRUE(lenient.send()->isAllowed());
}

TEST_F(DedupeTest, TakesTheIdFromAHeaderOrTheBody) {
  ExchangeFixture header;
  header.add("dedupe", "{id: \"header:Idempotency-Key\"}");
  const RequestText keyed{.headers = {{"Idempotency-Key", "k1"}}};
  header.send(keyed)->commit(header.loop.clock().now());
  EXPECT_EQ(header.send(keyed)->reason(), Reason::kDuplicate);
  EXPECT_EQ(
      header.send({.headers = {{"Idempotency-Key", "k1"}, {"Idempotency-Key", "k2"}}})->reason(),
      Reason::kMalformedRequest);
  ExchangeFixture body;
  body.add("dedupe", "{id: \"json:/id\"}");
  body.send({.body = R"({"id":7})"})->commit(body.loop.clock().now());
  EXPECT_EQ(body.send({.body = R"({"id":7})"})->reason(), Reason::kDuplicate);
  EXPECT_TRUE(body.send({.body = R"({"id":70})"})->isAllowed());
  EXPECT_EQ(body.send({.body = R"({"id":7.0})"})->reason(), Reason::kEventMissing);
}

TEST_F(DedupeTest, AnswersWithTheStatusItWasTold) {
  f.add("dedupe", "{duplicate_status: 204}");
  send("e1")->commit(now());
  const auto second = send("e1");
  EXPECT_EQ(second->verdict->status(), 204);
}

TEST_F(DedupeTest, ClaimsNothingThatBlocksInShadowMode) {
  f.add("dedupe", "{}", FilterMode::kShadow);
  send("e1")->commit(now());
  const auto second = send("e1");
  EXPECT_TRUE(second->isAllowed());
  EXPECT_EQ(second->shadowReason(), Reason::kDuplicate);
  // The same id under an enforcing filter with the same counters.
  ExchangeFixture other;
  const auto real =
      f.counters.claim(f.counters.key({"dedupe", "event_id", "bot", "bot", "", "e1"}), now(), 1s);
  EXPECT_EQ(real->state, ClaimResult::State::kClaimed);
}

TEST_F(DedupeTest, DoesNotWaitInShadowMode) {
  f.add("dedupe", "{}", FilterMode::kShadow);
  const auto first = send("e1");
  EXPECT_TRUE(send("e1")->isAllowed());
}

TEST_F(DedupeTest, FailsClosedWhenNothingMoreCanBeRemembered) {
  f.add("dedupe", "{}");
  Reason reason = Reason::kAllowed;
  for (int i = 0; i < 20'000 && reason == Reason::kAllowed; ++i) {
    reason = send("e" + std::to_string(i))->reason();
  }
  EXPECT_EQ(reason, Reason::kStoreUnavailable);
}

TEST_F(DedupeTest, RefusesMistakesInItsConfiguration) {
  for (const std::string_view config :
       {"{id: nonsense}", "{wait: 1m}", "{window: 0s}", "{duplicate_status: 404}", "{scope: world}",
        "{windw: 1m}"}) {
    f.add("dedupe", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
