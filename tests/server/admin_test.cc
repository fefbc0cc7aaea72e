// SPDX-License-Identifier: Apache-2.0
// The admin listener over real sockets: what it answers, and what it refuses.
#include "proxy/server/admin.h"

#include <fstream>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <sys/stat.h>
#include <unistd.h>

#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "tests/server/admin_house.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

AdminCall get(std::string target) {
  return {.method = "GET", .target = std::move(target), .body = {}};
}
AdminCall post(std::string target, std::string body = {}) {
  return {.method = "POST", .target = std::move(target), .body = std::move(body)};
}

Json::Value treeOf(const Result<AdminAnswered>& answered) {
  if (!answered) return {};
  return parseJsonTree(answered->body).value_or(Json::Value());
}

TEST(Admin, HealthFollowsTheOperations) {
  AdminHouse house;
  house.open();
  for (const char* const path : {"/livez", "/readyz", "/startupz"}) {
    const auto answered = house.ask(get(path));
    ASSERT_TRUE(answered) << answered.error().message;
    EXPECT_EQ(answered->status, 200) << path;
  }
  house.operations().is_ready = false;
  house.operations().is_started = false;
  EXPECT_EQ(house.ask(get("/livez"))->status, 200);
  EXPECT_EQ(house.ask(get("/readyz"))->status, 503);
  EXPECT_EQ(house.ask(get("/startupz"))->status, 503);
}

TEST(Admin, ReadinessAndStatusSayWhichStoreCannotBeWritten) {
  AdminHouse house;
  house.open();
  house.operations().is_ready = false;
  house.operations().told_status.troubles = {"claim journal `x`: cannot write: no room"};
  EXPECT_EQ(house.ask(get("/readyz"))->body,
            "not ready\nclaim journal `x`: cannot write: no room\n");
  EXPECT_NE(house.ask(get("/status"))->body.find("no room"), std::string::npos);
}

TEST(Admin, NothingIsDecidedThatCouldNotBeRecorded) {
  AdminHouse house;
  house.open();
  house.operations().told_status.is_audit_healthy = false;
  AdminCall call = get("/approvals/apr_1/approve");
  call.method = "POST";
  call.body = R"({"reason":"yes"})";
  const auto answered = house.ask(call);
  EXPECT_EQ(answered->status, 503);
  EXPECT_NE(answered->body.find("store_unavailable"), std::string::npos);
  EXPECT_TRUE(house.operations().acts.empty());
}

