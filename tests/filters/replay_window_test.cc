// SPDX-License-Identifier: Apache-2.0
// The laws of replay_window.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class ReplayWindowTest : public ::testing::Test {
 protected:
  std::int64_t now() const { return unixSeconds(f.loop.clock().wallNow()); }
  Reason header(const std::string& value) {
    return f.send({.headers = {{"X-Timestamp", value}}})->reason();
  }
  ExchangeFixture f;
};

TEST_F(ReplayWindowTest, HasBothBordersInside) {
  f.add("replay_window", "{past: 5m, future: 1m, header: X-Timestamp}");
  EXPECT_EQ(header(std::to_string(now())), Reason::kAllowed);
  EXPECT_EQ(header(std::to_string(now() - 300)), Reason::kAllowed);
  EXPECT_EQ(header(std::to_string(now() - 301)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(header(std::to_string(now() + 60)), Reason::kAllowed);
  EXPECT_EQ(header(std::to_string(now() + 61)), Reason::kTimestampOutsideWindow);
}

TEST_F(ReplayWindowTest, CountsMillisecondsWhenTold) {
  f.add("replay_window", "{past: 5m, header: X-Timestamp, unit: milliseconds}");
  EXPECT_EQ(header(std::to_string(now() * 1000 - 300'000)), Reason::kAllowed);
  EXPECT_EQ(header(std::to_string(now() * 1000 - 300'001)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(header(std::to_string(now())), Reason::kTimestampOutsideWindow);
}

TEST_F(ReplayWindowTest, RefusesATimeThatIsMissingOrIsNone) {
  f.add("replay_window", "{header: X-Timestamp}");
  EXPECT_EQ(f.send()->reason(), Reason::kTimestampMissing);
  for (const std::string value :
       {"", "soon", "-5", "1700000000.0", "99999999999999999999", "0x6553F100"}) {
    EXPECT_EQ(header(value), Reason::kTimestampMissing) << value;
  }
}

TEST_F(ReplayWindowTest, RefusesAHeaderThatComesTwice) {
  f.add("replay_window", "{header: X-Timestamp}");
  const std::string value = std::to_string(now());
  EXPECT_EQ(f.send({.headers = {{"X-Timestamp", value}, {"x-timestamp", value}}})->reason(),
            Reason::kMalformedRequest);
}

TEST_F(ReplayWindowTest, DecidesAHeaderOnTheHead) {
  f.add("replay_window", "{header: X-Timestamp}");
  const auto passage = f.passage();
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kTimestampMissing);
  EXPECT_EQ(f.chain().bodyPlan().request_body, FilterNeeds::Body::kNone);
}

TEST_F(ReplayWindowTest, LooksIntoTheBodyByPointer) {
  f.add("replay_window", "{pointer: /ts}");
  const std::string fresh = std::to_string(now());
  EXPECT_EQ(f.send({.body = R"({"ts":)" + fresh + "}"})->reason(), Reason::kAllowed);
  EXPECT_EQ(f.send({.body = R"({"ts":")" + fresh + "\"}"})->reason(), Reason::kAllowed);
  EXPECT_EQ(f.send({.body = R"({"ts":1})"})->reason(), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(f.send({.body = R"({"ts":1.7e9})"})->reason(), Reason::kTimestampMissing);
  EXPECT_EQ(f.send({.body = R"({})"})->reason(), Reason::kTimestampMissing);
  EXPECT_EQ(f.send({.body = "x"})->reason(), Reason::kJsonInvalid);
}

TEST_F(ReplayWindowTest, UsesTheVerifiedTimeWithoutASource) {
  f.add("replay_window", "{past: 5m}");
  EXPECT_EQ(f.send()->reason(), Reason::kTimestampMissing);
  const auto passage = f.passage();
  passage->exchange.facts.timestamp_ms = now() * 1000 - 300'001;
  passage->run();
  EXPECT_EQ(passage->reason(), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(passage->rule(), "past");
}

TEST_F(ReplayWindowTest, FollowsTheWallClockWhenItJumps) {
  f.add("replay_window", "{past: 5m, header: X-Timestamp}");
  const std::string value = std::to_string(now());
  f.loop.fakeClock().jumpWall(1h);
  EXPECT_EQ(header(value), Reason::kTimestampOutsideWindow);
}

TEST_F(ReplayWindowTest, RefusesMistakesInItsConfiguration) {
  for (const std::string_view config : {"{header: X-T, pointer: /ts}", "{header: \"X T\"}",
                                        "{pointer: ts}", "{unit: hours}", "{past: 5}"}) {
    f.add("replay_window", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
