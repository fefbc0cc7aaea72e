// SPDX-License-Identifier: Apache-2.0
// A user's sessions end all at once, everywhere, and stay ended.
// Thread: main only.
#include "proxy/state/user_sessions.h"

#include <filesystem>
#include <optional>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/state/memory_ledger.h"
#include "tests/support/fake_loop.h"
#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class UserSessionsTest : public testing::Test {
 protected:
  // One life of a process; the ledger outlives it.
  void begin() {
    journal.reset();
    counters = std::make_unique<MemoryCounters>(seed);
    auto opened = ClaimJournal::open({.directory = directory.path(),
                                      .records_max = limits::kCounterEntriesDefault,
                                      .boot = {1, 2}},
                                     loop.clock(), *counters);
    ASSERT_TRUE(opened) << opened.error().message;
    journal = std::move(*opened);
  }
  void SetUp() override { begin(); }

  static std::string idOf(int number) {
    std::string id(kSessionIdBytes, '\0');
    for (std::size_t i = 0; i < sizeof number; ++i) {
      id[i] = static_cast<char>(number >> (8 * i));
    }
    return id;
  }
  void keep(const SessionUser& user, int number, bool is_only = false,
            std::chrono::seconds lives = 1h) {
    LedgerRecord record;
    record.kind = kSessionKind;
    record.id = sessionRecordId(*counters, user, is_only ? std::string() : idOf(number));
    record.state = "live";
    record.expires = loop.clock().wallNow() + lives;
    record.summary = sessionSummary(idOf(number));
    ledger.insert(loop, std::move(record)).detach([](Result<LedgerWrite> written) {
      ASSERT_TRUE(written && written->isWritten());
    });
    loop.settle();
  }
  Result<std::size_t> end(const SessionUser& user) {
    std::optional<Result<std::size_t>> ended;
    auto answer = endSessionsOf(user, {*counters, *journal, ledger, loop});
    answer.then([&](Result<std::size_t> result) { ended = std::move(result); });
    loop.settle();
    EXPECT_TRUE(ended.has_value());
    return ended.value_or(fail("no answer"));
  }
  bool isEnded(std::string_view app, int number) const {
    return isSessionRevoked(*counters, app, idOf(number), loop.clock().now());
  }
  std::size_t kept() {
    LedgerQuery query;
    query.kind = kSessionKind;
    query.limit = limits::kLedgerListMax;
    std::size_t count = 0;
    ledger.list(loop, query).detach([&](auto rows) { count = rows->size(); });
    loop.settle();
    return count;
  }

  const SipKey seed{1, 2};
  const SessionUser ann{"wx1", "ann"};
  FakeLoop loop;
  TempDirectory directory;
  MemoryLedger ledger;
  std::unique_ptr<MemoryCounters> counters;
  std::unique_ptr<ClaimJournal> journal;
};

TEST_F(UserSessionsTest, EndAllAtOnceAndNobodyElses) {
  keep(ann, 1);
  keep(ann, 2);
  keep(ann, 3, /*is_only=*/true);
  keep({"wx1", "bob"}, 4);
  keep({"wx2", "ann"}, 5);
  keep({"wx1", "anna"}, 6);
  keep({"wx1a", "nn"}, 7);
  EXPECT_EQ(end(ann).value_or(0), 3u);
  for (int i = 1; i <= 3; ++i) EXPECT_TRUE(isEnded("wx1", i)) << i;
  EXPECT_FALSE(isEnded("wx1", 4));
  EXPECT_FALSE(isEnded("wx2", 5));
  EXPECT_FALSE(isEnded("wx1", 6));
  EXPECT_FALSE(isEnded("wx1a", 7));
  EXPECT_EQ(kept(), 4u);
  EXPECT_EQ(end(ann).value_or(9), 0u) << "there are none any more";
}

TEST_F(UserSessionsTest, StayEndedAfterACrashForAsLongAsTheyWouldHaveLived) {
  keep(ann, 1, false, 10min);
  ASSERT_EQ(end(ann).value_or(0), 1u);
  begin();
  EXPECT_TRUE(isEnded("wx1", 1));
  loop.advance(10min - 1s);
  EXPECT_TRUE(isEnded("wx1", 1));
  loop.advance(2s);
  EXPECT_FALSE(isEnded("wx1", 1)) << "the token has run out";
}

TEST_F(UserSessionsTest, ThatBeginLaterLive) {
  keep(ann, 1);
  ASSERT_EQ(end(ann).value_or(0), 1u);
  keep(ann, 2);
  EXPECT_FALSE(isEnded("wx1", 2));
}

TEST_F(UserSessionsTest, AreManyPagesToo) {
  const int many = static_cast<int>(2 * limits::kLedgerListMax + 1);
  for (int i = 0; i < many; ++i) keep(ann, i);
  keep({"wx1", "bob"}, many);
  EXPECT_EQ(end(ann).value_or(0), static_cast<std::size_t>(many));
  EXPECT_TRUE(isEnded("wx1", many - 1));
  EXPECT_FALSE(isEnded("wx1", many));
  EXPECT_EQ(kept(), 1u);
}

TEST_F(UserSessionsTest, AreCountedWhileTheyLive) {
  keep(ann, 1, false, 5s);
  keep(ann, 2);
  ASSERT_TRUE(revokeSession(*counters, "wx1", idOf(2), 1h, loop.clock().now()));
  loop.advance(5s);
  EXPECT_EQ(end(ann).value_or(9), 0u);
}

TEST_F(UserSessionsTest, AreNotForgottenWhereTheirEndCannotBeWritten) {
  keep(ann, 1);
  journal.reset();
  std::filesystem::remove_all(directory.path());
  std::filesystem::create_directory(directory.path());
  std::filesystem::create_directory(directory.path() + "/claims-0000000000000001.journal.new");
  begin();
  ASSERT_FALSE(journal->isHealthy());
  const auto ended = end(ann);
  ASSERT_FALSE(ended);
  EXPECT_EQ(ended.error().reason, Reason::kStoreUnavailable);
  EXPECT_EQ(kept(), 1u);
  std::filesystem::remove(directory.path() + "/claims-0000000000000001.journal.new");
  journal->probe(loop.clock());
  loop.advance(10s);  // what was claimed and not written
  EXPECT_EQ(end(ann).value_or(0), 1u);
  EXPECT_TRUE(isEnded("wx1", 1));
}

TEST_F(UserSessionsTest, AreNotNamedInTheClear) {
  const std::string id = sessionRecordId(*counters, ann, idOf(1));
  EXPECT_EQ(id.find("ann"), std::string::npos);
  EXPECT_NE(sessionRecordId(*counters, {"wx1a", "nn"}, idOf(1)), id);
  EXPECT_TRUE(id.starts_with(sessionRecordId(*counters, ann) + "_"));
  EXPECT_EQ(sessionIdIn(sessionSummary(idOf(7))), idOf(7));
  for (const char* const summary : {"", "00", "zz", "0011223344556677889900112233445566"}) {
    EXPECT_FALSE(sessionIdIn(summary)) << summary;
  }
}

}  // namespace
}  // namespace edgehold
