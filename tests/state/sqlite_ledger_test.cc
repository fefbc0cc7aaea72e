// SPDX-License-Identifier: Apache-2.0
// The contract for the ledger in SQLite, and what is its own: files that must be refused, restarts,
// full disks, bounds of the queue, claims that outlive the process.
// Thread: main only.
#include "proxy/state/sqlite_ledger.h"

#include <array>
#include <cstdlib>
#include <filesystem>
#include <fstream>

#include <sys/stat.h>

#include "proxy/base/limits.h"
#include "proxy/state/memory_counters.h"
#include "tests/state/ledger_contract.h"
#include "tests/support/fake_clock.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using State = ClaimResult::State;

// A directory of its own that goes with the test.
class TempDirectory {
 public:
  TempDirectory() {
    std::string name = (std::filesystem::temp_directory_path() / "edgehold-state-XXXXXX").string();
    path_ = mkdtemp(name.data());
  }
  TempDirectory(const TempDirectory&) = delete;
  TempDirectory& operator=(const TempDirectory&) = delete;
  ~TempDirectory() { std::filesystem::remove_all(path_); }
  std::string file() const { return (path_ / "state.db").string(); }

 private:
  std::filesystem::path path_;
};

const SystemClock kClock;

Result<std::unique_ptr<SqliteLedger>> openAt(const std::string& path, std::uint64_t bytes_max = 0,
                                             std::uint64_t seed = 1) {
  FakeRandom random(seed);
  return SqliteLedger::open({path, bytes_max}, kClock, random);
}

// The ledger goes before its directory.
class OwnLedger final : public Ledger {
 public:
  OwnLedger() : ledger_(openAt(directory_.file()).value()) { ledger_->start(); }
  Async<Result<LedgerWrite>> insert(Loop& loop, LedgerRecord record) override {
    return ledger_->insert(loop, std::move(record));
  }
  Async<Result<std::optional<LedgerRecord>>> get(Loop& loop, std::string id) override {
    return ledger_->get(loop, std::move(id));
  }
  Async<Result<LedgerWrite>> compareAndSet(Loop& loop, LedgerChange change) override {
    return ledger_->compareAndSet(loop, std::move(change));
  }
  Async<Result<LedgerWrite>> erase(Loop& loop, std::string id, std::uint64_t version) override {
    return ledger_->erase(loop, std::move(id), version);
  }
  Async<Result<std::vector<LedgerRecord>>> list(Loop& loop, LedgerQuery query) override {
    return ledger_->list(loop, std::move(query));
  }
  Async<Result<std::vector<LedgerRecord>>> due(Loop& loop, std::string kind, WallTime now,
                                               std::size_t limit) override {
    return ledger_->due(loop, std::move(kind), now, limit);
  }
  Async<Result<std::vector<LedgerStateCount>>> countByState(Loop& loop, std::string kind) override {
    return ledger_->countByState(loop, std::move(kind));
  }
  std::unique_ptr<LedgerWatch> watch(std::string kind, Loop& loop,
                                     std::function<void(const LedgerEvent&)> call) override {
    return ledger_->watch(std::move(kind), loop, std::move(call));
  }

 private:
  TempDirectory directory_;
  std::unique_ptr<SqliteLedger> ledger_;
};

INSTANTIATE_TEST_SUITE_P(Sqlite, LedgerContract,
                         testing::Values(LedgerMaker{"sqlite",
                                                     [] { return std::make_unique<OwnLedger>(); }}),
                         [](const auto& maker) { return maker.param.name; });

class SqliteLedgerTest : public testing::Test {
 protected:
  std::unique_ptr<SqliteLedger> opened(std::uint64_t bytes_max = 0) {
    auto ledger = openAt(directory.file(), bytes_max).value();
    ledger->start();
    return ledger;
  }
  std::string errorOfOpening() {
    const auto ledger = openAt(directory.file());
    return ledger ? "" : ledger.error().message;
  }
  void execute(const std::string& sql) {
    const auto connection =
        SqliteConnection::open(directory.file(), SqliteConnection::Missing::kCreate).value();
    ASSERT_TRUE(connection->execute(sql));
  }
  TempDirectory directory;
  MailboxLoop loop;
};

