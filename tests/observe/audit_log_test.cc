// SPDX-License-Identifier: Apache-2.0
// The laws of audit records and of a worker's log.
// Thread: main only.
#include "proxy/observe/audit_log.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <unistd.h>

#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/route.h"
#include "tests/support/counted_new.h"
#include "tests/support/fake_loop.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using std::chrono::microseconds;
using std::chrono::seconds;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

std::unique_ptr<const Route> routeNamed(std::string name) {
  Route::Parts parts;
  parts.name = std::move(name);
  return std::make_unique<const Route>(std::move(parts));
}

void fill(Exchange& exchange, const Route& route) {
  exchange.request_id = "0123456789abcdef0123456789abcdef";
  exchange.started_wall = WallTime(std::chrono::milliseconds(1'700'000'000'123));
  exchange.client.address = *IpAddress::parse("203.0.113.7");
  exchange.client.peer = *Endpoint::parse("203.0.113.7:5000");
  exchange.route = &route;
  exchange.request.method_token = "POST";
  exchange.request.authority = "bot.example:8443";
  exchange.request.target.path = "/v1/messages";
  exchange.facts.principal = "qq";
  exchange.facts.sender = "s1";
  exchange.facts.group = "g1";
  exchange.facts.action = "mass_send";
  exchange.facts.event_type = "message";
  exchange.facts.event_id = "e1";
  exchange.decision.kind = Decision::Kind::kHold;
  exchange.decision.reason = Reason::kHeld;
  exchange.decision.filter = "approval_hold";
  exchange.decision.rule = "mass_send";
  exchange.decision.why = "more than 100 receivers";
  exchange.decision.status = 202;
  exchange.decision.request_body_bytes = 42;
  exchange.decision.response_body_bytes = 7;
  exchange.decision.policy_time = microseconds(15);
  exchange.decision.total_time = microseconds(20);
}

std::string lineOf(const AuditRecord& record, const std::vector<std::string>& fields = {}) {
  Buffer line;
  AuditFormat(fields).append(line, record);
  return std::string(line.view());
}

std::string lineOf(const OperatorAct& act, WallTime when) {
  Buffer line;
  appendOperatorAct(line, act, when);
  return std::string(line.view());
}

TEST(AuditRecord, SaysAllThatIsKnownInOneLine) {
  const auto route = routeNamed("bot");
  Exchange exchange;
  fill(exchange, *route);
  exchange.facts.tags.emplace_back("team", "blue");
  exchange.decision.shadows.push_back({"host_guard", Reason::kHostRejected, "r9"});
  AuditRecord record = auditRecordOf(exchange);
  record.policy = "p1";
  record.trace_id = "t1";
  EXPECT_EQ(
      lineOf(record),
      R"({"who":{"address":"203.0.113.7","principal":"qq","sender":"s1","group":"g1"},)"
      R"("what":{"method":"POST","host":"bot.example:8443","path":"/v1/messages","route":"bot",)"
      R"("action":"mass_send",)"
      R"("event_type":"message","event_id":"e1"},"when":"2023-11-14T22:13:20.123Z",)"
      R"("why":{"filter":"approval_hold","rule":"mass_send","detail":"more than 100 receivers",)"
      R"("shadows":[{"filter":"host_guard","reason":"host_rejected","rule":"r9"}]},)"
      R"("request_id":"0123456789abcdef0123456789abcdef","decision":"hold","reason":"held",)"
      R"("policy":"p1","status":202,"request_bytes":42,"response_bytes":7,"policy_us":15,)"
      R"("total_us":20,"tags":{"team":"blue"},"trace_id":"t1"})"
      "\n");
}

TEST(AuditRecord, TellsTheProxyBetweenAndTheUpstreamsAnswer) {
  const auto route = routeNamed("bot");
  Exchange exchange;
  fill(exchange, *route);
  exchange.client.peer = *Endpoint::parse("[2001:db8::1]:1");
  exchange.decision.upstream_status = 503;
  exchange.decision.upstream_time = microseconds(9);
  const std::string line = lineOf(auditRecordOf(exchange));
  EXPECT_THAT(line, HasSubstr(R"("peer":"2001:db8::1")"));
  EXPECT_THAT(line, HasSubstr(R"("upstream_status":503)"));
  EXPECT_THAT(line, HasSubstr(R"("upstream_us":9)"));
}

TEST(AuditRecord, TellsHowMuchOfARequestWithoutAnswerLeft) {
  const auto route = routeNamed("bot");
  Exchange exchange;
  fill(exchange, *route);
  EXPECT_THAT(lineOf(auditRecordOf(exchange)), Not(HasSubstr("upstream")));
  exchange.decision.was_forwarded = true;
  EXPECT_THAT(lineOf(auditRecordOf(exchange)), HasSubstr(R"("upstream":"begun")"));
  exchange.decision.was_forwarded_whole = true;
  EXPECT_THAT(lineOf(auditRecordOf(exchange)), HasSubstr(R"("upstream":"sent")"));
  exchange.decision.upstream_status = 200;
  EXPECT_THAT(lineOf(auditRecordOf(exchange)), Not(HasSubstr(R"("upstream":)")));
}

