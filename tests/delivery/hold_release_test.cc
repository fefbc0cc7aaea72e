// SPDX-License-Identifier: Apache-2.0
// The laws of release: what was approved is sent as it was, once or not at all.
// Thread: main only.
#include "proxy/delivery/hold_release.h"

#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/delivery/hold_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;

// Keeps what it is asked, and answers when the test says so.
class FakeExecutor final : public HoldRelease::Executor {
 public:
  void execute(StoredRequest request, std::function<void(ExecutionResult)> done) override {
    requests.push_back(std::move(request));
    dones.push_back(std::move(done));
  }
  std::vector<StoredRequest> requests;
  std::vector<std::function<void(ExecutionResult)>> dones;
};

ExecutionResult answered(std::string body = "sent") {
  return {.reason = Reason::kReleased,
          .was_sent = true,
          .answer = {.status = 201, .content_type = "text/plain", .body = std::move(body)}};
}

class HoldReleaseTest : public HoldFixture {
 protected:
  std::unique_ptr<HoldRelease> start() {
    auto release = std::make_unique<HoldRelease>(loop_, store_, ledger_, executor_);
    loop_.settle();
    return release;
  }
  HoldTicket approved() {
    HoldTicket ticket = held();
    EXPECT_TRUE(approve(ticket.approval_id).has_value());
    loop_.settle();
    return ticket;
  }
  std::string stateOf(const HoldTicket& ticket) { return kept(ticket.approval_id).state; }
  void answer(std::size_t index, ExecutionResult result) {
    executor_.dones[index](std::move(result));
    loop_.settle();
  }
  FakeExecutor executor_;
};

TEST_F(HoldReleaseTest, SendsWhatWasHeldAndKeepsTheAnswer) {
  const auto release = start();
  const HoldTicket ticket = held();
  loop_.settle();
  EXPECT_TRUE(executor_.requests.empty()) << "sent without a yes";
  ASSERT_TRUE(approve(ticket.approval_id).has_value());
  loop_.settle();
  ASSERT_EQ(executor_.requests.size(), 1u);
  EXPECT_EQ(stateOf(ticket), "executing");
  EXPECT_EQ(executor_.requests[0].body, kHeldBody);
  EXPECT_EQ(executor_.requests[0].headers[1].second, kHeldSecret);
  EXPECT_EQ(executor_.requests[0].approved_by, "ann");
  answer(0, answered());
  const HoldFate end = fate(ticket);
  EXPECT_EQ(end.state, HoldState::kDone);
  EXPECT_EQ(end.reason, Reason::kReleased);
  ASSERT_TRUE(end.answer.has_value());
  EXPECT_EQ(end.answer->status, 201);
  EXPECT_EQ(end.answer->body, "sent");
  EXPECT_FALSE(end.answer->is_cut);
  EXPECT_THAT(kept(ticket.approval_id).body, Not(HasSubstr("s3cr3t")));
}

TEST_F(HoldReleaseTest, CutsAnAnswerPastItsBound) {
  const auto release = start();
  const HoldTicket whole = approved(), cut = approved();
  answer(0, answered(std::string(limits::kHoldAnswerBytesMax, 'x')));
  answer(1, answered(std::string(limits::kHoldAnswerBytesMax + 1, 'x')));
  EXPECT_FALSE(fate(whole).answer->is_cut);
  EXPECT_TRUE(fate(cut).answer->is_cut);
  EXPECT_EQ(fate(cut).answer->body.size(), limits::kHoldAnswerBytesMax);
}

TEST_F(HoldReleaseTest, SendsOnceHoweverManyDesksRace) {
  const auto one = start();
  HoldStore other_store(ledger_);
  FakeExecutor other_executor;
  const HoldRelease other(loop_, other_store, ledger_, other_executor);
  loop_.settle();
  for (int i = 0; i < 10; ++i) approved();
  loop_.advance(seconds(30));
  EXPECT_EQ(executor_.requests.size() + other_executor.requests.size(), 10u);
}

TEST_F(HoldReleaseTest, NeverSendsAgainWhatItIsStillSending) {
  const auto release = start();
  approved();
  loop_.advance(seconds(600));
  EXPECT_EQ(executor_.requests.size(), 1u);
}

TEST_F(HoldReleaseTest, TakesUpWhatWasApprovedBeforeItStarted) {
  const HoldTicket ticket = approved();
  const auto release = start();
  EXPECT_EQ(executor_.requests.size(), 1u);
}