TEST_F(SqliteLedgerTest, RemembersWhatItAnsweredAfterARestart) {
  {
    const auto ledger = opened();
    LedgerRecord record = ledgerRecord("a");
    record.body = "bytes";
    ASSERT_TRUE(loop.await(ledger->insert(loop, record)));
  }
  const auto ledger = opened();
  EXPECT_EQ(loop.await(ledger->get(loop, "a"))->value().body, "bytes");
}

// What a killed process leaves is what is on the disk when an answer arrives: a copy of the files
// taken then, with the ledger still running, opens and holds the record.
TEST_F(SqliteLedgerTest, HasOnDiskWhatItAnswered) {
  const auto ledger = opened();
  ASSERT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("a"))));
  const TempDirectory copy;
  for (const char* suffix : {"", "-wal"}) {
    std::filesystem::copy_file(directory.file() + suffix, copy.file() + suffix);
  }
  auto survivor = openAt(copy.file()).value();
  survivor->start();
  EXPECT_TRUE(loop.await(survivor->get(loop, "a"))->has_value());
}

TEST_F(SqliteLedgerTest, KeepsItsFileFromOtherUsers) {
  const auto ledger = opened();
  struct stat status = {};
  ASSERT_EQ(stat(directory.file().c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0600u);
}

TEST_F(SqliteLedgerTest, RefusesAFileThatIsNoDatabaseAndLeavesItAlone) {
  const std::string text(4096, 'x');
  std::ofstream(directory.file()) << text;
  EXPECT_NE(errorOfOpening().find("restore it from a copy"), std::string::npos) << errorOfOpening();
  std::ifstream file(directory.file());
  EXPECT_EQ(std::string(std::istreambuf_iterator<char>(file), {}), text);
}

TEST_F(SqliteLedgerTest, RefusesADamagedDatabase) {
  {
    const auto ledger = opened();
    for (int i = 0; i < 200; ++i) {
      LedgerRecord record = ledgerRecord("record-" + std::to_string(i));
      record.body = std::string(500, 'b');
      ASSERT_TRUE(loop.await(ledger->insert(loop, record)));
    }
  }
  {
    std::fstream file(directory.file(), std::ios::in | std::ios::out | std::ios::binary);
    file.seekp(4096);
    file << std::string(40'000, '\x5A');
  }
  EXPECT_NE(errorOfOpening().find("restore it from a copy"), std::string::npos) << errorOfOpening();
}

TEST_F(SqliteLedgerTest, RefusesADatabaseOfANewerVersion) {
  { const auto ledger = opened(); }
  execute("PRAGMA user_version=3");
  EXPECT_NE(errorOfOpening().find("newer edgehold"), std::string::npos) << errorOfOpening();
}

TEST_F(SqliteLedgerTest, RefusesAnEmptyDatabaseAndLeavesItAlone) {
  { const auto ledger = opened(); }
  std::filesystem::resize_file(directory.file(), 0);
  EXPECT_NE(errorOfOpening().find("is empty"), std::string::npos) << errorOfOpening();
  EXPECT_EQ(std::filesystem::file_size(directory.file()), 0u);
}

TEST_F(SqliteLedgerTest, RefusesADatabaseThatWasCutShort) {
  {
    const auto ledger = opened();
    for (int i = 0; i < 50; ++i) {
      LedgerRecord record = ledgerRecord("record-" + std::to_string(i));
      record.body = std::string(5000, 'b');
      ASSERT_TRUE(loop.await(ledger->insert(loop, record)));
    }
  }
  const auto size = std::filesystem::file_size(directory.file());
  for (const auto cut : {std::uintmax_t{100}, std::uintmax_t{4096}, size / 2, size - 4096}) {
    std::filesystem::resize_file(directory.file(), cut);
    EXPECT_NE(errorOfOpening().find("restore it from a copy"), std::string::npos)
        << cut << " " << errorOfOpening();
    std::filesystem::resize_file(directory.file(), size);  // zeros now: damaged all the same
    EXPECT_NE(errorOfOpening(), "") << cut;
  }
}

TEST_F(SqliteLedgerTest, RefusesALogWhoseDatabaseIsGone) {
  std::ofstream(directory.file() + "-wal") << "frames";
  EXPECT_NE(errorOfOpening().find("is missing"), std::string::npos) << errorOfOpening();
}

TEST_F(SqliteLedgerTest, RefusesADirectoryInItsPlace) {
  std::filesystem::create_directory(directory.file());
  EXPECT_NE(errorOfOpening().find("is not a file"), std::string::npos) << errorOfOpening();
}

TEST_F(SqliteLedgerTest, ADatabaseThatWasNotFinishedIsMadeAgain) {
  std::ofstream(directory.file() + ".new") << "half";
  EXPECT_EQ(errorOfOpening(), "");
  EXPECT_FALSE(std::filesystem::exists(directory.file() + ".new"));
}

// The wall clock jumps while nobody runs: time goes on from the anchor of this boot.
TEST_F(SqliteLedgerTest, TimeGoesOnOverARestartOfTheSameBoot) {
  FakeClock clock;
  FakeRandom random(1);
  const SipHash128 boot{1, 2};
  const auto open = [&] {
    return SqliteLedger::open({directory.file(), 0}, clock, random).value();
  };
  const WallTime first = open()->steadyTime(boot).at(clock);
  EXPECT_EQ(first, clock.wallNow());
  clock.jumpWall(1h);
  clock.advance(5s);
  EXPECT_EQ(open()->steadyTime(boot).at(clock), first + 5s);
  EXPECT_EQ(open()->steadyTime(boot).wallAhead(clock), 1h);
  EXPECT_EQ(open()->steadyTime({3, 4}).at(clock), clock.wallNow());  // another boot
  clock.jumpWall(1h);
  EXPECT_EQ(open()->steadyTime({}).at(clock), clock.wallNow());  // a boot without a name
}

TEST_F(SqliteLedgerTest, IsNotHealthyFromAFailureUntilItCouldWriteAgain) {
  const auto ledger = opened();
  EXPECT_TRUE(ledger->isHealthy());
  execute("ALTER TABLE records RENAME TO elsewhere");
  EXPECT_FALSE(loop.await(ledger->insert(loop, ledgerRecord("a"))));
  EXPECT_FALSE(ledger->isHealthy());
  EXPECT_EQ(ledger->health().errors(), 1u);
  EXPECT_NE(ledger->health().lastError(), "");
  execute("ALTER TABLE elsewhere RENAME TO records");
  while (!loop.await(ledger->insert(loop, ledgerRecord("b")))) continue;
  EXPECT_TRUE(ledger->isHealthy());
}

TEST_F(SqliteLedgerTest, RefusesTheDatabaseOfAnotherProgram) {
  execute("CREATE TABLE recipes(name)");
  EXPECT_NE(errorOfOpening().find("another program"), std::string::npos) << errorOfOpening();
}

TEST_F(SqliteLedgerTest, RefusesAPathThatCannotBe) {
  const auto ledger = openAt("/nonexistent/state.db");
  ASSERT_FALSE(ledger);
  EXPECT_EQ(ledger.error().reason, Reason::kStoreUnavailable);
}

TEST_F(SqliteLedgerTest, AFullDiskRefusesAndRecoversWhenThereIsRoom) {
  const auto ledger = opened(512 * 1024);
  LedgerRecord record = ledgerRecord("fits");
  record.body = std::string(200'000, 'b');
  ASSERT_TRUE(loop.await(ledger->insert(loop, record)));
  record.id = "too much";
  record.body = std::string(400'000, 'b');
  const auto refused = loop.await(ledger->insert(loop, record));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
  EXPECT_FALSE(loop.await(ledger->get(loop, "too much")).value());
  EXPECT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("small")))->isWritten());
  ASSERT_TRUE(loop.await(ledger->erase(loop, "fits", 1))->isWritten());
  EXPECT_TRUE(loop.await(ledger->insert(loop, record))->isWritten());
}

// Everything is queued before the thread starts, so that it is one batch.
TEST_F(SqliteLedgerTest, ARequestThatDoesNotFitLeavesItsBatchAlone) {
  auto ledger = openAt(directory.file(), 512 * 1024).value();
  LedgerRecord large = ledgerRecord("large");
  large.body = std::string(900'000, 'b');
  auto before = ledger->insert(loop, ledgerRecord("before"));
  auto refused = ledger->insert(loop, large);
  auto behind = ledger->insert(loop, ledgerRecord("behind"));
  ledger->start();
  EXPECT_TRUE(loop.await(std::move(before))->isWritten());
  EXPECT_FALSE(loop.await(std::move(refused)));
  EXPECT_TRUE(loop.await(std::move(behind))->isWritten());
}

TEST_F(SqliteLedgerTest, TablesThatWentAwayRefuseAndComeBack) {
  const auto ledger = opened();
  ASSERT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("a"))));
  execute("ALTER TABLE records RENAME TO hidden");
  for (int i = 0; i < 2; ++i) {  // by the connection that was open, and by one opened again
    const auto refused = loop.await(ledger->insert(loop, ledgerRecord("b")));
    ASSERT_FALSE(refused);
    EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
  }
  execute("ALTER TABLE hidden RENAME TO records");
  EXPECT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("b")))->isWritten());
  EXPECT_TRUE(loop.await(ledger->get(loop, "a"))->has_value());
}

