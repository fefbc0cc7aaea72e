// SPDX-License-Identifier: Apache-2.0
// What the claim journal remembers over a restart, what it refuses to read, and what a full disk
// does to it.
// Thread: main only.
#include "proxy/state/claim_journal.h"

#include <algorithm>
#include <filesystem>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/state/journaled_counters.h"
#include "proxy/state/memory_counters.h"
#include "tests/support/fake_loop.h"
#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using State = ClaimResult::State;
using Durability = ClaimJournal::Durability;

constexpr SipKey kSeed{1, 2};
constexpr SipHash128 kBoot{7, 8};

class ClaimJournalTest : public testing::Test {
 protected:
  // One life of the process: counters, journal, and a worker's view of both.
  struct Life {
    std::unique_ptr<MemoryCounters> shared;
    std::unique_ptr<ClaimJournal> journal;
    std::unique_ptr<JournaledCounters> counters;
  };
  ClaimJournal::Options options() const {
    return {.directory = directory.path(),
            .durability = durability,
            .records_max = records_max,
            .boot = boot};
  }
  Life begin() {
    Life life;
    life.shared = std::make_unique<MemoryCounters>(seed);
    auto opened = ClaimJournal::open(options(), loop.clock(), *life.shared);
    EXPECT_TRUE(opened) << opened.error().message;
    life.journal = std::move(*opened);
    life.counters = std::make_unique<JournaledCounters>(*life.shared, *life.journal, loop);
    return life;
  }
  std::string errorOfOpening() const {
    MemoryCounters counters(seed);
    const auto opened = ClaimJournal::open(options(), loop.clock(), counters);
    return opened ? "" : opened.error().message;
  }
  State claim(Life& life, const std::string& id) const {
    return life.counters->claim(life.counters->key({"t", id}), loop.clock().now(), 60s)->state;
  }
  // Claims and commits `id`; not flushed.
  void commit(Life& life, const std::string& id, Duration window = 10min) const {
    const CounterKey key = life.counters->key({"t", id});
    const auto claimed = life.counters->claim(key, loop.clock().now(), 60s);
    ASSERT_TRUE(claimed);
    ASSERT_EQ(claimed->state, State::kClaimed);
    ASSERT_TRUE(life.counters->commit(key, claimed->token, loop.clock().now(), window));
  }
  std::vector<std::string> segments() const {
    std::vector<std::string> found;
    for (const auto& entry : std::filesystem::directory_iterator(directory.path())) {
      found.push_back(entry.path().string());
    }
    std::sort(found.begin(), found.end());
    return found;
  }
  // The one segment that a life with these ids left.
  std::string segmentOf(const std::vector<std::string>& ids) {
    Life life = begin();
    for (const std::string& id : ids) commit(life, id);
    EXPECT_TRUE(life.counters->flush());
    life = {};
    EXPECT_EQ(segments().size(), 1u);
    return segments().front();
  }

  TempDirectory directory;
  mutable FakeLoop loop;
  SipKey seed = kSeed;
  SipHash128 boot = kBoot;
  Durability durability = Durability::kKernel;
  std::size_t records_max = limits::kCounterEntriesDefault;
};

TEST_F(ClaimJournalTest, ACommittedClaimSurvivesTheProcess) {
  Life life = begin();
  commit(life, "a");
  EXPECT_EQ(claim(life, "in flight"), State::kClaimed);
  ASSERT_TRUE(life.counters->flush());
  Life next = begin();  // the first one has not ended: as if it had been killed
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
  EXPECT_EQ(claim(next, "in flight"), State::kClaimed);
}

TEST_F(ClaimJournalTest, AClaimIsInFlightUntilTheJournalHasIt) {
  Life life = begin();
  commit(life, "a");
  EXPECT_TRUE(life.counters->hasNews());
  EXPECT_EQ(claim(life, "a"), State::kInFlight);
  ASSERT_TRUE(life.counters->flush());
  EXPECT_FALSE(life.counters->hasNews());
  EXPECT_EQ(claim(life, "a"), State::kCommitted);
}

TEST_F(ClaimJournalTest, AReleasedClaimIsNotKept) {
  Life life = begin();
  const CounterKey key = life.counters->key({"t", "a"});
  life.counters->release(key, life.counters->claim(key, loop.clock().now(), 60s)->token);
  ASSERT_TRUE(life.counters->flush());
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kClaimed);
}