TEST_F(HoldReleaseTest, CallsUnknownWhatACrashInterruptedAndNeverSendsItAgain) {
  auto first_life = start();
  const HoldTicket ticket = approved();
  ASSERT_EQ(stateOf(ticket), "executing");
  first_life.reset();
  const auto second_life = start();
  loop_.advance(seconds(60));
  EXPECT_EQ(stateOf(ticket), "unknown");
  EXPECT_EQ(fate(ticket).reason, Reason::kHoldOutcomeUnknown);
  EXPECT_EQ(executor_.requests.size(), 1u);
  const auto shown = await(store_.show(loop_, ticket.approval_id));
  EXPECT_EQ(shown->entry.summary.rule, "mass_send") << "what it was is still shown";
  answer(0, answered());  // of the first life, too late
  EXPECT_EQ(stateOf(ticket), "unknown");
}

TEST_F(HoldReleaseTest, TakesUpWhatWasApprovedAsSoonAsTheInterruptedAreSettled) {
  auto first_life = start();
  const HoldTicket one = approved(), two = approved();
  first_life.reset();
  const HoldTicket waiting = approved();
  ASSERT_EQ(executor_.requests.size(), 2u);
  const auto second_life = start();  // without waiting for a sweep
  EXPECT_EQ(stateOf(one), "unknown");
  EXPECT_EQ(stateOf(two), "unknown");
  ASSERT_EQ(executor_.requests.size(), 3u);
  EXPECT_EQ(executor_.requests[2].approval_id, waiting.approval_id);
}

TEST_F(HoldReleaseTest, EndsWhatNobodyDecides) {
  const auto release = start();
  const HoldTicket ticket = held(seconds(10));
  loop_.advance(seconds(9));
  EXPECT_EQ(stateOf(ticket), "pending");
  loop_.advance(seconds(2));
  EXPECT_EQ(stateOf(ticket), "expired");
  EXPECT_EQ(approve(ticket.approval_id).error().reason, Reason::kHoldExpired);
  loop_.advance(seconds(60));
  EXPECT_TRUE(executor_.requests.empty());
}

// The wall clock is set while holds wait: they keep their terms, by the clock that does not jump.
TEST_F(HoldReleaseTest, AWallClockThatJumpsNeitherEndsNorProlongsAHold) {
  const SteadyTime time({loop_.clock().now(), loop_.clock().wallNow()});
  for (const Duration jump : {Duration(1h), Duration(-1h)}) {
    HoldStore store(ledger_, time);
    const HoldRelease release(loop_, store, ledger_, executor_);
    const auto ticket =
        await(store.hold(exchange_, {.ttl = 15min, .rule = "r", .reason = "x"}, loop_, random_));
    loop_.fakeClock().jumpWall(jump);
    loop_.advance(14min);
    EXPECT_EQ(stateOf(*ticket), "pending");
    const auto fate = await(store.findByToken(loop_, ticket->approval_id, ticket->status_token));
    EXPECT_EQ(fate->state, HoldState::kPending);
    const Duration left = fate->expires - loop_.clock().wallNow();  // told on the clock of now
    EXPECT_LE(left, 1min);
    EXPECT_GE(left, 1min - 2ms);
    loop_.advance(1min + 2 * limits::kHoldSweepInterval);
    EXPECT_EQ(stateOf(*ticket), "expired");
  }
}

TEST_F(HoldReleaseTest, AHoldMayBeApprovedAfterTheWallClockJumped) {
  HoldStore store(ledger_, SteadyTime({loop_.clock().now(), loop_.clock().wallNow()}));
  const HoldRelease release(loop_, store, ledger_, executor_);
  const auto ticket =
      await(store.hold(exchange_, {.ttl = 15min, .rule = "r", .reason = "x"}, loop_, random_));
  loop_.fakeClock().jumpWall(1h);
  EXPECT_TRUE(await(store.approve(loop_, ticket->approval_id, {.by = "ann", .reason = "yes"})));
  loop_.settle();
  EXPECT_EQ(executor_.requests.size(), 1u);
}

TEST_F(HoldReleaseTest, DoesNotSendAYesThatHasGoneStale) {
  const HoldTicket ticket = held(seconds(10));
  ASSERT_TRUE(approve(ticket.approval_id).has_value());
  loop_.advance(seconds(10) + limits::kHoldReleaseGrace);
  const auto release = start();
  EXPECT_TRUE(executor_.requests.empty());
  EXPECT_EQ(stateOf(ticket), "expired");
}

TEST_F(HoldReleaseTest, DoesNotSendWhatDiffersFromItsDigest) {
  const HoldTicket ticket = held();
  auto record = *parseHoldRecord(kept(ticket.approval_id).body);
  record.request.body += "!";
  tamper(ticket.approval_id, encodeHoldRecord(record));
  const auto release = start();
  ASSERT_TRUE(approve(ticket.approval_id).has_value());
  loop_.settle();
  EXPECT_TRUE(executor_.requests.empty());
  EXPECT_EQ(stateOf(ticket), "failed");
}

