// SPDX-License-Identifier: Apache-2.0
// The laws of the audit file: whole lines, told failures, rotation that loses nothing.
// Thread: main only, but for the test of many writers.
#include "proxy/observe/audit_file.h"

#include <thread>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/observe/audit_names.h"
#include "proxy/observe/civil_time.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using std::chrono::hours;
using std::chrono::seconds;

// The real clock of this day: rotation compares it with the times the kernel gives files.
WallTime today() {
  return std::chrono::floor<std::chrono::days>(SystemClock().wallNow()) + hours(12);
}

AuditSpec specAt(const std::string& path) {
  AuditSpec spec;
  spec.path = path;
  return spec;
}

std::unique_ptr<AuditFile> opened(const AuditSpec& spec, WallTime now = today()) {
  auto file = AuditFile::open(spec, now);
  EXPECT_TRUE(file.has_value());
  return std::move(*file);
}

TEST(AuditFile, AppendsToWhatIsThere) {
  const TempDirectory directory;
  const std::string path = directory.file("audit.log");
  writeWhole(path, "{\"a\":1}\n");
  EXPECT_FALSE(opened(specAt(path))->append("{\"a\":2}\n", today()).error);
  EXPECT_EQ(readWhole(path), "{\"a\":1}\n{\"a\":2}\n");
}

TEST(AuditFile, IsReadableByItsGroupAndNobodyElse) {
  const TempDirectory directory;
  const mode_t mask = umask(0);
  const auto file = opened(specAt(directory.file("audit.log")));
  umask(mask);
  struct stat status {};
  ASSERT_EQ(stat(directory.file("audit.log").c_str(), &status), 0);
  EXPECT_EQ(status.st_mode & 0777, 0640u);
}

TEST(AuditFile, ThatCannotBeOpenedStopsTheStartAndNamesThePath) {
  const auto file = AuditFile::open(specAt("/nowhere/audit.log"), today());
  ASSERT_FALSE(file.has_value());
  EXPECT_NE(file.error().message.find("`/nowhere/audit.log`: cannot open"), std::string::npos);
}

TEST(AuditFile, ConfinesTheHalfLineThatACrashLeft) {
  const TempDirectory directory;
  const std::string path = directory.file("audit.log");
  writeWhole(path, "{\"a\":1}\n{\"a\":");
  EXPECT_FALSE(opened(specAt(path))->append("{\"a\":2}\n", today()).error);
  EXPECT_EQ(readWhole(path), "{\"a\":1}\n{\"a\":\n{\"a\":2}\n");
}

TEST(AuditFile, ReportsAFullDiskAndTurnsHealthyOnceItCanWrite) {
  const TempDirectory directory;
  const std::string path = directory.file("audit.log");
  ASSERT_EQ(symlink("/dev/full", path.c_str()), 0);
  const auto file = opened(specAt(path));
  const AppendReport report = file->append("{}\n", today());
  ASSERT_TRUE(report.error.has_value());
  EXPECT_EQ(report.error->reason, Reason::kStoreUnavailable);
  EXPECT_EQ(report.bytes, 0u);
  EXPECT_FALSE(file->isHealthy());
  EXPECT_EQ(file->health().errors(), 1u);
  EXPECT_NE(file->health().lastError().find("No space left"), std::string::npos);

  ASSERT_EQ(unlink(path.c_str()), 0);
  ASSERT_TRUE(file->reopen(today()).has_value());
  EXPECT_FALSE(file->append("{}\n", today()).error);
  EXPECT_TRUE(file->isHealthy());
}

TEST(AuditFile, TellsHowFarAWriteGotAndConfinesTheTornLine) {
  const TempDirectory directory;
  const std::string path = directory.file("audit.log");
  const auto file = opened(specAt(path));
  const std::string line = "{\"id\":\"0123456789\"}\n";
  AppendReport report;
  {
    const FileSizeLimit limit(line.size() + 5);
    report = file->append(line + line, today());
  }
  EXPECT_TRUE(report.error.has_value());
  EXPECT_EQ(report.bytes, line.size() + 5);
  EXPECT_FALSE(file->append(line, today()).error);
  EXPECT_EQ(readWhole(path), line + line.substr(0, 5) + "\n" + line);
}

TEST(AuditFile, SyncsToTheDiskWhenAskedAndWhenConfigured) {
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.durability = AuditSpec::Durability::kDisk;
  const auto file = opened(spec);
  EXPECT_FALSE(file->append("{}\n", today()).error);
  EXPECT_FALSE(file->append("", today(), /*is_durable=*/true).error);
}