TEST_F(ClaimJournalTest, WhatIsLeftIsWrittenAtTheEnd) {
  {
    Life life = begin();
    commit(life, "a");
  }
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
}

TEST_F(ClaimJournalTest, KeepsClaimsOnDiskWhenAskedTo) {
  durability = Durability::kDisk;
  Life life = begin();
  commit(life, "a");
  ASSERT_TRUE(life.counters->flush());
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
}

TEST_F(ClaimJournalTest, KeepsItsFilesFromOtherUsers) {
  const std::string path = segmentOf({"a"});
  EXPECT_EQ(std::filesystem::status(path).permissions(),
            std::filesystem::perms::owner_read | std::filesystem::perms::owner_write);
}

// --- time ---

TEST_F(ClaimJournalTest, ARestoredClaimRunsOutWhenItWouldHave) {
  {
    Life life = begin();
    commit(life, "a", 10min);
  }
  loop.advance(4min);
  Life next = begin();
  loop.advance(6min - 2ms);
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
  loop.advance(2ms);
  EXPECT_EQ(claim(next, "a"), State::kClaimed);
}

TEST_F(ClaimJournalTest, AWallClockThatJumpsBetweenTwoLivesChangesNothing) {
  for (const Duration jump : {Duration(1h), Duration(-1h)}) {
    const std::string id = jump > 0ns ? "forward" : "back";
    {
      Life life = begin();
      commit(life, id, 10min);
    }
    loop.fakeClock().jumpWall(jump);
    Life next = begin();
    EXPECT_EQ(claim(next, id), State::kCommitted) << id;
    loop.advance(10min);
    EXPECT_EQ(claim(next, id), State::kClaimed) << id;
  }
}

TEST_F(ClaimJournalTest, AfterABootTheWallClockTellsAndNeverMoreThanTheWindow) {
  {
    Life life = begin();
    commit(life, "a", 10min);
  }
  boot = {9, 9};
  loop.fakeClock().jumpWall(-1h);  // an hour and ten minutes seem to be left
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
  loop.advance(10min);
  EXPECT_EQ(claim(next, "a"), State::kClaimed);
  loop.fakeClock().jumpWall(2h);
  Life third = begin();
  EXPECT_EQ(claim(third, "a"), State::kClaimed);
}

TEST_F(ClaimJournalTest, AMachineThatDoesNotNameItsBootIsAlwaysAnother) {
  boot = {};
  {
    Life life = begin();
    commit(life, "a", 10min);
  }
  loop.fakeClock().jumpWall(1h);
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kClaimed);
}

// --- what is refused ---

TEST_F(ClaimJournalTest, ARecordThatACrashCutOffIsLeftOut) {
  const std::string path = segmentOf({"a", "b"});
  const std::string whole = readWhole(path);
  ASSERT_EQ(whole.size(), kClaimHeaderBytes + 2 * kClaimRecordBytes);
  for (std::size_t cut = 1; cut <= kClaimRecordBytes; ++cut) {
    for (const std::string& path_left : segments()) std::filesystem::remove(path_left);
    writeWhole(path, std::string_view(whole).substr(0, whole.size() - cut));
    Life life = begin();
    EXPECT_EQ(claim(life, "a"), State::kCommitted) << cut;
    EXPECT_EQ(claim(life, "b"), State::kClaimed) << cut;
  }
}

TEST_F(ClaimJournalTest, ZerosAtTheEndAreWhatAPowerFailureLeaves) {
  const std::string path = segmentOf({"a"});
  writeWhole(path, readWhole(path) + std::string(10 * kClaimRecordBytes + 3, '\0'));
  Life life = begin();
  EXPECT_EQ(claim(life, "a"), State::kCommitted);
}

TEST_F(ClaimJournalTest, RefusesADamagedRecordAndLeavesTheFileAlone) {
  const std::string path = segmentOf({"a", "b", "c"});
  const std::string whole = readWhole(path);
  for (std::size_t at = kClaimHeaderBytes; at < kClaimHeaderBytes + 2 * kClaimRecordBytes; ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x10);
    writeWhole(path, bytes);
    const std::string error = errorOfOpening();
    EXPECT_NE(error.find(path), std::string::npos) << at << " " << error;
    EXPECT_NE(error.find("is damaged"), std::string::npos) << at << " " << error;
    EXPECT_NE(error.find("restore it from a copy"), std::string::npos) << at << " " << error;
    EXPECT_EQ(readWhole(path), bytes);
  }
}