// Never a silent reset: a file that is gone is not made anew behind the operator's back.
TEST_F(SqliteLedgerTest, AConnectionIsNotReopenedOnAFileThatIsGone) {
  const auto connection =
      SqliteConnection::open(directory.file(), SqliteConnection::Missing::kFail);
  EXPECT_FALSE(connection);
  EXPECT_FALSE(LedgerTables::reopen({directory.file(), 0}));
  EXPECT_FALSE(std::filesystem::exists(directory.file()));
}

TEST_F(SqliteLedgerTest, ALogThatIsRemovedWhileInUseLosesNothing) {
  {
    const auto ledger = opened();
    ASSERT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("before"))));
    ASSERT_TRUE(std::filesystem::remove(directory.file() + "-wal"));
    EXPECT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("after")))->isWritten());
    EXPECT_TRUE(ledger->isHealthy());
    EXPECT_EQ(ledger->health().errors(), 1u);
    // As another life finds it, should this one be killed now.
    std::filesystem::copy_file(directory.file(), directory.file() + ".copy");
    std::filesystem::copy_file(directory.file() + "-wal", directory.file() + ".copy-wal");
  }
  const auto next = openAt(directory.file() + ".copy").value();
  next->start();
  EXPECT_TRUE(loop.await(next->get(loop, "before"))->has_value());
  EXPECT_TRUE(loop.await(next->get(loop, "after"))->has_value());
}

