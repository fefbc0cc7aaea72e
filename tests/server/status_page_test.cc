// SPDX-License-Identifier: Apache-2.0
// What the status page tells, and to whom.
#include "proxy/server/status_page.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/json_tree.h"
#include "proxy/state/memory_ledger.h"
#include "tests/server/held_exchange.h"

namespace edgehold {
namespace {

class StatusPageTest : public testing::Test {
 protected:
  Verdict ask(const std::string& path, const std::string& query, Method method = Method::kGet) {
    Exchange exchange;
    exchange.request_id = "req2";
    exchange.request.method = method;
    exchange.request.target.path = path;
    exchange.request.target.query = query;
    EXPECT_TRUE(page_.serves(exchange.request));
    return awaitOn(held_.loop(), page_.answer(exchange, held_.loop()));
  }
  Verdict ask(const HoldTicket& ticket, Method method = Method::kGet) {
    return ask("/.edgehold/holds/" + ticket.approval_id, "token=" + ticket.status_token, method);
  }
  // Ends the hold as its release would.
  void settle(const std::string& id, HoldState state, const Settling& settling) {
    auto kept = awaitOn(held_.loop(), ledger_.get(held_.loop(), id));
    ASSERT_TRUE(kept && *kept);
    const auto summary = parseHoldSummary((*kept)->summary);
    ASSERT_TRUE(summary);
    const auto written = awaitOn(
        held_.loop(),
        ledger_.compareAndSet(held_.loop(), settlingChange(**kept, *summary, state, settling)));
    ASSERT_TRUE(written && written->isWritten());
  }
  static std::string headerOf(const Verdict& verdict, std::string_view name) {
    if (verdict.reply() == nullptr) return "";
    for (const auto& [key, value] : verdict.reply()->headers) {
      if (key == name) return value;
    }
    return "";
  }