TEST(AuditFile, RecordsAnOperatorsActOrSaysThatItCouldNot) {
  TempDirectory directory;
  const std::string path = directory.file("audit.jsonl");
  const auto file = opened(specAt(path));
  OperatorAct act;
  act.who = "signal";
  act.act = "policy.reload";
  ASSERT_TRUE(file->record(act, today()));
  EXPECT_NE(readWhole(path).find("\"act\":\"policy.reload\""), std::string::npos);
  const auto full = opened(specAt("/dev/full"));
  const auto refused = full->record(act, today());
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kStoreUnavailable);
}

TEST(AuditFile, RotatesBeforeItWouldPassItsSize) {
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.rotate_bytes = 16;
  const auto file = opened(spec);
  EXPECT_FALSE(file->append("1234567\n", today()).error);
  EXPECT_FALSE(file->append("abcdefg\n", today()).error);  // 16 bytes: the border is inside
  EXPECT_FALSE(file->append("x\n", today()).error);
  EXPECT_EQ(readWhole(spec.path), "x\n");
  const auto rotated = listRotatedAuditFiles(spec.path);
  ASSERT_EQ(rotated.size(), 1u);
  EXPECT_EQ(readWhole(rotated[0].path), "1234567\nabcdefg\n");
}

TEST(AuditFile, RotatesTwiceInOneSecondWithoutOverwriting) {
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.rotate_bytes = 4;
  const auto file = opened(spec);
  for (const char* line : {"one\n", "two\n", "six\n"}) {
    EXPECT_FALSE(file->append(line, today()).error);
  }
  const auto rotated = listRotatedAuditFiles(spec.path);
  ASSERT_EQ(rotated.size(), 2u);
  EXPECT_EQ(readWhole(rotated[0].path) + readWhole(rotated[1].path), "one\ntwo\n");
}

TEST(AuditFile, RotatesAtMidnightUtc) {
  const TempDirectory directory;
  const AuditSpec spec = specAt(directory.file("audit.log"));
  const WallTime midnight = std::chrono::floor<std::chrono::days>(today()) + hours(24);
  const auto file = opened(spec, midnight - seconds(1));
  EXPECT_FALSE(file->append("today\n", midnight - Duration(1)).error);
  EXPECT_TRUE(listRotatedAuditFiles(spec.path).empty());
  EXPECT_FALSE(file->append("tomorrow\n", midnight).error);
  EXPECT_EQ(listRotatedAuditFiles(spec.path).size(), 1u);
  EXPECT_EQ(readWhole(spec.path), "tomorrow\n");
}

TEST(AuditFile, StaysInItsFileWhenTheClockJumpsBack) {
  const TempDirectory directory;
  const AuditSpec spec = specAt(directory.file("audit.log"));
  const auto file = opened(spec);
  EXPECT_FALSE(file->append("a\n", today()).error);
  EXPECT_FALSE(file->append("b\n", today() - hours(48)).error);
  EXPECT_FALSE(file->append("c\n", today() - hours(24)).error);
  EXPECT_EQ(readWhole(spec.path), "a\nb\nc\n");
}

TEST(AuditFile, KeepsWritingWhenItCannotRotate) {
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.rotate_bytes = 2;
  const auto file = opened(spec);
  EXPECT_FALSE(file->append("a\n", today()).error);
  ASSERT_EQ(unlink(spec.path.c_str()), 0);  // nothing to move aside
  const std::uint64_t errors = file->health().errors();
  EXPECT_FALSE(file->append("b\n", today()).error);
  EXPECT_FALSE(file->append("c\n", today()).error);
  EXPECT_EQ(file->health().errors(), errors + 1) << "tried again at once";
  EXPECT_TRUE(file->isHealthy());
}

TEST(AuditFile, FollowsAFileThatWasMovedAwayWhenReopened) {
  const TempDirectory directory;
  const AuditSpec spec = specAt(directory.file("audit.log"));
  const auto file = opened(spec);
  EXPECT_FALSE(file->append("a\n", today()).error);
  std::filesystem::rename(spec.path, directory.file("moved"));
  EXPECT_FALSE(file->append("b\n", today()).error);
  ASSERT_TRUE(file->reopen(today()).has_value());
  EXPECT_FALSE(file->append("c\n", today()).error);
  EXPECT_EQ(readWhole(directory.file("moved")), "a\nb\n");
  EXPECT_EQ(readWhole(spec.path), "c\n");
}

TEST(AuditFile, RemovesWhatIsPastItsRetentionAndNothingElse) {
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.retention_days = 30;
  const auto file = opened(spec);
  const std::string expired = rotatedAuditName(spec.path, today() - hours(24 * 30 + 1), 0);
  const std::string kept = rotatedAuditName(spec.path, today() - hours(24 * 30), 0);
  const std::string foreign = directory.file("audit.log.20200101T000000Z.gz");
  for (const std::string& path : {expired, kept, foreign}) writeWhole(path, "x\n");
  file->removeExpired(today());
  EXPECT_FALSE(std::filesystem::exists(expired));
  EXPECT_TRUE(std::filesystem::exists(kept));
  EXPECT_TRUE(std::filesystem::exists(foreign));
  EXPECT_TRUE(std::filesystem::exists(spec.path));
}