TEST(AuditRecord, LeadsWithTheConfiguredFieldsInTheirOrder) {
  const auto route = routeNamed("bot");
  Exchange exchange;
  fill(exchange, *route);
  const AuditRecord record = auditRecordOf(exchange);
  EXPECT_THAT(lineOf(record, {"request_id", "when", "request_id", "who", "what", "why"}),
              StartsWith(R"({"request_id":"0123456789abcdef0123456789abcdef","when":"2023-)"));
  const std::string lean = lineOf(record, {"when"});
  for (const char* key : {"\"who\"", "\"what\"", "\"why\"", "\"request_id\""}) {
    EXPECT_THAT(lean, Not(HasSubstr(key)));
  }
  EXPECT_THAT(lean, HasSubstr(R"("decision":"hold","reason":"held")"));
}

TEST(AuditRecord, OfAnExchangeThatNeverHadAHeadIsStillARecord) {
  Exchange exchange;
  const auto tree = parseJsonTree(lineOf(auditRecordOf(exchange)));
  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(stringMember(*tree, "decision"), "allow");
}

// Goal: nothing a peer sends breaks out of its string, its line or its terminal. Method: put the
// worst into every text and read the line back.
TEST(AuditRecord, ContainsWhateverPeersSend) {
  const std::string evil = std::string("a\"b\\c\n\r\t\x01\x7F\xFF\xC2\x9B") + "[2J\xE2\x82" + '\0';
  AuditRecord record;
  record.decision = "deny";
  record.reason = "ip_denied";
  record.principal = record.channel = record.sender = record.group = evil;
  record.method = record.host = record.path = record.route = record.action = evil;
  record.event_type = record.event_id = record.filter = record.rule = record.detail = evil;
  record.request_id = record.approval_id = record.policy = record.trace_id = evil;
  const std::vector<std::pair<std::string_view, std::string_view>> tags = {{evil, evil}};
  record.tags = &tags;
  const std::string line = lineOf(record);
  EXPECT_EQ(line.find('\n'), line.size() - 1);
  for (const char c : line.substr(0, line.size() - 1)) {
    EXPECT_TRUE(static_cast<unsigned char>(c) >= 0x20 && c != '\x7F');
  }
  EXPECT_THAT(line, Not(HasSubstr("\xC2\x9B")));
  const auto tree = parseJsonTree(line);
  ASSERT_TRUE(tree.has_value()) << tree.error().message;
  EXPECT_EQ(stringMember(*tree, "reason"), "ip_denied");
}

TEST(AuditRecord, IsBoundedWhateverItsTexts) {
  const std::string control(1 << 20, '\x01');
  AuditRecord record;
  record.decision = "deny";
  record.reason = "ip_denied";
  record.principal = record.channel = record.sender = record.group = control;
  record.method = record.path = record.route = record.action = control;
  record.event_type = record.event_id = record.filter = record.rule = record.detail = control;
  record.request_id = record.approval_id = record.policy = record.trace_id = control;
  std::vector<std::pair<std::string_view, std::string_view>> tags;
  std::vector<std::string> names;
  for (int i = 0; i < 40; ++i) names.push_back(std::to_string(i) + control);
  for (const std::string& name : names) tags.emplace_back(name, control);
  record.tags = &tags;
  const std::vector<ShadowVerdict> shadows(100, {control, Reason::kIpDenied, control});
  record.shadows = &shadows;
  EXPECT_LE(lineOf(record).size(), limits::kAuditLineBytesMax);
}

TEST(AuditRecord, CutsAtACharacter) {
  std::string text(limits::kFactBytesMax - 1, 'x');
  text += "\xE2\x82\xAC";
  AuditRecord record;
  record.principal = text;
  EXPECT_THAT(lineOf(record), HasSubstr("x\"}"));
  EXPECT_THAT(lineOf(record), Not(HasSubstr("\xEF\xBF\xBD")));
}

TEST(AuditRecord, KeepsTheLastOfTwoTagsThatAStrictReaderTakesForOne) {
  const std::vector<std::pair<std::string_view, std::string_view>> tags = {
      {"team", "a"}, {"x", "y"}, {"Team", "b"}};
  AuditRecord record;
  record.tags = &tags;
  EXPECT_THAT(lineOf(record), HasSubstr(R"("tags":{"x":"y","Team":"b"})"));
}

// Goal: no secret, signature, token or body in a record. Method: plant one in every place of a
// request that could carry it.
TEST(AuditRecord, ShowsNoneOfThePlantedSecrets) {
  const auto route = routeNamed("bot");
  Exchange exchange;
  fill(exchange, *route);
  const std::string secret = "s3cr3tS3CR3Ts3cr3tS3CR3T";
  const std::string path = "/bot1234:" + secret + "/send";
  const std::string query = "access_token=" + secret;
  exchange.request.target.path = path;
  exchange.request.target.query = query;
  exchange.request.target.text = path;
  for (const char* name : {"authorization", "cookie", "x-signature", "x-unknown", "user-agent"}) {
    exchange.request.headers.add(name, secret);
  }
  exchange.request.authority = secret;
  exchange.body.append("{\"token\":\"" + secret + "\"}");
  exchange.is_body_complete = true;
  EXPECT_THAT(lineOf(auditRecordOf(exchange)), Not(HasSubstr("s3cr3t")));
}

class AuditLogTest : public testing::Test {
 protected:
  AuditLogTest() : registry_("1"), metrics_(registry_.addWorker()) {
    spec_.path = directory_.file("audit.log");
    spec_.rotate_daily = false;
  }
  void open() {
    file_ = std::move(*AuditFile::open(spec_, loop_.clock().wallNow()));
    log_ = std::make_unique<AuditLog>(*file_, metrics_, loop_, spec_.fields);
  }
  // From a full disk to one with room: the path leads elsewhere from now on.
  void makeRoom() {
    ASSERT_EQ(unlink(spec_.path.c_str()), 0);
    ASSERT_TRUE(file_->reopen(loop_.clock().wallNow()).has_value());
  }
  AuditRecord numbered(const char* request_id) const {
    AuditRecord record;
    record.decision = "allow";
    record.reason = "allowed";
    record.request_id = request_id;
    return record;
  }
  std::string written() const { return readWhole(spec_.path); }
  // The request ids of all whole records.
  std::vector<std::string> recordsWritten() const {
    std::vector<std::string> ids;
    const std::string text = written();
    for (const std::string_view line : split(text, '\n')) {
      const auto record = parseJsonTree(line);
      if (record) ids.push_back(stringMember(*record, "request_id").value_or(""));
    }
    return ids;
  }

  TempDirectory directory_;
  AuditSpec spec_;
  FakeLoop loop_;
  MetricsRegistry registry_;
  WorkerMetrics& metrics_;
  std::unique_ptr<AuditFile> file_;
  std::unique_ptr<AuditLog> log_;
};

TEST_F(AuditLogTest, WritesTheLinesOfATurnAtItsEnd) {
  open();
  EXPECT_TRUE(log_->record(numbered("a")).has_value());
  EXPECT_TRUE(log_->record(numbered("b")).has_value());
  EXPECT_EQ(written(), "");
  EXPECT_TRUE(log_->flush().has_value());
  EXPECT_THAT(written(), HasSubstr("\"a\""));
  EXPECT_THAT(written(), HasSubstr("\"b\""));
  EXPECT_EQ(metrics_.audit_records.value(), 2u);
}

TEST_F(AuditLogTest, WritesWhatIsLeftWhenItEnds) {
  open();
  EXPECT_TRUE(log_->record(numbered("last")).has_value());
  log_.reset();
  EXPECT_THAT(written(), HasSubstr("\"last\""));
}

TEST_F(AuditLogTest, RefusesWhileTheDiskIsFullAndWritesAllWhenThereIsRoom) {
  ASSERT_EQ(symlink("/dev/full", spec_.path.c_str()), 0);
  open();
  EXPECT_TRUE(log_->isHealthy());
  EXPECT_TRUE(log_->record(numbered("kept")).has_value());
  const auto flushed = log_->flush();
  ASSERT_FALSE(flushed.has_value());
  EXPECT_EQ(flushed.error().reason, Reason::kStoreUnavailable);
  EXPECT_FALSE(log_->isHealthy());
  makeRoom();
  EXPECT_EQ(written(), "");
  loop_.advance(limits::kAuditRetryInterval);  // by itself, without traffic
  EXPECT_THAT(written(), HasSubstr("\"kept\""));
  EXPECT_TRUE(log_->isHealthy());
}

TEST_F(AuditLogTest, KeepsTryingWhileTheDiskStaysFull) {
  ASSERT_EQ(symlink("/dev/full", spec_.path.c_str()), 0);
  open();
  EXPECT_TRUE(log_->record(numbered("kept")).has_value());
  EXPECT_FALSE(log_->flush().has_value());
  loop_.advance(5 * limits::kAuditRetryInterval);
  EXPECT_EQ(file_->health().errors(), 6u);
  makeRoom();
}

TEST_F(AuditLogTest, OwesASyncThatFailedUntilItSucceeds) {
  ASSERT_EQ(symlink("/dev/full", spec_.path.c_str()), 0);
  open();
  EXPECT_TRUE(log_->record(numbered("held")).has_value());
  EXPECT_FALSE(log_->flushDurable().has_value());
  makeRoom();
  EXPECT_TRUE(log_->flushDurable().has_value());
  EXPECT_THAT(written(), HasSubstr("\"held\""));
}

// Goal: one record, one line, wherever the disk becomes full. Method: room for each length.
TEST_F(AuditLogTest, WritesARecordOnceWhereverAWriteEndedShort) {
  const std::size_t bytes = lineOf(numbered("a")).size() + lineOf(numbered("b")).size();
  for (std::size_t room = 1; room < bytes; ++room) {
    log_.reset();  // before the file that it writes
    (void)unlink(spec_.path.c_str());
    open();
    EXPECT_TRUE(log_->record(numbered("a")).has_value());
    EXPECT_TRUE(log_->record(numbered("b")).has_value());
    {
      const FileSizeLimit limit(room);
      EXPECT_FALSE(log_->flush().has_value()) << room;
    }
    EXPECT_TRUE(log_->record(numbered("c")).has_value());
    EXPECT_TRUE(log_->flush().has_value()) << room;
    EXPECT_THAT(recordsWritten(), testing::ElementsAre("a", "b", "c")) << room;
  }
}

TEST_F(AuditLogTest, LosesAndCountsOnlyWhatIsPastItsBuffer) {
  ASSERT_EQ(symlink("/dev/full", spec_.path.c_str()), 0);
  open();
  const std::string detail(limits::kAuditDetailBytesMax, '\x01');
  AuditRecord record = numbered("big");
  record.detail = detail;
  std::size_t kept = 0;
  while (metrics_.audit_records_lost.value() == 0 && kept < 100'000) {
    (void)log_->record(record);
    ++kept;
  }
  EXPECT_GE(kept * limits::kAuditDetailBytesMax * 6, limits::kAuditBufferBytesMax - (1u << 20));
  EXPECT_FALSE(log_->record(record).has_value());
  EXPECT_EQ(metrics_.audit_records_lost.value(), 2u);
  makeRoom();
}

TEST_F(AuditLogTest, AllocatesNothingInASteadyState) {
  open();
  const auto route = routeNamed("bot");
  Exchange exchange;
  fill(exchange, *route);
  EXPECT_TRUE(log_->record(exchange, "p1").has_value());
  EXPECT_TRUE(log_->flush().has_value());
  const std::size_t before = allocationCount();
  for (int i = 0; i < 100; ++i) (void)log_->record(exchange, "p1");
  (void)log_->flush();
  EXPECT_EQ(allocationCount(), before);
}

TEST(OperatorAct, SaysWhoDidWhatAndWhy) {
  const std::string line = lineOf({.who = "uid:0 (root)",
                                   .act = "policy.reload",
                                   .target = "beef",
                                   .outcome = "refused",
                                   .why = "a \"filter\" less\nand more",
                                   .request_id = "r1",
                                   .policy = "cafe",
                                   .reason = Reason::kPolicyRefused},
                                  WallTime(std::chrono::milliseconds(1'700'000'000'123)));
  const Json::Value tree = parseJsonTree(line).value_or(Json::Value());
  EXPECT_EQ(stringMember(*anyMember(tree, "who"), "operator"), "uid:0 (root)");
  EXPECT_EQ(stringMember(*anyMember(tree, "what"), "act"), "policy.reload");
  EXPECT_EQ(stringMember(*anyMember(tree, "what"), "target"), "beef");
  EXPECT_EQ(stringMember(*anyMember(tree, "why"), "detail"), "a \"filter\" less\nand more");
  EXPECT_EQ(stringMember(tree, "when"), "2023-11-14T22:13:20.123Z");
  EXPECT_EQ(stringMember(tree, "request_id"), "r1");
  EXPECT_EQ(stringMember(tree, "decision"), "operator");
  EXPECT_EQ(stringMember(tree, "reason"), "policy_refused");
  EXPECT_EQ(stringMember(tree, "outcome"), "refused");
  EXPECT_EQ(stringMember(tree, "policy"), "cafe");
  EXPECT_EQ(line.find('\n'), line.size() - 1);
}

TEST(OperatorAct, IsBoundedWhateverIsSaid) {
  const std::string long_text(limits::kAuditLineBytesMax, '\x01');
  const std::string line = lineOf({.who = long_text,
                                   .act = long_text,
                                   .target = long_text,
                                   .outcome = long_text,
                                   .why = long_text,
                                   .request_id = long_text,
                                   .policy = long_text},
                                  WallTime());
  EXPECT_LE(line.size(), limits::kAuditLineBytesMax);
  EXPECT_TRUE(parseJsonTree(line));
}

}  // namespace
}  // namespace edgehold
