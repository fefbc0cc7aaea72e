// SPDX-License-Identifier: Apache-2.0
// The laws of reading audit files back.
// Thread: main only.
#include "proxy/observe/audit_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/observe/audit_names.h"
#include "proxy/observe/audit_record.h"
#include "proxy/observe/civil_time.h"
#include "tests/support/fake_random.h"
#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

std::string line(const char* request_id, const char* when = "2026-11-21T11:00:00Z") {
  AuditRecord record;
  record.principal = "qq";
  record.group = "g1";
  record.sender = "s1";
  record.route = "bot";
  record.host = "h:1";
  record.action = "mass_send";
  record.approval_id = "a1";
  record.decision = "hold";
  record.reason = "held";
  record.request_id = request_id;
  record.when = *parseRfc3339(when);
  Buffer line;
  AuditFormat({}).append(line, record);
  return std::string(line.view());
}

struct Reading {
  std::vector<std::string> lines;
  AuditReadReport report;
};

Reading readBytes(std::string_view bytes, const AuditQuery& query, std::size_t step) {
  Reading reading;
  FakeRandom random;
  const AuditSink sink = [&](std::string_view one) {
    reading.lines.emplace_back(one);
    return true;
  };
  AuditLineReader reader(query, sink, random);
  for (std::size_t at = 0; at < bytes.size(); at += step) reader.receive(bytes.substr(at, step));
  reader.receiveEnd();
  reading.report = reader.report();
  return reading;
}

// Whole, and one byte at a time: the same.
Reading readText(std::string_view bytes, const AuditQuery& query = {}) {
  Reading whole = readBytes(bytes, query, std::max<std::size_t>(bytes.size(), 1));
  const Reading slow = readBytes(bytes, query, 1);
  EXPECT_EQ(whole.lines, slow.lines);
  EXPECT_EQ(whole.report.invalid, slow.report.invalid);
  EXPECT_EQ(whole.report.lines, slow.report.lines);
  return whole;
}

TEST(AuditReader, ReadsWhatTheLogWrote) {
  const Reading reading = readText(line("a") + line("b"));
  EXPECT_EQ(reading.lines.size(), 2u);
  EXPECT_EQ(reading.lines[0] + "\n", line("a"));
  EXPECT_EQ(reading.report.invalid, 0u);
}

TEST(AuditReader, SkipsAndCountsWhatIsTornOrNoRecord) {
  for (const std::string& bad :
       {std::string("{\"decision\":\"allow\","), std::string("nonsense"), std::string("{}"),
        std::string("[1]"), std::string("{\"decision\":1,\"reason\":\"x\"}"),
        std::string("{\"decision\":\"allow\"}"), std::string("\xFF\xFE"), std::string("\0x", 2),
        std::string("{\"decision\":\"a\",\"decision\":\"b\",\"reason\":\"x\"}"),
        std::string(limits::kAuditLineBytesMax + 1, 'x')}) {
    const Reading reading = readBytes(line("a") + bad + "\n" + line("b"), {}, 1 + bad.size() / 2);
    EXPECT_EQ(reading.lines.size(), 2u) << bad.substr(0, 40);
    EXPECT_EQ(reading.report.invalid, 1u) << bad.substr(0, 40);
    EXPECT_EQ(reading.report.lines, 3u) << bad.substr(0, 40);
  }
}

TEST(AuditReader, CountsALastLineWithoutItsEndAsTorn) {
  const std::string text = line("a") + line("b");
  for (std::size_t missing = 2; missing < line("b").size(); ++missing) {
    const Reading reading = readText(text.substr(0, text.size() - missing));
    EXPECT_EQ(reading.lines.size(), 1u) << missing;
    EXPECT_EQ(reading.report.invalid, 1u) << missing;
  }
}

TEST(AuditReader, TakesALastLineThatMissesOnlyItsLineFeed) {
  const std::string text = line("a") + line("b");
  const Reading reading = readText(text.substr(0, text.size() - 1));
  EXPECT_EQ(reading.lines.size(), 2u);
  EXPECT_EQ(reading.report.invalid, 0u);
}

TEST(AuditReader, PassesOverEmptyLines) {
  const Reading reading = readText("\n\n" + line("a") + "\n");
  EXPECT_EQ(reading.lines.size(), 1u);
  EXPECT_EQ(reading.report.lines, 1u);
}

TEST(AuditReader, TakesALineOfTheLargestSize) {
  std::string longest = R"({"decision":"a","reason":"b","x":")";
  longest.append(limits::kAuditLineBytesMax - longest.size() - 2, 'x').append("\"}");
  EXPECT_EQ(readBytes(longest + "\n", {}, 4096).lines.size(), 1u);
  longest.insert(longest.size() - 2, "x");
  EXPECT_EQ(readBytes(longest + "\n", {}, 4096).report.invalid, 1u);
}

