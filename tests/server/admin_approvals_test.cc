// SPDX-License-Identifier: Apache-2.0
// Approvals over the admin paths, on a loop without sockets.
#include "proxy/server/admin_approvals.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/observe/audit_record.h"
#include "proxy/state/memory_ledger.h"
#include "tests/server/held_exchange.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::Not;

class AdminApprovalsTest : public testing::Test {
 protected:
  AdminAnswer ask(Method method, std::string path, std::string query = {}, std::string body = {}) {
    const AdminRequest request{method, std::move(path), std::move(query), std::move(body),
                               "uid:7 (ann)"};
    return awaitOn(held_.loop(),
                   AdminApprovals::answer(request, store_, held_.loop(),
                                          [this](const OperatorAct& act) { return record(act); }));
  }
  AdminAnswer rule(const std::string& id, const std::string& ruling, std::string body) {
    return ask(Method::kPost, "/approvals/" + id + "/" + ruling, {}, std::move(body));
  }
  static Json::Value treeOf(const AdminAnswer& answer) {
    return parseJsonTree(answer.body).value_or(Json::Value());
  }
  static std::string textAt(const AdminAnswer& answer, std::string_view key) {
    return stringMember(treeOf(answer), key).value_or("");
  }
  std::vector<std::string> listed(const std::string& query) {
    std::vector<std::string> ids;
    const Json::Value tree = treeOf(ask(Method::kGet, "/approvals", query));
    for (const Json::Value& hold : tree["approvals"]) {
      ids.push_back(stringMember(hold, "approval_id").value_or(""));
    }
    return ids;
  }

  struct Recorded {
    std::string who, act, target, outcome, why, request_id;
    Reason reason;
  };
  Result<void> record(const OperatorAct& act) {
    recorded_.push_back({std::string(act.who), std::string(act.act), std::string(act.target),
                         std::string(act.outcome), std::string(act.why),
                         std::string(act.request_id), act.reason});
    if (can_record_) return {};
    return fail(Reason::kStoreUnavailable, "disk full");
  }

  std::vector<Recorded> recorded_;
  bool can_record_ = true;
  MemoryLedger ledger_;
  HoldStore store_{ledger_};
  HeldExchange held_;
};

TEST_F(AdminApprovalsTest, ListShowsWhatIsAskedFor) {
  EXPECT_TRUE(listed("").empty());
  const std::string one = held_.holdIn(store_).approval_id;
  const std::string two = held_.holdIn(store_).approval_id;
  EXPECT_THAT(listed(""), testing::UnorderedElementsAre(one, two));
  ASSERT_EQ(rule(one, "deny", R"({"reason":"no"})").status, 200);
  EXPECT_THAT(listed("state=pending"), testing::ElementsAre(two));
  EXPECT_THAT(listed("state=denied&limit=10"), testing::ElementsAre(one));
  const auto first = listed("limit=1");
  ASSERT_EQ(first.size(), 1u);
  const auto second = listed("limit=1&after=" + first[0]);
  ASSERT_EQ(second.size(), 1u);
  EXPECT_NE(first[0], second[0]);
  EXPECT_TRUE(listed("after=" + second[0]).empty());
}

TEST_F(AdminApprovalsTest, ListEntrySaysWhoWantsWhatAndWhy) {
  held_.holdIn(store_);
  const Json::Value hold = treeOf(ask(Method::kGet, "/approvals"))["approvals"][0];
  const std::vector<std::pair<std::string, std::string>> expected = {
      {"state", "pending"},
      {"method", "POST"},
      {"target", "/broadcast"},
      {"principal", "qq"},
      {"action", "mass_send"},
      {"rule", "mass_send"},
      {"reason", "to all"},
      {"route", "bot"},
      {"client_address", "203.0.113.7"},
      {"request_id", "req1"},
      {"held_at", "2023-11-14T22:13:20.000Z"},
      {"expires_at", "2023-11-14T23:13:20.000Z"}};
  for (const auto& [key, text] : expected) EXPECT_EQ(stringMember(hold, key), text) << key;
  EXPECT_EQ(anyMember(hold, "decided_by"), nullptr);
}