TEST_F(ClaimJournalTest, RefusesADamagedHeader) {
  const std::string path = segmentOf({"a"});
  const std::string whole = readWhole(path);
  for (std::size_t at = 0; at < kClaimHeaderBytes; ++at) {
    std::string bytes = whole;
    bytes[at] = static_cast<char>(bytes[at] ^ 0x40);
    writeWhole(path, bytes);
    EXPECT_NE(errorOfOpening(), "") << at;
  }
  for (const std::size_t size : {std::size_t{1}, kClaimHeaderBytes - 1}) {
    writeWhole(path, std::string_view(whole).substr(0, size));
    EXPECT_NE(errorOfOpening().find("is damaged"), std::string::npos) << size;
  }
}

TEST_F(ClaimJournalTest, RefusesANewerVersion) {
  const std::string path = segmentOf({"a"});
  std::string bytes = readWhole(path);
  bytes[8] = static_cast<char>(kClaimJournalVersion + 1);
  writeWhole(path, bytes);
  const std::string error = errorOfOpening();
  EXPECT_NE(error.find("newer edgehold"), std::string::npos) << error;
  EXPECT_NE(error.find(path), std::string::npos) << error;
}

TEST_F(ClaimJournalTest, RefusesTheJournalOfAnotherDatabase) {
  const std::string path = segmentOf({"a"});
  seed = {3, 4};
  const std::string error = errorOfOpening();
  EXPECT_NE(error.find("another state database"), std::string::npos) << error;
  EXPECT_NE(error.find(path), std::string::npos) << error;
}

TEST_F(ClaimJournalTest, RefusesToForgetWhatDoesNotFit) {
  {
    Life life = begin();
    for (int i = 0; i < 500; ++i) commit(life, std::to_string(i));
    ASSERT_TRUE(life.counters->flush());
  }
  MemoryCounters small(seed, {.entries_max = 64, .shards = 2});
  const auto opened = ClaimJournal::open(options(), loop.clock(), small);
  ASSERT_FALSE(opened);
  EXPECT_NE(opened.error().message.find("counter_entries"), std::string::npos);
}

TEST_F(ClaimJournalTest, AnEmptyOrUnfinishedSegmentIsNothing) {
  writeWhole(directory.file("claims-0000000000000005.journal"), "");
  writeWhole(directory.file("claims-0000000000000006.journal.new"), "half");
  Life life = begin();
  EXPECT_TRUE(life.journal->isHealthy());
  EXPECT_EQ(segments().size(), 1u);
}

// --- segments ---

TEST_F(ClaimJournalTest, SegmentsAreFilledInTurnAndAllAreRead) {
  {
    Life life = begin();
    for (std::size_t i = 0; i < 5 * limits::kClaimSegmentRecordsLeast; ++i) {
      commit(life, std::to_string(i));
      if (i % 7 == 0) {
        ASSERT_TRUE(life.counters->flush());
      }
    }
  }
  EXPECT_GT(segments().size(), 1u);
  Life next = begin();
  for (std::size_t i = 0; i < 5 * limits::kClaimSegmentRecordsLeast; ++i) {
    ASSERT_EQ(claim(next, std::to_string(i)), State::kCommitted) << i;
  }
}

TEST_F(ClaimJournalTest, ATurnOfMoreThanASegmentHoldsIsKept) {
  {
    Life life = begin();
    for (std::size_t i = 0; i < 3 * limits::kClaimSegmentRecordsLeast; ++i) {
      commit(life, std::to_string(i));
    }
    ASSERT_TRUE(life.counters->flush());
  }
  Life next = begin();
  EXPECT_EQ(claim(next, "0"), State::kCommitted);
  EXPECT_EQ(claim(next, std::to_string(3 * limits::kClaimSegmentRecordsLeast - 1)),
            State::kCommitted);
}

TEST_F(ClaimJournalTest, SegmentsWhoseClaimsHaveRunOutAreRemoved) {
  Life life = begin();
  for (int round = 0; round < 10; ++round) {
    for (std::size_t i = 0; i < 2 * limits::kClaimSegmentRecordsLeast; ++i) {
      commit(life, std::to_string(round) + "-" + std::to_string(i), 1min);
      if (i % 100 == 0) {
        ASSERT_TRUE(life.counters->flush());
      }
    }
    ASSERT_TRUE(life.counters->flush());
    loop.advance(2min);
  }
  EXPECT_LE(segments().size(), 4u);
  life = {};
  Life next = begin();
  EXPECT_EQ(segments().size(), 1u);
}