  MemoryLedger ledger_;
  HoldStore store_{ledger_};
  StatusPage page_{store_};
  HeldExchange held_;
};

TEST_F(StatusPageTest, ServesOnlyItsOwnPaths) {
  RequestHead request;
  request.target.path = "/.edgehold/holds/x";
  EXPECT_TRUE(page_.serves(request));
  for (const char* const path : {"/", "/.edgehold", "/.edgeholder/x", "/a/.edgehold/holds/x"}) {
    request.target.path = path;
    EXPECT_FALSE(page_.serves(request)) << path;
  }
}

TEST_F(StatusPageTest, PendingHoldSaysWhenToComeBack) {
  const HoldTicket ticket = held_.holdIn(store_);
  const Verdict verdict = ask(ticket);
  EXPECT_EQ(verdict.reason(), Reason::kHoldPending);
  EXPECT_EQ(verdict.status(), 202);
  EXPECT_NE(headerOf(verdict, "Retry-After"), "");
  EXPECT_EQ(headerOf(verdict, "Cache-Control"), "no-store");
  ASSERT_NE(verdict.reply(), nullptr);
  EXPECT_EQ(verdict.reply()->content_type, "application/problem+json");
  const auto tree = parseJsonTree(verdict.reply()->body);
  ASSERT_TRUE(tree) << verdict.reply()->body;
  EXPECT_EQ(stringMember(*tree, "reason"), "hold_pending");
  EXPECT_EQ(stringMember(*tree, "approval_id"), ticket.approval_id);
  EXPECT_EQ(stringMember(*tree, "state"), "pending");
  EXPECT_EQ(stringMember(*tree, "request_id"), "req2");
  EXPECT_EQ(stringMember(*tree, "expires_at"), "2023-11-14T23:13:20.000Z");
}

TEST_F(StatusPageTest, ApprovedHoldStillLooksPending) {
  const HoldTicket ticket = held_.holdIn(store_);
  ASSERT_TRUE(
      awaitOn(held_.loop(), store_.approve(held_.loop(), ticket.approval_id, {"ann", "checked"})));
  EXPECT_EQ(ask(ticket).reason(), Reason::kHoldPending);
}

TEST_F(StatusPageTest, EndOfAHoldIsTold) {
  struct Row {
    HoldState state;
    Reason reason;
    int status;
  };
  for (const Row& row : std::vector<Row>{{HoldState::kDenied, Reason::kHoldDenied, 403},
                                         {HoldState::kExpired, Reason::kHoldExpired, 410},
                                         {HoldState::kUnknown, Reason::kHoldOutcomeUnknown, 502},
                                         {HoldState::kFailed, Reason::kPolicyChanged, 409},
                                         {HoldState::kFailed, Reason::kUpstreamUnreachable, 502}}) {
    const HoldTicket ticket = held_.holdIn(store_);
    settle(ticket.approval_id, row.state,
           {.reason = row.reason, .answer = {}, .now = held_.loop().clock().wallNow()});
    const Verdict verdict = ask(ticket);
    EXPECT_EQ(verdict.reason(), row.reason);
    EXPECT_EQ(verdict.status(), row.status);
    EXPECT_FALSE(verdict.reply() != nullptr && verdict.reply()->has_body);
  }
}

TEST_F(StatusPageTest, SilenceIsToldAsExpired) {
  const HoldTicket ticket = held_.holdIn(store_, std::chrono::seconds(60));
  held_.loop().advance(std::chrono::seconds(60));
  EXPECT_EQ(ask(ticket).status(), 410);
}

TEST_F(StatusPageTest, DoneHoldGivesTheUpstreamsAnswer) {
  const HoldTicket ticket = held_.holdIn(store_);
  settle(ticket.approval_id, HoldState::kDone,
         {.reason = Reason::kReleased,
          .answer = StoredAnswer{201, "text/plain", "sent", false},
          .now = held_.loop().clock().wallNow()});
  for (const Method method : {Method::kGet, Method::kHead}) {
    const Verdict verdict = ask(ticket, method);
    EXPECT_EQ(verdict.status(), 201);
    ASSERT_NE(verdict.reply(), nullptr);
    EXPECT_EQ(verdict.reply()->content_type, "text/plain");
    EXPECT_EQ(verdict.reply()->body, "sent");
    EXPECT_EQ(headerOf(verdict, "Edgehold-Body"), "");
  }
}

TEST_F(StatusPageTest, AnswerThatWasCutSaysSo) {
  const HoldTicket ticket = held_.holdIn(store_);
  settle(ticket.approval_id, HoldState::kDone,
         {.reason = Reason::kReleased,
          .answer = StoredAnswer{200, "text/plain", "beginning", true},
          .now = held_.loop().clock().wallNow()});
  EXPECT_EQ(headerOf(ask(ticket), "Edgehold-Body"), "cut");
}

TEST_F(StatusPageTest, WrongTokenAndWrongIdLookTheSame) {
  const HoldTicket ticket = held_.holdIn(store_);
  const std::string path = "/.edgehold/holds/" + ticket.approval_id;
  const std::string token = "token=" + ticket.status_token;
  const std::vector<std::pair<std::string, std::string>> table = {
      {"/.edgehold/holds/none", token},
      {"/.edgehold/holds/", token},
      {path + "/x", token},
      {path, ""},
      {path, "token="},
      {path, token + "0"},
      {path, token + "&x=1"},
      {path, "x=1&" + token},
      {path, "Token=" + ticket.status_token},
      {path, "token=" + std::string(129, 'a')},
  };
  for (const auto& [asked, query] : table) {
    const Verdict verdict = ask(asked, query);
    EXPECT_EQ(verdict.status(), 404) << asked << "?" << query;
    EXPECT_EQ(verdict.reason(), Reason::kHoldNotFound) << asked << "?" << query;
  }
}

TEST_F(StatusPageTest, NothingElseIsThere) {
  for (const char* const path : {"/.edgehold/", "/.edgehold/holds", "/.edgehold/metrics"}) {
    EXPECT_EQ(ask(path, "").status(), 404) << path;
  }
}

TEST_F(StatusPageTest, OtherMethodsAreRefused) {
  const HoldTicket ticket = held_.holdIn(store_);
  for (const Method method : {Method::kPost, Method::kDelete, Method::kOptions, Method::kOther}) {
    const Verdict verdict = ask(ticket, method);
    EXPECT_EQ(verdict.status(), 405);
    EXPECT_EQ(headerOf(verdict, "Allow"), "GET, HEAD");
  }
}

TEST_F(StatusPageTest, StoreThatIsAwayIsTold) {
  const HoldTicket ticket = held_.holdIn(store_);
  ledger_.setUnavailable(true);
  EXPECT_EQ(ask(ticket).status(), 503);
}

}  // namespace
}  // namespace edgehold