TEST(AuditReader, KeepsOnlyWhatAllConditionsHoldFor) {
  struct Condition {
    std::string AuditQuery::*field;
    const char* value;
  };
  for (const Condition& condition :
       {Condition{&AuditQuery::decision, "hold"}, Condition{&AuditQuery::reason, "held"},
        Condition{&AuditQuery::request_id, "a"}, Condition{&AuditQuery::route, "bot"},
        Condition{&AuditQuery::action, "mass_send"}, Condition{&AuditQuery::principal, "qq"},
        Condition{&AuditQuery::group, "g1"}, Condition{&AuditQuery::sender, "s1"},
        Condition{&AuditQuery::approval_id, "a1"}, Condition{&AuditQuery::host, "h:1"},
        Condition{&AuditQuery::text, "mass_"}}) {
    AuditQuery query;
    query.*condition.field = condition.value;
    EXPECT_EQ(readText(line("a"), query).lines.size(), 1u) << condition.value;
    query.*condition.field = "other";
    EXPECT_EQ(readText(line("a"), query).lines.size(), 0u) << condition.value;
  }
}

TEST(AuditReader, CountsSinceInAndUntilOut) {
  AuditQuery query;
  query.since = parseRfc3339("2026-11-21T11:00:00Z");
  query.until = parseRfc3339("2026-11-21T12:00:00Z");
  EXPECT_TRUE(readText(line("a", "2026-11-21T10:59:59.999Z"), query).lines.empty());
  EXPECT_EQ(readText(line("a", "2026-11-21T11:00:00Z"), query).lines.size(), 1u);
  EXPECT_EQ(readText(line("a", "2026-11-21T11:59:59.999Z"), query).lines.size(), 1u);
  EXPECT_TRUE(readText(line("a", "2026-11-21T12:00:00Z"), query).lines.empty());
}

TEST(AuditReader, StopsWhenTheSinkHasEnough) {
  FakeRandom random;
  const AuditQuery query;
  int lines = 0;
  const AuditSink sink = [&](std::string_view) { return ++lines < 2; };
  AuditLineReader reader(query, sink, random);
  EXPECT_TRUE(reader.receive(line("a")));
  EXPECT_FALSE(reader.receive(line("b") + line("c")));
  EXPECT_FALSE(reader.receive(line("d")));
  EXPECT_EQ(lines, 2);
}

class AuditFilesTest : public testing::Test {
 protected:
  std::vector<std::string> idsOf(const AuditQuery& query = {}) {
    std::vector<std::string> ids;
    const auto report = readAuditFiles(path_, query, [&](std::string_view one) {
      const std::size_t at = one.find("\"request_id\":\"") + 14;
      ids.emplace_back(one.substr(at, one.find('"', at) - at));
      return true;
    });
    EXPECT_TRUE(report.has_value());
    return ids;
  }
  std::string rotatedAt(const char* when) {
    return rotatedAuditName(path_, *parseRfc3339(when), 0);
  }
  TempDirectory directory_;
  std::string path_ = directory_.file("audit.log");
};

TEST_F(AuditFilesTest, AreReadOldestFirst) {
  writeWhole(path_, line("live"));
  writeWhole(rotatedAt("2026-11-20T00:00:00Z"), line("second"));
  writeWhole(rotatedAt("2026-11-19T00:00:00Z"), line("first") + "{\"torn");
  EXPECT_THAT(idsOf(), ElementsAre("first", "second", "live"));
}

TEST_F(AuditFilesTest, ThatEndedBeforeSinceAreNotRead) {
  writeWhole(rotatedAt("2026-11-20T00:00:00Z"), line("early", "2026-11-19T12:00:00Z"));
  writeWhole(path_, line("late", "2026-11-20T12:00:00Z"));
  AuditQuery query;
  query.since = parseRfc3339("2026-11-20T06:00:00Z");
  const auto report = readAuditFiles(path_, query, [](std::string_view) { return true; });
  ASSERT_TRUE(report.has_value());
  EXPECT_EQ(report->files, 1u);
  EXPECT_EQ(report->matched, 1u);
}

TEST_F(AuditFilesTest, AreFoundWithoutALiveOne) {
  writeWhole(rotatedAt("2026-11-20T00:00:00Z"), line("only"));
  EXPECT_THAT(idsOf(), ElementsAre("only"));
}

TEST_F(AuditFilesTest, OfWhichNoneExistIsAnError) {
  const auto report = readAuditFiles(path_, {}, [](std::string_view) { return true; });
  ASSERT_FALSE(report.has_value());
  EXPECT_THAT(report.error().message, HasSubstr(path_));
}

TEST_F(AuditFilesTest, AreNotReadTwiceWhenLinked) {
  writeWhole(path_, line("once"));
  std::filesystem::create_hard_link(path_, rotatedAt("2026-11-20T00:00:00Z"));
  EXPECT_THAT(idsOf(), ElementsAre("once"));
}

}  // namespace
}  // namespace edgehold