// A few long claims among many short ones must not keep the files of all of them.
TEST_F(ClaimJournalTest, LongClaimsMoveOnSoThatTheJournalStaysBounded) {
  records_max = 8 * limits::kClaimSegmentRecordsLeast;
  Life life = begin();
  std::size_t most_bytes = 0;
  for (int round = 0; round < 60; ++round) {
    commit(life, "long-" + std::to_string(round), 24h);
    for (std::size_t i = 0; i < limits::kClaimSegmentRecordsLeast; ++i) {
      commit(life, std::to_string(round) + "-" + std::to_string(i), 1s);
      if (i % 100 == 0) {
        ASSERT_TRUE(life.counters->flush());
      }
    }
    ASSERT_TRUE(life.counters->flush());
    loop.advance(2s);
    most_bytes = std::max<std::size_t>(most_bytes, life.journal->bytes());
  }
  EXPECT_LE(most_bytes, 4 * records_max * kClaimRecordBytes);
  life = {};
  Life next = begin();
  for (int round = 0; round < 60; ++round) {
    ASSERT_EQ(claim(next, "long-" + std::to_string(round)), State::kCommitted) << round;
  }
}

TEST_F(ClaimJournalTest, ManyStartsDoNotLeaveManyFiles) {
  for (std::size_t start = 0; start < 3 * limits::kClaimSegmentsMax; ++start) {
    Life life = begin();
    commit(life, std::to_string(start), 24h);
    commit(life, "short" + std::to_string(start), 1s);
    ASSERT_TRUE(life.counters->flush());
    life = {};
    loop.advance(2s);
  }
  EXPECT_LE(segments().size(), limits::kClaimSegmentsMax + 2);
  Life next = begin();
  for (std::size_t start = 0; start < 3 * limits::kClaimSegmentsMax; ++start) {
    ASSERT_EQ(claim(next, std::to_string(start)), State::kCommitted) << start;
  }
}

// --- a disk that does not take it ---

// Directory writes fail while it is not there: no room, in the eyes of the journal.
TEST_F(ClaimJournalTest, WithoutRoomNothingNewIsClaimedAndWhatIsKnownStaysKnown) {
  Life life = begin();
  commit(life, "known");
  ASSERT_TRUE(life.counters->flush());
  for (std::size_t i = 0; i < limits::kClaimSegmentRecordsLeast / 2 - 10; ++i) {
    commit(life, std::to_string(i));
  }
  ASSERT_TRUE(life.counters->flush());
  const std::string away = directory.path() + ".away";
  std::filesystem::rename(directory.path(), away);

  for (int i = 0; i < 20; ++i) commit(life, "under way " + std::to_string(i));
  EXPECT_TRUE(life.counters->flush());  // the second half of the segment takes it
  EXPECT_FALSE(life.journal->isHealthy());
  EXPECT_NE(life.journal->health().lastError(), "");
  const auto refused =
      life.counters->claim(life.counters->key({"t", "new"}), loop.clock().now(), 60s);
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
  EXPECT_EQ(claim(life, "known"), State::kCommitted);

  std::filesystem::rename(away, directory.path());
  life.journal->probe(loop.clock());
  EXPECT_TRUE(life.journal->isHealthy());
  EXPECT_EQ(claim(life, "new"), State::kClaimed);
}

TEST_F(ClaimJournalTest, WhatCouldNotBeWrittenIsInFlightUntilATimerHasWrittenIt) {
  Life life = begin();
  const std::string away = directory.path() + ".away";
  for (std::size_t i = 0; i < limits::kClaimSegmentRecordsLeast + 1; ++i) {
    commit(life, std::to_string(i));  // more than the segment takes
  }
  std::filesystem::rename(directory.path(), away);
  EXPECT_FALSE(life.counters->flush());
  EXPECT_FALSE(life.counters->hasNews());  // who owes nothing new is not held up
  EXPECT_TRUE(life.counters->flush());
  EXPECT_FALSE(
      life.counters->claim(life.counters->key({"t", "0"}), loop.clock().now(), 60s).has_value());
  std::filesystem::rename(away, directory.path());
  loop.advance(limits::kStoreRetryInterval);
  EXPECT_TRUE(life.journal->isHealthy());
  EXPECT_EQ(claim(life, "0"), State::kCommitted);
  life = {};
  Life next = begin();
  EXPECT_EQ(claim(next, "0"), State::kCommitted);
}

