// SPDX-License-Identifier: Apache-2.0
// Each law can be broken: a checker that never says anything would let everything pass.
// Thread: main only.
#include "tests/simulation/laws.h"

#include <gmock/gmock.h>

namespace edgehold::simulation {
namespace {

using testing::Contains;
using testing::HasSubstr;
using testing::IsEmpty;

class LawsTest : public testing::Test {
 protected:
  LawsTest() {
    laws_.policyAdopted("v1", 0);
    Request open;
    open.number = 1;
    open.may_pass = {true, true};
    laws_.asked(open, /*is_alone=*/true);
    Request event;
    event.number = 2;
    event.body = "{}";
    event.event_id = "event-1";
    event.may_pass = {true, false};
    event.needs_whole_body = true;
    laws_.asked(event, /*is_alone=*/true);
    Request held = event;
    held.number = 3;
    held.event_id = "event-2";
    held.needs_yes = true;
    laws_.asked(held, /*is_alone=*/true);
    Request forbidden;
    forbidden.number = 4;
    laws_.asked(forbidden, /*is_alone=*/true);
  }
  static WireMessage request(std::string_view path, std::string body = {}) {
    WireMessage message;
    message.start_line = "POST " + std::string(path) + " HTTP/1.1";
    message.body = std::move(body);
    return message;
  }
  static WireMessage answer(std::string_view status, std::string_view id,
                            std::string_view from = {}) {
    WireMessage message;
    message.start_line = "HTTP/1.1 " + std::string(status) + " Fine";
    message.fields["x-request-id"] = id;
    if (!from.empty()) message.fields["x-sim-answer"] = from;
    return message;
  }
  void record(std::string_view id, std::string_view path, std::string_view decision,
              unsigned status, std::string_view more = {}) {
    const auto record = parseJsonTree(
        R"({"request_id":")" + std::string(id) + R"(","what":{"path":")" + std::string(path) +
        R"("},"decision":")" + std::string(decision) + R"(","status":)" + std::to_string(status) +
        R"(,"policy":"v1")" + std::string(more) + "}");
    ASSERT_TRUE(record.has_value());
    laws_.recorded(*record);
  }
  // An agent has all of request 2 when that is recorded so; then its event comes again.
  void sendEventOnAgainAfter(std::string_view reason, unsigned status) {
    Request again;
    again.number = 5;
    again.event_id = "event-1";
    again.may_pass = {true, true};
    laws_.asked(again, /*is_alone=*/true);
    laws_.sentWhole(2);
    laws_.arrived(request("/hook/2"));
    laws_.arrivedWhole(request("/hook/2", "{}"));
    record("a", "/hook/2", "error", status, R"(,"reason":")" + std::string(reason) + '"');
    laws_.arrived(request("/hook/5"));
  }
  void expectBroken(std::string_view what) {
    EXPECT_THAT(laws_.broken(), Contains(HasSubstr(std::string(what))));
  }
  Laws laws_;
};