TEST(AuditFile, KeepsEverythingWhenRetentionIsZero) {
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.retention_days = 0;
  const auto file = opened(spec);
  const std::string old = rotatedAuditName(spec.path, today() - hours(24 * 4000), 0);
  writeWhole(old, "x\n");
  file->removeExpired(today());
  EXPECT_TRUE(std::filesystem::exists(old));
}

// Goal: no line is torn or lost whatever the interleaving. Method: four threads write numbered
// blocks of two lines with rotation all the while; every line must be there once and whole.
TEST(AuditFile, NeverTearsOrLosesALineOfManyWriters) {
  constexpr int kThreads = 4, kBlocks = 500;
  const TempDirectory directory;
  AuditSpec spec = specAt(directory.file("audit.log"));
  spec.rotate_bytes = 4096;
  const auto file = opened(spec);
  std::vector<std::thread> threads;
  for (int thread = 0; thread < kThreads; ++thread) {
    threads.emplace_back([&file, thread] {
      for (int block = 0; block < kBlocks; ++block) {
        const std::string line = std::to_string(thread) + ":" + std::to_string(block) + "\n";
        EXPECT_FALSE(file->append(line + line, today(), block % 100 == 0).error);
      }
    });
  }
  for (std::thread& thread : threads) thread.join();
  std::string all;
  for (const auto& rotated : listRotatedAuditFiles(spec.path)) all += readWhole(rotated.path);
  all += readWhole(spec.path);
  std::vector<int> next(kThreads, 0);
  const auto lines = split(all, '\n');
  ASSERT_EQ(lines.size(), kThreads * kBlocks * 2 + 1u);
  for (std::size_t i = 0; i + 1 < lines.size(); i += 2) {
    ASSERT_EQ(lines[i], lines[i + 1]);
    const auto parts = split(lines[i], ':');
    ASSERT_EQ(parts.size(), 2u);
    const auto thread = parseUnsigned(parts[0]);
    ASSERT_TRUE(thread && *thread < kThreads);
    EXPECT_EQ(parts[1], std::to_string(next[*thread]++)) << "one writer's lines keep their order";
  }
}

TEST(AuditNames, ReadWhatTheyWrite) {
  const WallTime when = *parseRfc3339("2026-11-21T11:02:10Z");
  EXPECT_EQ(rotatedAuditName("/l/audit.log", when, 0), "/l/audit.log.20261121T110210Z");
  EXPECT_EQ(rotatedAuditName("/l/audit.log", when, 7), "/l/audit.log.20261121T110210Z-7");
  const auto read = parseRotatedAuditName("audit.log", "audit.log.20261121T110210Z-7");
  ASSERT_TRUE(read.has_value());
  EXPECT_EQ(read->rotated, when);
  EXPECT_EQ(read->sequence, 7u);
}

TEST(AuditNames, RefuseWhatIsNotTheirs) {
  for (const char* name : {"audit.log", "audit.log.", "audit.log.1", "audit.log.20261121T110210",
                           "other.log", "audit.log.20261321T110210Z",
                           "audit.log.20261121T110210Z.gz", "audit.log.20261121T110210Z-",
                           "audit.log.20261121T110210Z-0", "audit.log.20261121T110210Z-x",
                           "audit.log.20261121T110210Z-10001", "audit.log.20261121 110210Z"}) {
    EXPECT_FALSE(parseRotatedAuditName("audit.log", name).has_value()) << name;
  }
}

// A log shipper that hangs must not hang the workers.
TEST(AuditFilePipe, IsAnErrorWhileItsReaderTakesNothing) {
  const TempDirectory directory;
  const std::string path = directory.file("pipe");
  ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
  const int reader = ::open(path.c_str(), O_RDONLY | O_NONBLOCK);
  ASSERT_GE(reader, 0);
  const auto file = opened(specAt(path));
  const std::string line = std::string(999, 'x') + "\n";
  std::size_t lines = 0;
  while (lines < 10'000 && !file->append(line, today()).error) ++lines;
  EXPECT_LT(lines, 10'000u);
  EXPECT_FALSE(file->isHealthy());
  std::string taken(1 << 20, '\0');
  EXPECT_GT(::read(reader, taken.data(), taken.size()), 0);
  EXPECT_FALSE(file->append(line, today()).error);
  EXPECT_TRUE(file->isHealthy());
  ::close(reader);
}

}  // namespace
}  // namespace edgehold