TEST_F(SqliteLedgerTest, ADatabaseThatIsMovedWhileInUseRefusesUntilItIsBack) {
  const auto ledger = opened();
  ASSERT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("before"))));
  const std::string elsewhere = directory.file() + ".moved";
  std::filesystem::rename(directory.file(), elsewhere);
  const auto refused = loop.await(ledger->insert(loop, ledgerRecord("meanwhile")));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
  EXPECT_NE(refused.error().message.find(directory.file()), std::string::npos);
  EXPECT_FALSE(ledger->isHealthy());
  EXPECT_FALSE(std::filesystem::exists(directory.file()));
  std::filesystem::rename(elsewhere, directory.file());
  EXPECT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("after")))->isWritten());
  EXPECT_TRUE(loop.await(ledger->get(loop, "before"))->has_value());
  EXPECT_FALSE(loop.await(ledger->get(loop, "meanwhile"))->has_value());
}

TEST_F(SqliteLedgerTest, ADatabaseThatIsReplacedByACopyIsTheOneFromThenOn) {
  const auto ledger = opened();
  ASSERT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("kept"))));
  execute("PRAGMA wal_checkpoint(TRUNCATE)");
  std::filesystem::copy_file(directory.file(), directory.file() + ".copy");
  ASSERT_TRUE(loop.await(ledger->insert(loop, ledgerRecord("later"))));
  std::filesystem::rename(directory.file() + ".copy", directory.file());
  std::filesystem::remove(directory.file() + "-wal");
  EXPECT_TRUE(loop.await(ledger->get(loop, "kept"))->has_value());
  EXPECT_FALSE(loop.await(ledger->get(loop, "later"))->has_value());
}

