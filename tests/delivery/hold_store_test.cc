// SPDX-License-Identifier: Apache-2.0
// The laws of keeping, showing and deciding holds.
// Thread: main only.
#include "proxy/delivery/hold_store.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/observe/redact.h"
#include "tests/delivery/hold_fixture.h"

namespace edgehold {
namespace {

using HoldStoreTest = HoldFixture;
using testing::HasSubstr;
using testing::Not;
using testing::Pair;
using testing::UnorderedElementsAre;

TEST_F(HoldStoreTest, KeepsTheExactRequest) {
  const HoldTicket ticket = held();
  const auto record = parseHoldRecord(kept(ticket.approval_id).body);
  ASSERT_TRUE(record.has_value());
  EXPECT_EQ(record->request.method, "POST");
  EXPECT_EQ(record->request.target, "/broadcast?token=abc");
  EXPECT_EQ(record->request.authority, "bot.example");
  EXPECT_EQ(record->request.body, kHeldBody);
  EXPECT_EQ(record->request.headers.size(), 2u);
  EXPECT_EQ(record->request.headers[1].second, kHeldSecret);
  EXPECT_EQ(record->request.principal, "qq");
  EXPECT_EQ(record->request.approval_id, ticket.approval_id);
  EXPECT_EQ(record->digest, digestOf(record->request));
}

TEST_F(HoldStoreTest, GivesATicketOnlyWhenItIsKept) {
  ledger_.setUnavailable(true);
  const auto ticket =
      await(store_.hold(exchange_, {.ttl = seconds(9), .rule = {}, .reason = {}}, loop_, random_));
  ASSERT_FALSE(ticket.has_value());
  EXPECT_EQ(ticket.error().reason, Reason::kStoreUnavailable);
  EXPECT_EQ(store_.pendingCount(), 0);
}

TEST_F(HoldStoreTest, KeepsTheHashOfTheTokenAndNotTheToken) {
  const HoldTicket ticket = held();
  const LedgerRecord record = kept(ticket.approval_id);
  EXPECT_THAT(record.body + record.summary, Not(HasSubstr(ticket.status_token)));
  EXPECT_EQ(ticket.status_token.size(), 32u);
}

TEST_F(HoldStoreTest, RefusesOneHoldPastItsBound) {
  store_.noteCounts({{"pending", limits::kHoldsPendingMax - 1}});
  held();
  const auto refused =
      await(store_.hold(exchange_, {.ttl = seconds(9), .rule = {}, .reason = {}}, loop_, random_));
  ASSERT_FALSE(refused.has_value());
  EXPECT_EQ(refused.error().reason, Reason::kOverloaded);
}

TEST_F(HoldStoreTest, ForgetsAHoldWhoseClientHasLeft) {
  {
    const auto abandoned =
        store_.hold(exchange_, {.ttl = seconds(9), .rule = {}, .reason = {}}, loop_, random_);
  }
  loop_.settle();
  EXPECT_TRUE(await(store_.list(loop_, {}))->empty());
  EXPECT_EQ(store_.pendingCount(), 0);
}

TEST_F(HoldStoreTest, ListsWithoutSecrets) {
  const HoldTicket ticket = held();
  const auto entries = await(store_.list(loop_, {.state = HoldState::kPending, .after_id = {}}));
  ASSERT_TRUE(entries.has_value());
  ASSERT_EQ(entries->size(), 1u);
  const HoldEntry& entry = entries->front();
  EXPECT_EQ(entry.approval_id, ticket.approval_id);
  EXPECT_EQ(entry.summary.target, "/broadcast?token=[redacted]");
  EXPECT_EQ(entry.summary.rule, "mass_send");
  EXPECT_EQ(entry.summary.reason, "to all");
  EXPECT_EQ(entry.summary.body_bytes, kHeldBody.size());
  EXPECT_TRUE(await(store_.list(loop_, {.state = HoldState::kDone, .after_id = {}}))->empty());
}

TEST_F(HoldStoreTest, ShowsTheBodyAndRedactsSecretHeaders) {
  const auto details = await(store_.show(loop_, held().approval_id));
  ASSERT_TRUE(details.has_value());
  EXPECT_EQ(details->body, kHeldBody);
  EXPECT_THAT(details->headers,
              UnorderedElementsAre(Pair("Content-Type", "application/json"),
                                   Pair("Authorization", std::string(kRedacted))));
}

TEST_F(HoldStoreTest, KnowsNoHoldOfAnotherKind) {
  LedgerRecord job;
  job.kind = "job";
  job.id = "j1";
  job.state = "pending";
  ASSERT_TRUE(await(ledger_.insert(loop_, job))->isWritten());
  for (const char* id : {"j1", "apr_none", ""}) {
    EXPECT_EQ(await(store_.show(loop_, id)).error().reason, Reason::kHoldNotFound);
    EXPECT_EQ(approve(id).error().reason, Reason::kHoldNotFound);
    EXPECT_EQ(await(store_.findByToken(loop_, id, "t")).error().reason, Reason::kHoldNotFound);
  }
}

TEST_F(HoldStoreTest, NotesWhoApprovedAndWhy) {
  const HoldTicket ticket = held();
  const auto entry = approve(ticket.approval_id);
  ASSERT_TRUE(entry.has_value());
  EXPECT_EQ(entry->state, HoldState::kApproved);
  const auto shown = await(store_.show(loop_, ticket.approval_id));
  EXPECT_EQ(shown->entry.summary.decided_by, "ann");
  EXPECT_EQ(shown->entry.summary.decided_reason, "checked");
  EXPECT_EQ(store_.pendingCount(), 0);
}

TEST_F(HoldStoreTest, DecidesOnce) {
  const HoldTicket ticket = held();
  EXPECT_TRUE(deny(ticket.approval_id).has_value());
  EXPECT_EQ(approve(ticket.approval_id).error().reason, Reason::kHoldDecided);
  EXPECT_EQ(deny(ticket.approval_id).error().reason, Reason::kHoldDecided);
  EXPECT_EQ(fate(ticket).reason, Reason::kHoldDenied);
}

TEST_F(HoldStoreTest, LetsOneOfTwoApproversWin) {
  const HoldTicket ticket = held();
  HoldStore other(ledger_);
  int wins = 0;
  auto yes = store_.approve(loop_, ticket.approval_id, {.by = "a", .reason = "r"});
  auto no = other.deny(loop_, ticket.approval_id, {.by = "b", .reason = "r"});
  const auto count = [&wins](const Result<HoldEntry>& entry) { wins += entry.has_value() ? 1 : 0; };
  yes.then(count);
  no.then(count);
  loop_.settle();
  EXPECT_EQ(wins, 1);
}

TEST_F(HoldStoreTest, WantsAReasonOfBoundedLength) {
  const HoldTicket ticket = held();
  for (const HoldRuling& ruling :
       {HoldRuling{"ann", ""}, HoldRuling{"ann", std::string(limits::kHoldRulingBytesMax + 1, 'x')},
        HoldRuling{std::string(limits::kHoldRulingBytesMax + 1, 'x'), "r"}}) {
    EXPECT_EQ(await(store_.approve(loop_, ticket.approval_id, ruling)).error().reason,
              Reason::kMalformedRequest);
  }
  EXPECT_TRUE(await(store_.approve(loop_, ticket.approval_id,
                                   {"ann", std::string(limits::kHoldRulingBytesMax, 'x')}))
                  .has_value());
}

TEST_F(HoldStoreTest, ForgetsTheContentOfADeniedRequest) {
  const HoldTicket ticket = held();
  ASSERT_TRUE(deny(ticket.approval_id).has_value());
  EXPECT_THAT(kept(ticket.approval_id).body, Not(HasSubstr("s3cr3t")));
  EXPECT_TRUE(await(store_.show(loop_, ticket.approval_id))->is_forgotten);
}

TEST_F(HoldStoreTest, TakesSilenceForNo) {
  const HoldTicket ticket = held(seconds(10));
  loop_.advance(seconds(10) - std::chrono::milliseconds(1));
  EXPECT_EQ(fate(ticket).reason, Reason::kHoldPending);
  loop_.advance(std::chrono::milliseconds(1));
  EXPECT_EQ(fate(ticket).reason, Reason::kHoldExpired);
  EXPECT_EQ(approve(ticket.approval_id).error().reason, Reason::kHoldExpired);
  EXPECT_EQ(kept(ticket.approval_id).state, "expired");
  EXPECT_EQ(store_.pendingCount(), 0);
}

TEST_F(HoldStoreTest, TellsNothingToAWrongToken) {
  const HoldTicket ticket = held();
  for (const std::string& token : {std::string(), ticket.status_token.substr(1),
                                   ticket.status_token + "0", ticket.approval_id}) {
    EXPECT_EQ(await(store_.findByToken(loop_, ticket.approval_id, token)).error().reason,
              Reason::kHoldNotFound);
  }
}

TEST_F(HoldStoreTest, DoesNotTellTheRequesterThatItIsApprovedBeforeTheAnswer) {
  const HoldTicket ticket = held();
  ASSERT_TRUE(approve(ticket.approval_id).has_value());
  EXPECT_EQ(fate(ticket).reason, Reason::kHoldPending);
}

TEST_F(HoldStoreTest, RendersCountsByState) {
  store_.noteCounts({{"pending", 3}, {"denied", 1}});
  Exposition out;
  store_.render(out);
  EXPECT_THAT(out.text(), HasSubstr("edgehold_holds{state=\"pending\"} 3\n"));
  EXPECT_THAT(out.text(), HasSubstr("edgehold_holds{state=\"denied\"} 1\n"));
  EXPECT_THAT(out.text(), HasSubstr("edgehold_holds{state=\"executing\"} 0\n"));
}

}  // namespace
}  // namespace edgehold