TEST(Admin, HeadOfAHealthPageHasItsLengthAndNoBody) {
  AdminHouse house;
  house.open();
  const std::string answer =
      house.sendRaw("HEAD /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n");
  EXPECT_THAT(answer, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(answer, HasSubstr("Content-Length: 6\r\n"));
  EXPECT_THAT(answer, testing::EndsWith("\r\n\r\n"));
}

TEST(Admin, MetricsAreInThePrometheusFormat) {
  AdminHouse house;
  house.open();
  EXPECT_THAT(house.ask(get("/metrics"))->body, HasSubstr("# TYPE "));
  EXPECT_THAT(house.sendRaw("GET /metrics HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              HasSubstr("Content-Type: text/plain; version=0.0.4"));
}

TEST(Admin, StatusTellsWhatTheServerIs) {
  AdminHouse house;
  ServerStatus& status = house.operations().told_status;
  status.program_version = "1.2.3";
  status.policy_version = "abcdef";
  status.started = wallTimeFromMilliseconds(1'700'000'000'000);
  status.is_ready = true;
  status.workers = 2;
  status.listeners = {"https://127.0.0.1:8443"};
  status.policy.last_error = "a.yaml:1:1: no";
  status.policy.last_weaker = {"admin.address: opens"};
  status.policy.is_rolled_back = true;
  status.policy.is_disk_in_force = false;
  status.audit_file = "/a/audit.jsonl";
  house.open();
  const Json::Value tree = treeOf(house.ask(get("/status")));
  EXPECT_EQ(stringMember(tree, "policy_version"), "abcdef");
  EXPECT_EQ(stringMember(tree, "started"), "2023-11-14T22:13:20.000Z");
  EXPECT_EQ(stringMember(tree, "audit_file"), "/a/audit.jsonl");
  EXPECT_EQ(boolMember(tree, "is_ready"), true);
  EXPECT_EQ(intMember(tree, "workers"), 2);
  ASSERT_NE(anyMember(tree, "last_reload"), nullptr);
  EXPECT_EQ(stringMember(*anyMember(tree, "last_reload"), "error"), "a.yaml:1:1: no");
  EXPECT_EQ(anyMember(*anyMember(tree, "last_reload"), "weaker")->size(), 1u);
  EXPECT_EQ(stringMember(tree, "policy_source"), "rollback");
  EXPECT_EQ(boolMember(tree, "is_disk_in_force"), false);
}

TEST(Admin, ReloadTellsWhatIsInForce) {
  AdminHouse house;
  house.operations().told_report = {true, "beef", {}, {"a secret is old"}, {}};
  house.open();
  const auto answered = house.ask(post("/reload"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->status, 200);
  EXPECT_EQ(stringMember(treeOf(answered), "policy_version"), "beef");
  EXPECT_EQ(boolMember(treeOf(answered), "has_changed"), true);
  EXPECT_EQ(house.operations().reloads, 1);
}

TEST(Admin, RefusedReloadIsAConflictWithEveryError) {
  AdminHouse house;
  house.operations().told_report = {
      false, "old", {"a.yaml:1:2: x: no", "a.yaml:3:4: y: no"}, {}, {}};
  house.open();
  const auto answered = house.ask(post("/reload"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->status, 409);
  const Json::Value tree = treeOf(answered);
  EXPECT_EQ(stringMember(tree, "reason"), "policy_refused");
  EXPECT_EQ(stringMember(tree, "policy_version"), "old");
  ASSERT_NE(anyMember(tree, "errors"), nullptr);
  EXPECT_EQ(anyMember(tree, "errors")->size(), 2u);
}

TEST(Admin, OnlyPostReloads) {
  AdminHouse house;
  house.open();
  for (const char* const method : {"GET", "HEAD", "PUT", "DELETE"}) {
    const auto answered = house.ask({.method = method, .target = "/reload", .body = {}});
    ASSERT_TRUE(answered) << answered.error().message;
    EXPECT_EQ(answered->status, 405) << method;
  }
  EXPECT_THAT(house.sendRaw("GET /reload HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n"),
              HasSubstr("Allow: POST\r\n"));
  EXPECT_EQ(house.ask(post("/status"))->status, 405);
  EXPECT_EQ(house.operations().reloads, 0);
}

TEST(Admin, EndsTheSessionsOfAUserOnceItIsRecorded) {
  AdminHouse house;
  house.operations().told_ended = 3;
  house.open();
  const auto answered = house.ask(
      post("/sessions/end", R"({"app":"wx1","subject":"o-1","reason":"floods","who":"ann"})"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->status, 200) << answered->body;
  EXPECT_EQ(stringMember(treeOf(answered), "principal"), "wx1:o-1");
  EXPECT_EQ(intMember(treeOf(answered), "ended"), 3);
  house.close();
  EXPECT_EQ(house.operations().acts,
            (std::vector<std::string>{"session.end taken", "end wx1 o-1"}));
  EXPECT_EQ(house.operations().recorded_target, "wx1:o-1");
  EXPECT_THAT(house.operations().recorded_who, StartsWith("ann via uid:"));
}

TEST(Admin, EndsNoSessionThatItCouldNotRecord) {
  AdminHouse house;
  house.operations().told_record = fail(Reason::kStoreUnavailable, "disk full");
  house.open();
  const auto answered =
      house.ask(post("/sessions/end", R"({"app":"wx1","subject":"o-1","reason":"floods"})"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->status, 503);
  house.close();
  EXPECT_EQ(house.operations().acts, std::vector<std::string>{"session.end taken"});
}

TEST(Admin, EndOfSessionsThatFailedIsRecordedToo) {
  AdminHouse house;
  house.operations().told_ended = fail(Reason::kStoreUnavailable, "no room");
  house.open();
  const auto answered =
      house.ask(post("/sessions/end", R"({"app":"wx1","subject":"o-1","reason":"floods"})"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->status, 503);
  EXPECT_THAT(answered->body, HasSubstr("ask again"));
  house.close();
  EXPECT_EQ(house.operations().acts.back(), "session.end failed");
}

TEST(Admin, EndOfSessionsNamesAUserAndAReason) {
  AdminHouse house;
  house.open();
  const std::string long_name(129, 'x');
  for (const std::string& body :
       {std::string("[]"), std::string(R"({"app":"a","subject":"s"})"),
        std::string(R"({"app":"a","reason":"r"})"), std::string(R"({"subject":"s","reason":"r"})"),
        std::string(R"({"app":"","subject":"s","reason":"r"})"),
        std::string(R"({"app":"a","subject":7,"reason":"r"})"),
        R"({"app":"a","subject":")" + long_name + R"(","reason":"r"})",
        std::string(R"({"app":"a","subject":"s","reason":"r","all":true})"),
        std::string(R"({"app":"a","subject":"s","reason":"r","who":"a\nb"})")}) {
    const auto answered = house.ask(post("/sessions/end", body));
    ASSERT_TRUE(answered);
    EXPECT_EQ(answered->status, 400) << body;
  }
  const auto read = house.ask(get("/sessions/end"));
  ASSERT_TRUE(read);
  EXPECT_EQ(read->status, 405);
  house.close();
  EXPECT_TRUE(house.operations().acts.empty());
}

TEST(Admin, UnknownPathIsAProblemWithAReason) {
  AdminHouse house;
  house.open();
  const auto answered = house.ask(get("/nothing"));
  ASSERT_TRUE(answered);
  EXPECT_EQ(answered->status, 404);
  EXPECT_EQ(stringMember(treeOf(answered), "reason"), "route_not_found");
}

TEST(Admin, PipelinedRequestsAreAnsweredInOrder) {
  AdminHouse house;
  house.operations().is_ready = false;
  house.open();
  const std::string one = "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n";
  const std::string last = "GET /readyz HTTP/1.1\r\nHost: a\r\nConnection: close\r\n\r\n";
  const std::string answer = house.sendRaw(one + one + last);
  const auto first = answer.find("200");
  const auto second = answer.find("200", first + 1);
  EXPECT_NE(second, std::string::npos) << answer;
  EXPECT_NE(answer.find("503", second), std::string::npos) << answer;
}

TEST(Admin, GarbageIsAnsweredAndClosed) {
  AdminHouse house;
  house.open();
  for (const char* const bytes :
       {"hello\r\n\r\n", "GET /livez HTTP/1.1\r\nHost : a\r\n\r\n", "GET /livez HTTP/1.1\r\n\r\n",
        "POST /reload HTTP/1.1\r\nHost: "
        "a\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n"}) {
    EXPECT_THAT(house.sendRaw(bytes), StartsWith("HTTP/1.1 400 ")) << bytes;
  }
  EXPECT_EQ(house.operations().reloads, 0);
}

TEST(Admin, BodyAtTheLimitIsReadAndOnePastItIsRefused) {
  AdminHouse house;
  house.open();
  const std::string blanks(limits::kAdminBodyBytesMax - 2, ' ');
  EXPECT_EQ(house.ask(post("/reload", blanks + "{}"))->status, 200);
  const auto past = house.ask(post("/reload", std::string(limits::kAdminBodyBytesMax + 1, 'x')));
  ASSERT_TRUE(past) << past.error().message;
  EXPECT_EQ(past->status, 413);
  EXPECT_EQ(house.operations().reloads, 1);
}

TEST(Admin, ChunkedBodyPastTheLimitIsRefused) {
  AdminHouse house;
  house.open();
  std::string bytes = "POST /reload HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n";
  for (std::size_t sent = 0; sent <= limits::kAdminBodyBytesMax; sent += 0x10000) {
    bytes += "10000\r\n" + std::string(0x10000, 'x') + "\r\n";
  }
  EXPECT_THAT(house.sendRaw(bytes + "0\r\n\r\n"), StartsWith("HTTP/1.1 413 "));
  EXPECT_EQ(house.operations().reloads, 0);
}

TEST(Admin, OneConnectionPastTheLimitIsClosedUnanswered) {
  AdminHouse house;
  house.open();
  std::vector<Fd> held;
  for (std::size_t i = 0; i < limits::kAdminConnectionsMax; ++i) {
    auto fd = connectUnix(house.socketPath());
    // Asked and answered, so that each is accepted before the next.
    ASSERT_TRUE(fd);
    ASSERT_EQ(sendTo(fd->get(), "GET /livez HTTP/1.1\r\nHost: a\r\n\r\n").kind,
              IoResult::Kind::kBytes);
    pollfd ready{fd->get(), POLLIN, 0};
    ASSERT_EQ(::poll(&ready, 1, 20'000), 1);
    held.push_back(std::move(*fd));
  }
  EXPECT_EQ(house.sendRaw("GET /livez HTTP/1.1\r\nHost: a\r\n\r\n"), "");
  held.clear();
  // The places come free when the closes are seen: the loop sees them before a later request.
  for (int attempt = 0; attempt < 1000; ++attempt) {
    const auto answered = house.ask(get("/livez"));
    if (answered) return;
  }
  FAIL() << "no place came free";
}

TEST(AdminSocket, IsForOwnerAndGroupOnly) {
  AdminHouse house;
  house.open();
  struct stat status {};
  ASSERT_EQ(::stat(house.socketPath().c_str(), &status), 0);
  EXPECT_TRUE(S_ISSOCK(status.st_mode));
  EXPECT_EQ(status.st_mode & 0777, 0660u);
}

TEST(AdminSocket, IsRemovedAtTheEnd) {
  AdminHouse house;
  house.open();
  house.close();
  EXPECT_NE(::access(house.socketPath().c_str(), F_OK), 0);
}

TEST(AdminSocket, OfALivingProcessIsNotTaken) {
  AdminHouse house;
  house.open();
  EventLoop loop;
  FakeOperations operations;
  const auto second = Admin::make(loop, {house.socketPath(), std::nullopt, false}, operations);
  ASSERT_FALSE(second);
  EXPECT_THAT(second.error().message, HasSubstr("another process answers"));
  EXPECT_EQ(house.ask(get("/livez"))->status, 200);
}

TEST(AdminSocket, OfADeadProcessIsReplaced) {
  AdminHouse house;
  {
    auto dead = listenOnUnix(house.socketPath(), 1);
    ASSERT_TRUE(dead);
    // What a killed process leaves: the file without anybody behind it.
    ASSERT_EQ(::rename(house.socketPath().c_str(), (house.socketPath() + "2").c_str()), 0);
  }
  ASSERT_EQ(::rename((house.socketPath() + "2").c_str(), house.socketPath().c_str()), 0);
  house.open();
  EXPECT_EQ(house.ask(get("/livez"))->status, 200);
}

TEST(AdminSocket, FileOfAnotherKindIsLeftAlone) {
  AdminHouse house;
  std::ofstream(house.socketPath()) << "precious";
  EventLoop loop;
  FakeOperations operations;
  const auto made = Admin::make(loop, {house.socketPath(), std::nullopt, false}, operations);
  ASSERT_FALSE(made);
  EXPECT_THAT(made.error().message, HasSubstr("no socket"));
  std::string text;
  std::ifstream(house.socketPath()) >> text;
  EXPECT_EQ(text, "precious");
}

TEST(AdminAddress, PublicOneIsRefusedUnlessThePolicyAllowsIt) {
  EventLoop loop;
  FakeOperations operations;
  for (const char* const address : {"0.0.0.0:0", "[::]:0"}) {
    const auto refused = Admin::make(loop, {"", Endpoint::parse(address), false}, operations);
    ASSERT_FALSE(refused) << address;
    EXPECT_THAT(refused.error().message, HasSubstr("deny_public_admin"));
  }
  EXPECT_TRUE(Admin::make(loop, {"", Endpoint::parse("0.0.0.0:0"), true}, operations));
}

TEST(AdminAddress, IsNotShared) {
  AdminHouse house;
  house.open(/*is_tcp=*/true);
  EventLoop loop;
  FakeOperations operations;
  EXPECT_FALSE(Admin::make(loop, {"", house.address(), false}, operations));
}

TEST(AdminAddress, AnswersUnderItsOwnNames) {
  AdminHouse house;
  house.open(/*is_tcp=*/true);
  EXPECT_EQ(house.askOverTcp(get("/livez"))->status, 200);
  const std::string host = "localhost:" + std::to_string(house.address().port);
  EXPECT_THAT(house.sendRawOverTcp("GET /livez HTTP/1.1\r\nHost: " + host +
                                   "\r\nConnection: close\r\n\r\n"),
              StartsWith("HTTP/1.1 200 "));
}

TEST(AdminAddress, ForeignHostIsRefused) {
  AdminHouse house;
  house.open(/*is_tcp=*/true);
  const std::string port = std::to_string(house.address().port);
  for (const std::string& host : std::vector<std::string>{
           "evil.example", "evil.example:" + port, "localhost", "127.0.0.1", "127.0.0.1:1",
           "127.0.0.2:" + port, "localhost.evil.example:" + port}) {
    EXPECT_THAT(house.sendRawOverTcp("POST /reload HTTP/1.1\r\nHost: " + host +
                                     "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 421 "))
        << host;
  }
  EXPECT_EQ(house.operations().reloads, 0);
}

TEST(AdminAddress, RequestFromAPageIsRefused) {
  AdminHouse house;
  house.open(/*is_tcp=*/true);
  const std::string host = house.address().toString();
  for (const std::string& origin :
       std::vector<std::string>{"http://evil.example", "null", "http://" + host}) {
    EXPECT_THAT(house.sendRawOverTcp("POST /reload HTTP/1.1\r\nHost: " + host + "\r\nOrigin: " +
                                     origin + "\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"),
                StartsWith("HTTP/1.1 403 "))
        << origin;
  }
  EXPECT_EQ(house.operations().reloads, 0);
}

}  // namespace
}  // namespace edgehold