TEST_F(SqliteLedgerTest, RefusesOneRequestMoreThanTheQueueHolds) {
  auto ledger = openAt(directory.file()).value();
  std::vector<Async<Result<std::optional<LedgerRecord>>>> waiting;
  for (std::size_t i = 0; i < limits::kLedgerQueueMax; ++i) {
    waiting.push_back(ledger->get(loop, "absent"));
  }
  const auto refused = loop.await(ledger->get(loop, "absent"));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
  ledger->start();
  for (auto& answer : waiting) EXPECT_TRUE(loop.await(std::move(answer)));
}

TEST_F(SqliteLedgerTest, RefusesMoreBytesThanTheQueueHolds) {
  auto ledger = openAt(directory.file()).value();
  LedgerRecord record = ledgerRecord("a");
  record.body = std::string(limits::kBufferedBodyBytesCeiling, 'b');
  const std::size_t fit = limits::kLedgerQueueBytesMax / limits::kBufferedBodyBytesCeiling;
  std::vector<Async<Result<LedgerWrite>>> waiting;
  for (std::size_t i = 0; i < fit; ++i) waiting.push_back(ledger->insert(loop, record));
  const auto refused = loop.await(ledger->insert(loop, record));
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
}

TEST_F(SqliteLedgerTest, AnswersWhatWaitsBeforeItEnds) {
  auto ledger = opened();
  auto answer = ledger->insert(loop, ledgerRecord("a"));
  ledger.reset();
  EXPECT_TRUE(loop.await(std::move(answer))->isWritten());
}

TEST_F(SqliteLedgerTest, KeepsItsSeedOverARestart) {
  const SipKey first = openAt(directory.file(), 0, 11).value()->counterSeed();
  const SipKey second = openAt(directory.file(), 0, 22).value()->counterSeed();
  EXPECT_EQ(first.low, second.low);
  EXPECT_EQ(first.high, second.high);
}

// What version 1 made, with a record in it.
TEST_F(SqliteLedgerTest, BringsADatabaseOfVersionOneUpToDate) {
  execute(R"sql(
CREATE TABLE records (
  id TEXT PRIMARY KEY NOT NULL, kind TEXT NOT NULL, lane TEXT NOT NULL, state TEXT NOT NULL,
  due INTEGER, expires INTEGER, version INTEGER NOT NULL, summary BLOB NOT NULL,
  body BLOB NOT NULL);
CREATE INDEX records_by_state ON records(kind, state, id);
CREATE INDEX records_by_id ON records(kind, id);
CREATE INDEX records_by_due ON records(kind, lane, due, id) WHERE due IS NOT NULL;
CREATE TABLE claims (key BLOB PRIMARY KEY NOT NULL, expires INTEGER NOT NULL) WITHOUT ROWID;
CREATE INDEX claims_by_expiry ON claims(expires);
CREATE TABLE settings (name TEXT PRIMARY KEY NOT NULL, value BLOB NOT NULL) WITHOUT ROWID;
INSERT INTO settings VALUES('counter_seed', x'0102030405060708090a0b0c0d0e0f10');
INSERT INTO records VALUES('a', 'hold', 'lane', 'pending', 5, 6, 3, 's', 'b');
PRAGMA application_id=1701078888;
PRAGMA user_version=1;)sql");
  {
    const auto ledger = opened();
    EXPECT_EQ(ledger->counterSeed().low, 0x0807060504030201u);
    const auto kept = loop.await(ledger->get(loop, "a")).value();
    ASSERT_TRUE(kept);
    EXPECT_EQ(kept->version, 3u);
    EXPECT_EQ(loop.await(ledger->due(loop, "hold", wallTimeFromMilliseconds(5), 9))->size(), 1u);
  }
  const auto connection =
      SqliteConnection::open(directory.file(), SqliteConnection::Missing::kFail).value();
  EXPECT_EQ(connection->queryInt("PRAGMA user_version").value(), 2);
  EXPECT_EQ(
      connection->queryInt("SELECT count(*) FROM sqlite_schema WHERE name LIKE 'claims%'").value(),
      0);
}

TEST_F(SqliteLedgerTest, SeedsOfTwoFilesDiffer) {
  const TempDirectory other;
  const auto first = openAt(directory.file(), 0, 1).value();
  const auto second = openAt(other.file(), 0, 2).value();
  EXPECT_NE(first->counterSeed().low, second->counterSeed().low);
}

}  // namespace
}  // namespace edgehold
