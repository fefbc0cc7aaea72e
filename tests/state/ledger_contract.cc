// SPDX-License-Identifier: Apache-2.0
// The laws of Ledger, for every implementation.
// Thread: main only.
#include "tests/state/ledger_contract.h"

#include <thread>

#include "proxy/base/limits.h"

namespace edgehold {

GTEST_ALLOW_UNINSTANTIATED_PARAMETERIZED_TEST(LedgerContract);

namespace {

using namespace std::chrono_literals;
using Outcome = LedgerWrite::Outcome;

TEST_P(LedgerContract, GivesBackWhatWasInserted) {
  LedgerRecord record = ledgerRecord("a");
  record.lane = "group \xE4\xBD\xA0";
  record.due = now + 5ms;
  record.expires = now + 10s;
  record.summary = "who and what";
  record.body = std::string("\0bytes\xFF", 7);
  const auto written = insert(record);
  ASSERT_TRUE(written);
  EXPECT_EQ(written->outcome, Outcome::kWritten);
  EXPECT_EQ(written->version, 1u);
  const LedgerRecord got = get("a");
  EXPECT_EQ(got.kind, "hold");
  EXPECT_EQ(got.lane, record.lane);
  EXPECT_EQ(got.state, "pending");
  EXPECT_EQ(got.due, record.due);
  EXPECT_EQ(got.expires, record.expires);
  EXPECT_EQ(got.summary, record.summary);
  EXPECT_EQ(got.body, record.body);
  EXPECT_EQ(got.body_bytes, 7u);
  EXPECT_EQ(got.version, 1u);
}

TEST_P(LedgerContract, AnIdIsInsertedOnce) {
  ASSERT_TRUE(insert(ledgerRecord("a")));
  LedgerRecord other = ledgerRecord("a", "approved");
  other.kind = "job";
  const auto again = insert(other);
  ASSERT_TRUE(again);
  EXPECT_EQ(again->outcome, Outcome::kConflict);
  EXPECT_EQ(again->version, 1u);
  EXPECT_EQ(get("a").state, "pending");
}

TEST_P(LedgerContract, AnUnknownIdIsNothing) {
  EXPECT_FALSE(loop.await(ledger->get(loop, "absent")).value());
  EXPECT_EQ(change("absent", 1, "x")->outcome, Outcome::kMissing);
  EXPECT_EQ(loop.await(ledger->erase(loop, "absent", 1))->outcome, Outcome::kMissing);
}

TEST_P(LedgerContract, ChangesOnlyTheExpectedVersion) {
  ASSERT_TRUE(insert(ledgerRecord("a")));
  const auto first = change("a", 1, "approved");
  EXPECT_EQ(first->outcome, Outcome::kWritten);
  EXPECT_EQ(first->version, 2u);
  const auto late = change("a", 1, "denied");
  EXPECT_EQ(late->outcome, Outcome::kConflict);
  EXPECT_EQ(late->version, 2u);
  EXPECT_EQ(get("a").state, "approved");
}

TEST_P(LedgerContract, AChangeKeepsWhatItDoesNotName) {
  LedgerRecord record = ledgerRecord("a");
  record.due = now;
  record.expires = now + 1s;
  record.summary = "summary";
  record.body = "body";
  ASSERT_TRUE(insert(record));
  ASSERT_TRUE(change("a", 1, "approved"));
  EXPECT_EQ(get("a").due, record.due);
  EXPECT_EQ(get("a").expires, record.expires);
  EXPECT_EQ(get("a").summary, "summary");
  EXPECT_EQ(get("a").body, "body");
}

TEST_P(LedgerContract, AChangeSetsAndClearsWhatItNames) {
  LedgerRecord record = ledgerRecord("a");
  record.due = now;
  record.summary = "summary";
  record.body = "body";
  ASSERT_TRUE(insert(record));
  LedgerChange change{"a", 1, "done", {std::optional<WallTime>()}, now + 7s, "", "answer"};
  ASSERT_TRUE(loop.await(ledger->compareAndSet(loop, change))->isWritten());
  const LedgerRecord got = get("a");
  EXPECT_EQ(got.due, std::nullopt);
  EXPECT_EQ(got.expires, now + 7s);
  EXPECT_EQ(got.summary, "");
  EXPECT_EQ(got.body, "answer");
  EXPECT_EQ(got.body_bytes, 6u);
}

TEST_P(LedgerContract, ErasesOnlyTheExpectedVersion) {
  ASSERT_TRUE(insert(ledgerRecord("a")));
  EXPECT_EQ(loop.await(ledger->erase(loop, "a", 2))->outcome, Outcome::kConflict);
  EXPECT_EQ(loop.await(ledger->erase(loop, "a", 1))->outcome, Outcome::kWritten);
  EXPECT_FALSE(loop.await(ledger->get(loop, "a")).value());
  EXPECT_TRUE(insert(ledgerRecord("a"))->isWritten());
}

TEST_P(LedgerContract, ListsByKindAndStateInPages) {
  for (const char* id : {"c", "a", "e", "b", "d"}) {
    ASSERT_TRUE(insert(ledgerRecord(id, *id == 'b' ? "denied" : "pending")));
  }
  LedgerRecord job = ledgerRecord("bb");
  job.kind = "job";
  ASSERT_TRUE(insert(job));
  EXPECT_EQ(listIds({}), "a b c d e");
  EXPECT_EQ(listIds({.kind = "", .state = "pending", .after_id = "", .limit = 2}), "a c");
  EXPECT_EQ(listIds({.kind = "", .state = "pending", .after_id = "c", .limit = 2}), "d e");
  EXPECT_EQ(listIds({.kind = "", .state = "pending", .after_id = "e", .limit = 2}), "");
  EXPECT_EQ(listIds({.kind = "", .state = "none", .after_id = "", .limit = 2}), "");
}

TEST_P(LedgerContract, ListsWithoutBodiesButWithTheirSizes) {
  LedgerRecord record = ledgerRecord("a");
  record.body = std::string(100'000, 'b');
  ASSERT_TRUE(insert(record));
  const auto rows = loop.await(ledger->list(loop, {.kind = "hold", .state = {}, .after_id = ""}));
  ASSERT_EQ(rows->size(), 1u);
  EXPECT_EQ(rows->front().body, "");
  EXPECT_EQ(rows->front().body_bytes, 100'000u);
}

TEST_P(LedgerContract, IsDueFromTheInstantOn) {
  LedgerRecord record = ledgerRecord("a");
  record.due = now + 5ms;
  ASSERT_TRUE(insert(record));
  ASSERT_TRUE(insert(ledgerRecord("never")));
  EXPECT_EQ(dueIds(now + 4ms), "");
  EXPECT_EQ(dueIds(now + 5ms), "a");
}

TEST_P(LedgerContract, IsFairBetweenLanes) {
  const auto add = [&](std::string id, std::string lane, Duration due) {
    LedgerRecord record = ledgerRecord(std::move(id));
    record.lane = std::move(lane);
    record.due = now + due;
    ASSERT_TRUE(insert(record));
  };
  for (int i = 0; i < 5; ++i) add("flood" + std::to_string(i), "loud", Duration(i * 1ms));
  add("quiet0", "quiet", 10ms);
  add("quiet1", "quiet", 11ms);
  add("other0", "other", 9ms);
  EXPECT_EQ(dueIds(now + 1s), "flood0 other0 quiet0 flood1 quiet1 flood2 flood3 flood4");
  EXPECT_EQ(dueIds(now + 1s, 3), "flood0 other0 quiet0");
}

TEST_P(LedgerContract, CountsByState) {
  ASSERT_TRUE(insert(ledgerRecord("a")));
  ASSERT_TRUE(insert(ledgerRecord("b")));
  ASSERT_TRUE(insert(ledgerRecord("c", "approved")));
  const auto counts = loop.await(ledger->countByState(loop, "hold"));
  EXPECT_EQ(*counts, (std::vector<LedgerStateCount>{{"approved", 1}, {"pending", 2}}));
  EXPECT_TRUE(loop.await(ledger->countByState(loop, "job"))->empty());
}

TEST_P(LedgerContract, TellsWatchersOfEachChangeOfTheirKindInOrder) {
  std::vector<std::string> heard;
  auto watch = ledger->watch("hold", loop, [&](const LedgerEvent& event) {
    heard.push_back(event.id + ":" + event.state + ":" + std::to_string(event.version));
  });
  LedgerRecord job = ledgerRecord("j");
  job.kind = "job";
  ASSERT_TRUE(insert(job));
  ASSERT_TRUE(insert(ledgerRecord("a")));
  ASSERT_TRUE(change("a", 1, "approved"));
  ASSERT_TRUE(change("a", 1, "denied"));  // a conflict changes nothing
  ASSERT_TRUE(loop.await(ledger->erase(loop, "a", 2)));
  loop.runUntil([&] { return heard.size() >= 3; });
  EXPECT_EQ(heard, (std::vector<std::string>{"a:pending:1", "a:approved:2", "a::0"}));
}

TEST_P(LedgerContract, AWatchThatIsGoneHearsNothing) {
  int heard = 0;
  auto watch = ledger->watch("hold", loop, [&](const LedgerEvent&) { ++heard; });
  watch.reset();
  ASSERT_TRUE(insert(ledgerRecord("a")));
  EXPECT_EQ(get("a").version, 1u);
  EXPECT_EQ(heard, 0);
}

TEST_P(LedgerContract, RefusesRecordsPastTheirBounds) {
  const auto reasonOf = [&](const LedgerRecord& record) {
    const auto written = insert(record);
    return written ? Reason::kAllowed : written.error().reason;
  };
  EXPECT_EQ(reasonOf(ledgerRecord("")), Reason::kInternalError);
  EXPECT_EQ(reasonOf(ledgerRecord("a", "")), Reason::kInternalError);
  EXPECT_EQ(reasonOf(ledgerRecord("\xFF")), Reason::kInternalError);
  EXPECT_EQ(reasonOf(ledgerRecord(std::string("a\0b", 3))), Reason::kInternalError);
  EXPECT_EQ(reasonOf(ledgerRecord(std::string(limits::kLedgerNameBytesMax, 'i'))),
            Reason::kAllowed);
  EXPECT_EQ(reasonOf(ledgerRecord(std::string(limits::kLedgerNameBytesMax + 1, 'i'))),
            Reason::kInternalError);
  LedgerRecord record = ledgerRecord("b");
  record.summary = std::string(limits::kLedgerSummaryBytesMax + 1, 's');
  EXPECT_EQ(reasonOf(record), Reason::kPayloadTooLarge);
  record.summary.pop_back();
  EXPECT_EQ(reasonOf(record), Reason::kAllowed);
}

TEST_P(LedgerContract, TakesTheLargestBodyAndNotOneByteMore) {
  LedgerRecord record = ledgerRecord("a");
  record.body = std::string(limits::kBufferedBodyBytesCeiling, 'b');
  EXPECT_TRUE(insert(record)->isWritten());
  EXPECT_EQ(get("a").body.size(), limits::kBufferedBodyBytesCeiling);
  record.id = "b";
  record.body += 'b';
  EXPECT_EQ(insert(record).error().reason, Reason::kPayloadTooLarge);
}

TEST_P(LedgerContract, AnAbandonedRequestIsStillCarriedOut) {
  { const auto abandoned = ledger->insert(loop, ledgerRecord("a")); }
  EXPECT_EQ(get("a").version, 1u);
}

// Four loops race for the same compare-and-set, 50 times: one wins each.
TEST_P(LedgerContract, OneOfManyThreadsWinsEachChange) {
  for (int i = 0; i < 50; ++i) ASSERT_TRUE(insert(ledgerRecord("r" + std::to_string(i))));
  std::atomic<int> won = 0;
  const auto race = [&] {
    MailboxLoop own;
    for (int i = 0; i < 50; ++i) {
      LedgerChange change;
      change.id = "r" + std::to_string(i);
      change.expected_version = 1;
      change.state = "taken";
      won += own.await(ledger->compareAndSet(own, change))->isWritten() ? 1 : 0;
    }
  };
  std::vector<std::thread> threads;
  for (int i = 0; i < 4; ++i) threads.emplace_back(race);
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQ(won, 50);
}

}  // namespace
}  // namespace edgehold
