// SPDX-License-Identifier: Apache-2.0
// The laws of approval_hold and lua_rules, alone and together.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class HoldTest : public ::testing::Test {
 protected:
  std::unique_ptr<Passage> act(std::string_view action, std::string_view body = "{}") {
    auto passage = f.passage({.body = std::string(body)});
    passage->exchange.facts.action = action;
    passage->run();
    return passage;
  }
  HoldTicket ticket() const {
    return {"ap_1", "feedface", f.loop.clock().wallNow() + std::chrono::minutes(15)};
  }
  void rules(std::string_view check) {
    f.files.files["rules/r.lua"] =
        "return {id = \"r\", phase = \"request\", check = function(request) " + std::string(check) +
        " end}";
    f.add("lua_rules", "{directory: rules}");
    ASSERT_TRUE(f.mistakes.empty()) << f.mistakes.front();
  }
  // Rules that take long answer in a later turn.
  std::unique_ptr<Passage> waitFor(const RequestText& text) {
    auto passage = f.send(text);
    f.loop.settle();
    return passage;
  }
  ExchangeFixture f;
};

TEST_F(HoldTest, HoldsWhatIsListedAndAnswersWhenItIsDurable) {
  f.add("approval_hold", "{actions: [mass_send], ttl: 10m}");
  const auto passage = act("mass_send", R"({"to":"all"})");
  EXPECT_FALSE(passage->is_over) << "no answer before the hold is durable";
  ASSERT_EQ(f.holds.asked.size(), 1u);
  EXPECT_EQ(f.holds.asked[0].ttl, 10min);
  EXPECT_EQ(f.holds.asked[0].body, R"({"to":"all"})");
  f.holds.asked[0].answer.resolve(ticket());
  ASSERT_TRUE(passage->is_over);
  EXPECT_EQ(passage->reason(), Reason::kHeld);
  EXPECT_EQ(passage->exchange.decision.kind, Decision::Kind::kHold);
  EXPECT_EQ(passage->verdict->status(), 202);
  EXPECT_EQ(passage->replyHeader("Location"), "/.edgehold/holds/ap_1?token=feedface");
  EXPECT_EQ(passage->replyHeader("Cache-Control"), "no-store");
  EXPECT_EQ(
      passage->verdict->reply()->body,
      R"({"reason":"held","approval_id":"ap_1","status_url":"/.edgehold/holds/ap_1?token=feedface",)"
      R"("expires_at":"2023-11-14T22:28:20.000Z",)"
      R"("request_id":"0123456789abcdef0123456789abcdef"})");
}

TEST_F(HoldTest, LetsOtherActionsPass) {
  f.add("approval_hold", "{actions: [mass_send]}");
  for (const std::string_view action : {"read", "", "mass_sends", "MASS_SEND"}) {
    EXPECT_TRUE(act(action)->isAllowed()) << action;
  }
  EXPECT_TRUE(f.holds.asked.empty());
}

TEST_F(HoldTest, RefusesWhatItCannotKeep) {
  f.add("approval_hold", "{actions: [mass_send]}");
  const auto passage = act("mass_send");
  f.holds.asked[0].answer.resolve(fail(Reason::kStoreUnavailable, "disk full"));
  EXPECT_EQ(passage->reason(), Reason::kStoreUnavailable);
  EXPECT_EQ(passage->verdict->status(), 503);
}

TEST_F(HoldTest, ForgetsTheHoldOfAClientThatLeft) {
  f.add("approval_hold", "{actions: [mass_send]}");
  auto passage = act("mass_send");
  passage.reset();
  EXPECT_FALSE(f.holds.asked[0].answer.isWanted());
  f.holds.asked[0].answer.resolve(ticket());
}

TEST_F(HoldTest, HoldsNothingInShadowMode) {
  f.add("approval_hold", "{actions: [mass_send]}", FilterMode::kShadow);
  const auto passage = act("mass_send");
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kHeld);
  EXPECT_TRUE(f.holds.asked.empty());
}