TEST_F(LawsTest, SayNothingOfALawfulRun) {
  laws_.arrived(request("/open/1"));
  laws_.arrivedWhole(request("/open/1"));
  laws_.agentBegan(1, 200);
  laws_.agentAnswered(1, "");
  record("a", "/open/1", "allow", 200);
  laws_.answered(1, answer("200", "a", "1"));
  EXPECT_THAT(laws_.broken(), IsEmpty());
}
TEST_F(LawsTest, WantNoEventSentOnWhileAnAgentIsAtWorkOnIt) {
  sendEventOnAgainAfter("client_closed", 0);
  expectBroken("while an agent is at work");
}
TEST_F(LawsTest, LetAnEventBeSentOnAgainThatAnAgentFailed) {
  sendEventOnAgainAfter("upstream_timeout", 504);
  EXPECT_THAT(laws_.broken(), IsEmpty());
}
TEST_F(LawsTest, WantARecordForEveryAnswer) {
  laws_.answered(1, answer("403", "a"));
  expectBroken("left without a record");
}
TEST_F(LawsTest, ExcuseOnlyWhatWasNotDone) {
  WireMessage excuse = answer("503", "a");
  excuse.body = R"({"reason":"store_unavailable"})";
  laws_.answered(1, excuse);
  EXPECT_THAT(laws_.broken(), IsEmpty());
  laws_.arrived(request("/open/1"));
  expectBroken("said to be undone");
}
TEST_F(LawsTest, WantARequestIdInEveryAnswer) {
  laws_.answered(1, answer("403", ""));
  expectBroken("names no request id");
}
TEST_F(LawsTest, WantOneRecordOnly) {
  record("a", "/open/1", "deny", 403);
  record("a", "/open/1", "deny", 403);
  expectBroken("two records");
}
TEST_F(LawsTest, WantTheRecordOfTheAnswerItself) {
  record("a", "/open/1", "deny", 403);
  laws_.answered(1, answer("404", "a"));
  expectBroken("another status");
  laws_.answered(2, answer("403", "a"));
  expectBroken("carries the record of request 1");
}
TEST_F(LawsTest, ForbidWhatNoPolicyAllows) {
  laws_.arrived(request("/hook/4"));
  expectBroken("no policy allows it");
}
TEST_F(LawsTest, ForbidWhatNobodyAsked) {
  laws_.arrived(request("/hook/99"));
  expectBroken("nobody asked");
}
TEST_F(LawsTest, ForbidToSendOnHalfABody) {
  laws_.arrived(request("/hook/2"));
  expectBroken("before its last byte");
}
TEST_F(LawsTest, ForbidToRepeat) {
  laws_.arrived(request("/open/1"));
  laws_.arrived(request("/open/1"));
  expectBroken("sent on 2 times");
}
TEST_F(LawsTest, ForbidOtherBytes) {
  laws_.arrivedWhole(request("/hook/2", "{ }"));
  expectBroken("other bytes than request 2");
}
TEST_F(LawsTest, ForbidToActWithoutAYes) {
  laws_.sentWhole(3);
  record("h", "/hook/3", "hold", 202, R"(,"reason":"held","approval_id":"apr_1")");
  laws_.arrived(request("/hook/3"));
  expectBroken("without a yes");
}
TEST_F(LawsTest, ForbidToActTwice) {
  laws_.sentWhole(3);
  record("h", "/hook/3", "hold", 202, R"(,"reason":"held","approval_id":"apr_1")");
  laws_.approving("apr_1");
  laws_.arrived(request("/hook/3"));
  EXPECT_THAT(laws_.broken(), IsEmpty());
  laws_.arrived(request("/hook/3"));
  expectBroken("carried out twice");
}
TEST_F(LawsTest, ForbidToLetThroughWhatShouldBeHeld) {
  record("h", "/hook/3", "allow", 200);
  expectBroken("was not held");
}
TEST_F(LawsTest, ForbidToMixAnswers) {
  record("a", "/open/1", "allow", 200);
  laws_.answered(1, answer("200", "a", "2"));
  expectBroken("is that of 2");
}
TEST_F(LawsTest, ForbidToPassHalfAnAnswerAsWhole) {
  record("a", "/open/1", "allow", 200);
  laws_.answered(1, answer("200", "a", "1"));
  expectBroken("the agent cut it");
}
TEST_F(LawsTest, BoundWhatAConnectionKeeps) {
  laws_.keeps(512 * 1024);
  EXPECT_THAT(laws_.broken(), IsEmpty());
  laws_.keeps(512 * 1024 + 1);
  expectBroken("keeps");
}
TEST_F(LawsTest, WantThePolicyOfTheBeginning) {
  record("a", "/open/1", "allow", 200, R"(,"policy_of":"nobody")");
  EXPECT_THAT(laws_.broken(), IsEmpty());
  laws_.policyAdopted("v2", 1);
  Request late;
  late.number = 5;
  laws_.asked(late, /*is_alone=*/true);
  record("b", "/open/5", "deny", 403);  // by v1
  expectBroken("judged by another");
}
TEST_F(LawsTest, RememberWhatWasAcknowledged) {
  record("a", "/hook/2", "allow", 200, R"(,"reason":"allowed")");
  laws_.agentBegan(2, 200);
  laws_.agentAnswered(2, "");
  laws_.answered(2, answer("200", "a", "2"));
  Request again;
  again.number = 6;
  again.event_id = "event-1";
  again.may_pass = {true, true};
  laws_.asked(again, /*is_alone=*/true);
  EXPECT_THAT(laws_.broken(), IsEmpty());
  laws_.arrived(request("/hook/6"));
  expectBroken("sent on again");
}
TEST_F(LawsTest, ForbidDuplicatesOfNothing) {
  record("a", "/hook/2", "duplicate", 200, R"(,"reason":"duplicate")");
  laws_.answered(2, answer("200", "a"));
  expectBroken("nobody has it");
}
TEST_F(LawsTest, WantEveryAcknowledgedHold) {
  laws_.holdIs("apr_1", "");
  expectBroken("is lost");
  laws_.holdIs("apr_1", "done");
  expectBroken("was not carried out");
}
TEST_F(LawsTest, ForbidToCallASentHoldUnsent) {
  laws_.sentWhole(3);
  record("h", "/hook/3", "hold", 202, R"(,"reason":"held","approval_id":"apr_1")");
  laws_.approving("apr_1");
  laws_.arrived(request("/hook/3"));
  laws_.holdIs("apr_1", "failed");
  expectBroken("was carried out");
}

}  // namespace
}  // namespace edgehold::simulation
