// SPDX-License-Identifier: Apache-2.0
// Problem documents are JSON whatever text they carry.
// Thread: main only.
#include "proxy/http/problem.h"

#include <string>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(Problem, SaysReasonStatusAndRequest) {
  Arena arena;
  Problem problem{.reason = Reason::kRuleDenied,
                  .request_id = "r1",
                  .approval_id = {},
                  .status_url = {},
                  .retry_after_seconds = {}};
  EXPECT_EQ(problemBody(arena, problem),
            R"({"type":"about:blank","title":"Refused by policy","status":403,)"
            R"("reason":"rule_denied","request_id":"r1"})");
}

TEST(Problem, CarriesWhatAHoldNeeds) {
  Arena arena;
  const Problem problem{.reason = Reason::kHeld,
                        .request_id = "r",
                        .approval_id = "a",
                        .status_url = "/s?x=1",
                        .retry_after_seconds = 5};
  EXPECT_EQ(problemBody(arena, problem),
            R"({"type":"about:blank","title":"Held for approval","status":202,"reason":"held",)"
            R"("request_id":"r","approval_id":"a","status_url":"/s?x=1","retry_after":5})");
}

TEST(Problem, EscapesEveryByteThatJsonCannotHold) {
  Arena arena;
  Problem problem{.reason = Reason::kHeld,
                  .request_id = {},
                  .approval_id = {},
                  .status_url = {},
                  .retry_after_seconds = {}};
  const auto requestId = [&](std::string_view id) {
    problem.request_id = id;
    const std::string_view body = problemBody(arena, problem);
    const std::string_view member = "\"request_id\":";
    return std::string(body.substr(body.find(member) + member.size()));
  };
  EXPECT_EQ(requestId("a\"b\\c\n\x01"), "\"a\\\"b\\\\c\\n\\u0001\"}");
  EXPECT_EQ(requestId("\xc3\xa9"), "\"\xc3\xa9\"}");
  EXPECT_EQ(requestId("a\xff"), "\"a\xEF\xBF\xBD\"}");
}

TEST(Problem, HasRoomForTheWorstText) {
  Arena arena;
  const std::string text(2000, '\x01');
  const Problem problem{.reason = Reason::kHoldOutcomeUnknown,
                        .request_id = text,
                        .approval_id = text,
                        .status_url = text,
                        .retry_after_seconds = ~std::uint64_t{0}};
  EXPECT_GT(problemBody(arena, problem).size(), 3 * 6 * text.size());
}

}  // namespace
}  // namespace edgehold