TEST_F(AdminApprovalsTest, WrongQueriesAreRefused) {
  for (const char* const query :
       {"state=waiting", "state", "limit=0", "limit=1001", "limit=x", "limit=", "after=a/b",
        "after=", "colour=red", "state=pending&", "&"}) {
    const AdminAnswer answer = ask(Method::kGet, "/approvals", query);
    EXPECT_EQ(answer.status, 400) << query;
    EXPECT_EQ(textAt(answer, "reason"), "malformed_request") << query;
  }
  EXPECT_EQ(ask(Method::kGet, "/approvals", "limit=1000").status, 200);
}

TEST_F(AdminApprovalsTest, ShowGivesTheBytesAndHidesSecrets) {
  const std::string id = held_.holdIn(store_).approval_id;
  const AdminAnswer answer = ask(Method::kGet, "/approvals/" + id);
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(textAt(answer, "body"), R"({"to":"all"})");
  EXPECT_THAT(answer.body, HasSubstr("application/json"));
  EXPECT_THAT(answer.body, Not(HasSubstr("s3cr3t")));
}

TEST_F(AdminApprovalsTest, ShowGivesBytesThatAreNoTextInBase64) {
  HeldExchange binary("\xff\x01");
  const std::string id = binary.holdIn(store_).approval_id;
  const AdminAnswer answer = ask(Method::kGet, "/approvals/" + id);
  EXPECT_EQ(textAt(answer, "body_base64"), "/wE=");
  EXPECT_EQ(textAt(answer, "body"), "");
}

TEST_F(AdminApprovalsTest, ARulingLeavesARecordOfWhoWhatAndWhy) {
  const std::string first = held_.holdIn(store_).approval_id;
  const std::string second = held_.holdIn(store_).approval_id;
  rule(first, "approve", R"({"reason":"checked","who":"ann"})");
  rule(second, "deny", R"({"reason":"not today"})");
  ASSERT_EQ(recorded_.size(), 2u);
  EXPECT_EQ(recorded_[0].act, "approval.approve");
  EXPECT_EQ(recorded_[0].who, "ann via uid:7 (ann)");
  EXPECT_EQ(recorded_[0].target, first);
  EXPECT_EQ(recorded_[0].why, "checked");
  EXPECT_EQ(recorded_[0].outcome, "taken");
  EXPECT_EQ(recorded_[0].request_id, "req1");
  EXPECT_EQ(recorded_[1].act, "approval.deny");
  EXPECT_EQ(recorded_[1].target, second);
  EXPECT_EQ(recorded_[1].reason, Reason::kHoldDenied);
}

TEST_F(AdminApprovalsTest, ARulingThatIsRefusedLeavesARecordToo) {
  const std::string id = held_.holdIn(store_).approval_id;
  rule(id, "deny", R"({"reason":"no"})");
  EXPECT_EQ(rule(id, "approve", R"({"reason":"yes"})").status, 409);
  ASSERT_EQ(recorded_.size(), 2u);
  EXPECT_EQ(recorded_[1].act, "approval.approve");
  EXPECT_EQ(recorded_[1].outcome, "refused");
  EXPECT_EQ(recorded_[1].reason, Reason::kHoldDecided);
}

TEST_F(AdminApprovalsTest, ARulingWithoutItsRecordIsNoSuccess) {
  const std::string id = held_.holdIn(store_).approval_id;
  can_record_ = false;
  const AdminAnswer answer = rule(id, "approve", R"({"reason":"checked"})");
  EXPECT_EQ(answer.status, 503);
  EXPECT_EQ(textAt(answer, "reason"), "store_unavailable");
  EXPECT_THAT(answer.body, HasSubstr("it is approved, but"));
}

TEST_F(AdminApprovalsTest, RulingNamesTheCallerTheTransportKnows) {
  const std::string id = held_.holdIn(store_).approval_id;
  const AdminAnswer answer = rule(id, "approve", R"({"reason":"checked"})");
  EXPECT_EQ(answer.status, 200);
  EXPECT_EQ(textAt(answer, "state"), "approved");
  EXPECT_EQ(textAt(answer, "decided_by"), "uid:7 (ann)");
  EXPECT_EQ(textAt(answer, "decided_reason"), "checked");
}

TEST_F(AdminApprovalsTest, NameThatIsGivenStaysBesideTheCaller) {
  const std::string id = held_.holdIn(store_).approval_id;
  const AdminAnswer answer = rule(id, "deny", R"({"reason":"no","who":"bob"})");
  EXPECT_EQ(textAt(answer, "state"), "denied");
  EXPECT_EQ(textAt(answer, "decided_by"), "bob via uid:7 (ann)");
}