TEST_F(HoldTest, RefusesAMessageOrAnUpgradeThatCannotWait) {
  f.add("approval_hold", "{actions: [mass_send]}");
  const auto message = f.passage({.body = "{}"});
  message->exchange.facts.action = "mass_send";
  message->runMessage();
  EXPECT_EQ(message->reason(), Reason::kActionDenied);
  const auto upgrade = f.passage({.method = "GET"});
  upgrade->exchange.facts.action = "mass_send";
  upgrade->exchange.request.wants_upgrade = true;
  upgrade->run();
  EXPECT_EQ(upgrade->reason(), Reason::kActionDenied);
  const auto harmless = f.passage({.body = "{}"});
  harmless->runMessage();
  EXPECT_TRUE(harmless->isAllowed());
  EXPECT_TRUE(f.holds.asked.empty());
}

TEST_F(HoldTest, IsNotAskedOnARelease) {
  f.add("approval_hold", "{actions: [mass_send]}");
  auto passage = f.passage();
  passage->exchange.facts.action = "mass_send";
  passage->exchange.is_release = true;
  passage->run();
  EXPECT_TRUE(passage->isAllowed());
}

TEST_F(HoldTest, RefusesMistakesInItsConfiguration) {
  for (const std::string_view config : {"{ttl: 0s}", "{ttl: 8d}", "{action: [x]}"}) {
    f.add("approval_hold", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

TEST_F(HoldTest, GrantsTheWishOfARule) {
  rules("return hold{reason = \"too many\", ttl = 60}");
  f.add("approval_hold", "{}");
  const auto passage = f.send({.body = "{}"});
  ASSERT_EQ(f.holds.asked.size(), 1u);
  EXPECT_EQ(f.holds.asked[0].rule, "r");
  EXPECT_EQ(f.holds.asked[0].reason, "too many");
  EXPECT_EQ(f.holds.asked[0].ttl, 60s);
  f.holds.asked[0].answer.resolve(ticket());
  EXPECT_EQ(passage->reason(), Reason::kHeld);
  EXPECT_EQ(passage->rule(), "r");
}

TEST_F(HoldTest, DeniesAWishThatNobodyGrants) {
  rules("return hold{reason = \"too many\"}");
  const auto passage = f.send({.body = "{}"});
  EXPECT_EQ(passage->reason(), Reason::kRuleDenied);
  EXPECT_EQ(passage->rule(), "r");
}

TEST_F(HoldTest, TakesAWishForGrantedOnARelease) {
  rules("return hold{reason = \"too many\"}");
  auto passage = f.passage({.body = "{}"});
  passage->exchange.is_release = true;
  passage->run();
  EXPECT_TRUE(passage->isAllowed());
}

TEST_F(HoldTest, DropsTheWishWhenTheHoldIsAShadow) {
  rules("return hold{reason = \"too many\"}");
  f.add("approval_hold", "{}", FilterMode::kShadow);
  const auto passage = f.send({.body = "{}"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kHeld);
}

TEST_F(HoldTest, DeniesWhatARuleDeniesAndNamesIt) {
  rules("return deny(\"not today\")");
  const auto passage = f.send({.body = "{}"});
  EXPECT_EQ(passage->reason(), Reason::kRuleDenied);
  EXPECT_EQ(passage->rule(), "r");
  EXPECT_EQ(passage->exchange.decision.why, "not today");
}

TEST_F(HoldTest, DeniesWhenARuleFailsAndNamesIt) {
  rules("error(\"broken\")");
  const auto passage = f.send({.body = "{}"});
  EXPECT_EQ(passage->reason(), Reason::kRuleFailed);
  EXPECT_EQ(passage->exchange.decision.kind, Decision::Kind::kError);
  EXPECT_EQ(passage->rule(), "r");
}

TEST_F(HoldTest, NamesARuleThatFailsInShadowMode) {
  f.files.files["rules/r.lua"] =
      "return {id = \"r\", phase = \"request\", check = function(request) error(\"x\") end}";
  f.add("lua_rules", "{directory: rules}", FilterMode::kShadow);
  const auto passage = f.send({.body = "{}"});
  EXPECT_TRUE(passage->isAllowed());
  ASSERT_EQ(passage->exchange.decision.shadows.size(), 1u);
  EXPECT_EQ(passage->exchange.decision.shadows[0].rule, "r");
  EXPECT_EQ(passage->rule(), "");
}

TEST_F(HoldTest, DeniesWhenARuleSpendsItsBudget) {
  rules("while true do end");
  EXPECT_EQ(waitFor({.body = "{}"})->reason(), Reason::kRuleBudgetExceeded);
}

TEST_F(HoldTest, QuarantinesARuleAfterTheConfiguredNumberOfSpentBudgets) {
  f.files.files["rules/r.lua"] =
      "return {id = \"r\", check = function(request) while true do end end}";
  f.add("lua_rules", "{directory: rules, quarantine: {after: 2, for: 1h}}");
  EXPECT_EQ(waitFor({.body = "{}"})->reason(), Reason::kRuleBudgetExceeded);
  EXPECT_EQ(waitFor({.body = "{}"})->reason(), Reason::kRuleBudgetExceeded);
  const auto passage = waitFor({.body = "{}"});
  EXPECT_EQ(passage->reason(), Reason::kRuleQuarantined);
  EXPECT_EQ(passage->exchange.decision.kind, Decision::Kind::kError);
  EXPECT_EQ(passage->rule(), "r");
}

// As long as any machine takes more than a slice for it.
constexpr const char* kLongRule =
    "return {id = \"r\", check = function(request) local n = 0 "
    "if request.path == '/long' then for i = 1, 2000000 do n = n + i end end "
    "if not state.once('k' .. request.path, '1h') then return deny('often') end "
    "return hold('for ' .. request.path) end}";
constexpr std::string_view kLongBudgets =
    "{directory: rules, budgets: {instructions: 100000000, wall: 1s}}";

TEST_F(HoldTest, ARuleThatTakesLongLeavesTheTurnToOthers) {
  f.files.files["rules/r.lua"] = kLongRule;
  f.add("lua_rules", kLongBudgets);
  const auto slow = f.send({.target = "/long", .body = "{}"});
  EXPECT_FALSE(slow->is_over);
  const auto quick = f.send({.target = "/quick", .body = "{}"});
  ASSERT_TRUE(quick->exchange.hold_wish);
  EXPECT_EQ(quick->exchange.hold_wish->reason, "for /quick");
  EXPECT_FALSE(slow->is_over);
  f.loop.settle();
  EXPECT_TRUE(slow->is_over);
  ASSERT_TRUE(slow->exchange.hold_wish);
  EXPECT_EQ(slow->exchange.hold_wish->reason, "for /long");
  const auto again = waitFor({.target = "/long", .body = "{}"});
  EXPECT_EQ(again->reason(), Reason::kRuleDenied);
  EXPECT_EQ(again->rule(), "r");
}

TEST_F(HoldTest, NobodyWaitsForARuleThatNobodyWaitsFor) {
  f.files.files["rules/r.lua"] = kLongRule;
  f.add("lua_rules", kLongBudgets);
  auto left = f.send({.target = "/long", .body = "{}"});
  EXPECT_FALSE(left->is_over);
  left.reset();
  f.loop.settle();
  std::size_t paused = 1;
  f.rules.forEach([&](const RuleSet&, const RuleEngine& engine) { paused = engine.paused(); });
  EXPECT_EQ(paused, 0u);
  const auto next = waitFor({.target = "/long", .body = "{}"});
  EXPECT_TRUE(next->exchange.hold_wish) << "what it had not come to, it has not counted";
}

TEST_F(HoldTest, AShadowOfARuleThatTakesLongChangesNothing) {
  f.files.files["rules/r.lua"] = kLongRule;
  f.add("lua_rules", kLongBudgets, FilterMode::kShadow);
  const auto passage = waitFor({.target = "/long", .body = "{}"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_FALSE(passage->exchange.hold_wish);
  EXPECT_EQ(passage->shadowReason(), Reason::kHeld);
}

TEST_F(HoldTest, AMessageWaitsForARuleThatTakesLong) {
  f.files.files["rules/r.lua"] =
      "return {id = \"r\", on_message = function(message) local n = 0 "
      "for i = 1, 2000000 do n = n + i end if message.text == 'bad' then return deny('no') end "
      "end}";
  f.add("lua_rules", kLongBudgets);
  const auto good = f.passage({.body = "good"});
  const auto bad = f.passage({.body = "bad"});
  good->runMessage();
  bad->runMessage();
  EXPECT_FALSE(good->is_over || bad->is_over);
  f.loop.settle();
  EXPECT_TRUE(good->isAllowed());
  EXPECT_EQ(bad->reason(), Reason::kRuleDenied);
}

TEST_F(HoldTest, RulesCountInTheSharedCounters) {
  rules("if not state.take('k', 2, '1h') then return deny('often') end");
  EXPECT_TRUE(f.send({.body = "{}"})->isAllowed());
  EXPECT_TRUE(f.send({.body = "{}"})->isAllowed());
  EXPECT_EQ(f.send({.body = "{}"})->reason(), Reason::kRuleDenied);
}

TEST_F(HoldTest, AShadowOfARuleTakesNothingFromTheCounters) {
  f.files.files["rules/r.lua"] =
      "return {id = \"r\", check = function(request) "
      "if not state.once('k', '1h') then return deny('often') end end}";
  f.add("lua_rules", "{directory: rules}", FilterMode::kShadow);
  f.add("lua_rules", "{directory: rules}");
  const auto passage = f.send({.body = "{}"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_TRUE(passage->exchange.decision.shadows.empty());
  EXPECT_EQ(f.send({.body = "{}"})->reason(), Reason::kRuleDenied);
}

TEST_F(HoldTest, RecordsTheHoldOfARuleInShadowModeWithoutAWish) {
  f.files.files["rules/r.lua"] =
      "return {id = \"r\", phase = \"request\", check = function(request) "
      "return hold{reason = \"x\"} end}";
  f.add("lua_rules", "{directory: rules}", FilterMode::kShadow);
  f.add("approval_hold", "{}");
  const auto passage = f.send({.body = "{}"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kHeld);
  EXPECT_TRUE(f.holds.asked.empty());
}

TEST_F(HoldTest, ReportsRulesThatCannotBeLoaded) {
  f.add("lua_rules", "{directory: nowhere}");
  EXPECT_FALSE(f.mistakes.empty());
  f.files.files["broken/a.lua"] = "return {";
  f.add("lua_rules", "{directory: broken}");
  EXPECT_TRUE(f.hasMistake("a.lua:1")) << (f.mistakes.empty() ? "" : f.mistakes.front());
  f.add("lua_rules", "{}");
  EXPECT_FALSE(f.mistakes.empty());
  f.add("lua_rules", "{directory: broken, budgets: {wall: 5s}}");
  EXPECT_TRUE(f.hasMistake("wall"));
  for (const char* const wrong :
       {"budgets: {instructions: 999}", "budgets: {instructions: 100000001}",
        "budgets: {memory: 65535}", "budgets: {memory: 257MiB}", "budgets: {wall: 0s}",
        "budgets: {time: 5ms}", "quarantine: {after: 0}", "quarantine: {after: 10001}",
        "quarantine: {for: 0s}", "quarantine: {for: 25h}", "quarantine: {until: 1h}"}) {
    f.mistakes.clear();
    f.add("lua_rules", std::string("{directory: rules, ") + wrong + "}");
    EXPECT_FALSE(f.mistakes.empty()) << wrong;
  }
  f.files.files["rules/r.lua"] = "return {id = \"r\", check = deny}";
  f.mistakes.clear();
  f.add("lua_rules",
        "{directory: rules, budgets: {instructions: 1000, memory: 64KiB, wall: 1s}, "
        "quarantine: {after: 10000, for: 24h}}");
  EXPECT_TRUE(f.mistakes.empty()) << f.mistakes.front();
}

}  // namespace
}  // namespace edgehold