TEST_F(ClaimJournalTest, ADirectoryThatCannotBeWrittenIsNoReasonNotToStart) {
  std::filesystem::remove_all(directory.path());
  MemoryCounters counters(seed);
  EXPECT_FALSE(ClaimJournal::open(options(), loop.clock(), counters));  // not even readable
  std::filesystem::create_directory(directory.path());
  // A directory in the place of the file that it would make.
  std::filesystem::create_directory(directory.path() + "/claims-0000000000000001.journal.new");
  Life life = begin();
  EXPECT_FALSE(life.journal->isHealthy());
  std::filesystem::remove(directory.path() + "/claims-0000000000000001.journal.new");
  life.journal->probe(loop.clock());
  EXPECT_TRUE(life.journal->isHealthy());
}

TEST_F(ClaimJournalTest, ASegmentThatIsRemovedWhileInUseIsWrittenAgain) {
  Life life = begin();
  commit(life, "before");
  ASSERT_TRUE(life.counters->flush());
  ASSERT_TRUE(std::filesystem::remove(segments().front()));
  commit(life, "between");
  ASSERT_TRUE(life.counters->flush());
  life.journal->probe(loop.clock());
  commit(life, "after");
  ASSERT_TRUE(life.counters->flush());
  EXPECT_TRUE(life.journal->isHealthy());
  EXPECT_EQ(life.journal->health().errors(), 1u);
  Life next = begin();
  for (const char* const id : {"before", "between", "after"}) {
    EXPECT_EQ(claim(next, id), State::kCommitted) << id;
  }
}

TEST_F(ClaimJournalTest, ASegmentThatIsReplacedWhileInUseIsWrittenAgain) {
  Life life = begin();
  const std::string path = segments().front();
  std::filesystem::copy_file(path, path + ".old");
  commit(life, "a");
  ASSERT_TRUE(life.counters->flush());
  std::filesystem::rename(path + ".old", path);
  life.journal->probe(loop.clock());
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
}

TEST_F(ClaimJournalTest, WhatCannotBeWrittenAgainAtOnceIsWrittenLater) {
  Life life = begin();
  commit(life, "a");
  ASSERT_TRUE(life.counters->flush());
  const std::string elsewhere = directory.path() + ".moved";
  std::filesystem::rename(directory.path(), elsewhere);
  life.journal->probe(loop.clock());
  EXPECT_FALSE(life.journal->isHealthy());
  std::filesystem::create_directory(directory.path());
  std::filesystem::remove_all(elsewhere);
  life.journal->probe(loop.clock());
  EXPECT_TRUE(life.journal->isHealthy());
  Life next = begin();
  EXPECT_EQ(claim(next, "a"), State::kCommitted);
}

TEST_F(ClaimJournalTest, AClosedSegmentThatIsRemovedIsToldOnce) {
  segmentOf({"a"});
  Life life = begin();
  ASSERT_EQ(segments().size(), 2u);
  ASSERT_TRUE(std::filesystem::remove(segments().front()));
  life.journal->probe(loop.clock());
  life.journal->probe(loop.clock());
  EXPECT_EQ(life.journal->health().errors(), 1u);
  EXPECT_TRUE(life.journal->isHealthy());
  EXPECT_EQ(claim(life, "a"), State::kCommitted);  // by this life, until it ends
}

TEST_F(ClaimJournalTest, RefusesOneClaimMoreThanMayWait) {
  Life life = begin();
  const CounterKey key{1, 1};
  for (std::size_t i = 0; i < limits::kClaimsPendingMax; ++i) {
    ASSERT_TRUE(life.counters->commit(key, 1, loop.clock().now(), 1s));
  }
  EXPECT_FALSE(life.counters->commit(key, 1, loop.clock().now(), 1s));
  ASSERT_TRUE(life.counters->flush());
  EXPECT_TRUE(life.counters->commit(key, 1, loop.clock().now(), 1s));
}

}  // namespace
}  // namespace edgehold