TEST_F(AdminApprovalsTest, SecondRulingIsAConflict) {
  const std::string id = held_.holdIn(store_).approval_id;
  ASSERT_EQ(rule(id, "deny", R"({"reason":"no"})").status, 200);
  const AdminAnswer answer = rule(id, "approve", R"({"reason":"yes"})");
  EXPECT_EQ(answer.status, 409);
  EXPECT_EQ(textAt(answer, "reason"), "hold_decided");
  EXPECT_EQ(textAt(ask(Method::kGet, "/approvals/" + id), "state"), "denied");
}

TEST_F(AdminApprovalsTest, ExpiredHoldCannotBeApproved) {
  const std::string id = held_.holdIn(store_, std::chrono::seconds(60)).approval_id;
  held_.loop().advance(std::chrono::seconds(60));
  const AdminAnswer answer = rule(id, "approve", R"({"reason":"yes"})");
  EXPECT_EQ(answer.status, 410);
  EXPECT_EQ(textAt(answer, "reason"), "hold_expired");
}

TEST_F(AdminApprovalsTest, BadRulingsDecideNothing) {
  const std::string id = held_.holdIn(store_).approval_id;
  const std::string long_reason(limits::kHoldRulingBytesMax + 1, 'x');
  const std::string long_who(limits::kAdminWhoBytesMax + 1, 'x');
  const std::vector<std::string> table = {
      "",
      "{}",
      "[]",
      "yes",
      R"({"reason":""})",
      R"({"reason":1})",
      R"({"reason":"a","who":""})",
      R"({"reason":"a","who":7})",
      R"({"reason":"a","who":"b\nc"})",
      R"({"reason":"a","by":"b"})",
      R"({"reason":"a","reason":"b"})",
      R"({"reason":")" + long_reason + "\"}",
      R"({"reason":"a","who":")" + long_who + "\"}",
  };
  for (const std::string& body : table) {
    const int status = rule(id, "approve", body).status;
    EXPECT_TRUE(status == 400 || status == 422) << status << " " << body;
  }
  EXPECT_EQ(textAt(ask(Method::kGet, "/approvals/" + id), "state"), "pending");
  const std::string longest(limits::kHoldRulingBytesMax, 'x');
  EXPECT_EQ(rule(id, "approve", R"({"reason":")" + longest + "\"}").status, 200);
}

TEST_F(AdminApprovalsTest, UnknownHoldsAndPathsAreNotFound) {
  EXPECT_EQ(textAt(ask(Method::kGet, "/approvals/none"), "reason"), "hold_not_found");
  EXPECT_EQ(rule("none", "approve", R"({"reason":"a"})").status, 404);
  for (const std::string path :
       {"/approvals/", "/approvals/a b", "/approvals/a/b", "/approvals/a/approve/x",
        "/approvals/a/", "/approvals//approve"}) {
    EXPECT_EQ(textAt(ask(Method::kGet, path), "reason"), "route_not_found") << path;
  }
  EXPECT_EQ(ask(Method::kGet, "/approvals/" + std::string(129, 'a')).status, 404);
}

TEST_F(AdminApprovalsTest, ReadingNeverDecides) {
  const std::string id = held_.holdIn(store_).approval_id;
  for (const Method method : {Method::kGet, Method::kHead, Method::kPut, Method::kDelete}) {
    EXPECT_EQ(ask(method, "/approvals/" + id + "/approve", {}, R"({"reason":"a"})").status, 405);
  }
  EXPECT_EQ(ask(Method::kPost, "/approvals").status, 405);
  EXPECT_EQ(ask(Method::kDelete, "/approvals/" + id).status, 405);
  EXPECT_EQ(textAt(ask(Method::kGet, "/approvals/" + id), "state"), "pending");
}

TEST_F(AdminApprovalsTest, StoreThatIsAwayIsTold) {
  const std::string id = held_.holdIn(store_).approval_id;
  ledger_.setUnavailable(true);
  EXPECT_EQ(ask(Method::kGet, "/approvals").status, 503);
  EXPECT_EQ(rule(id, "approve", R"({"reason":"a"})").status, 503);
}

}  // namespace
}  // namespace edgehold