TEST_F(HoldReleaseTest, DoesNotSendTheRequestOfAnotherHold) {
  const HoldTicket one = held(), other = held();
  tamper(one.approval_id, kept(other.approval_id).body);
  const auto release = start();
  ASSERT_TRUE(approve(one.approval_id).has_value());
  loop_.settle();
  EXPECT_TRUE(executor_.requests.empty());
  EXPECT_EQ(stateOf(one), "failed");
}

TEST_F(HoldReleaseTest, DoesNotSendWhatItCannotRead) {
  const HoldTicket ticket = held();
  tamper(ticket.approval_id, "junk");
  const auto release = start();
  ASSERT_TRUE(approve(ticket.approval_id).has_value());
  loop_.settle();
  EXPECT_TRUE(executor_.requests.empty());
  EXPECT_EQ(stateOf(ticket), "failed");
  EXPECT_EQ(kept(ticket.approval_id).body, "junk") << "left for whoever looks into it";
}

TEST_F(HoldReleaseTest, TellsWhenTheCurrentPolicyRefuses) {
  const auto release = start();
  const HoldTicket ticket = approved();
  answer(0, {.reason = Reason::kPolicyChanged, .was_sent = false, .answer = {}});
  EXPECT_EQ(stateOf(ticket), "failed");
  EXPECT_EQ(fate(ticket).reason, Reason::kPolicyChanged);
}

TEST_F(HoldReleaseTest, CallsUnknownWhatWasSentWithoutAnAnswer) {
  const auto release = start();
  const HoldTicket ticket = approved();
  answer(0, {.reason = Reason::kUpstreamTimeout, .was_sent = true, .answer = {}});
  EXPECT_EQ(stateOf(ticket), "unknown");
  loop_.advance(seconds(60));
  EXPECT_EQ(executor_.requests.size(), 1u);
}

TEST_F(HoldReleaseTest, KeepsTheYesWhenItIsDraining) {
  const auto release = start();
  const HoldTicket ticket = approved();
  answer(0, {.reason = Reason::kDraining, .was_sent = false, .answer = {}});
  EXPECT_EQ(stateOf(ticket), "approved");
  loop_.advance(seconds(2));
  EXPECT_EQ(executor_.requests.size(), 2u);
}

TEST_F(HoldReleaseTest, WritesTheEndOnceTheStoreIsBack) {
  const auto release = start();
  const HoldTicket ticket = approved();
  ledger_.setUnavailable(true);
  answer(0, answered());
  loop_.advance(seconds(5));
  ledger_.setUnavailable(false);
  EXPECT_EQ(stateOf(ticket), "executing");
  loop_.advance(seconds(2));
  EXPECT_EQ(stateOf(ticket), "done");
  EXPECT_EQ(executor_.requests.size(), 1u);
}

TEST_F(HoldReleaseTest, SendsNothingWhileTheStoreIsAwayAtTheStart) {
  const HoldTicket ticket = approved();
  ledger_.setUnavailable(true);
  const auto release = start();
  loop_.advance(seconds(5));
  EXPECT_TRUE(executor_.requests.empty());
  ledger_.setUnavailable(false);
  loop_.advance(seconds(3));
  EXPECT_EQ(executor_.requests.size(), 1u);
}

TEST_F(HoldReleaseTest, SendsOnlySoManyAtOnceAndTheRestLater) {
  const auto release = start();
  for (std::size_t i = 0; i <= limits::kHoldsReleasingMax; ++i) approved();
  loop_.advance(seconds(3));
  EXPECT_EQ(executor_.requests.size(), limits::kHoldsReleasingMax);
  answer(0, answered());
  loop_.advance(seconds(2));
  EXPECT_EQ(executor_.requests.size(), limits::kHoldsReleasingMax + 1);
}

TEST_F(HoldReleaseTest, ErasesASettledHoldAfterAWhile) {
  const auto release = start();
  const HoldTicket ticket = approved();
  answer(0, answered());
  loop_.advance(limits::kHoldKept - seconds(5));
  EXPECT_EQ(stateOf(ticket), "done");
  loop_.advance(seconds(10));
  EXPECT_EQ(await(store_.show(loop_, ticket.approval_id)).error().reason, Reason::kHoldNotFound);
}

TEST_F(HoldReleaseTest, MayGoWhileAnAnswerIsOnItsWay) {
  auto release = start();
  approved();
  executor_.dones[0](answered());
  release.reset();
  loop_.settle();
}

TEST_F(HoldReleaseTest, CountsTheStates) {
  const auto release = start();
  held();
  loop_.advance(seconds(30));
  EXPECT_EQ(store_.pendingCount(), 1);
}

}  // namespace
}  // namespace edgehold
