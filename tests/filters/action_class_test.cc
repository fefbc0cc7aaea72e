// SPDX-License-Identifier: Apache-2.0
// The laws of action_class and of conditions.
// Thread: main only.
#include <gtest/gtest.h>

#include "filters/condition.h"
#include "proxy/base/limits.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

constexpr std::string_view kRows = R"({rows: [
  {action: mass_send, method: POST, path: /send, name: many,
   when: {any: [{pointer: /to, op: len_gt, value: 2}, {pointer: /all, op: eq, value: true}]}},
  {action: send, method: POST, path: /send},
  {action: delete, method: GET, path: "/{kind}/delete/**",
   when: {all: [{pointer: "query:confirm", op: eq, value: 1}]}},
  {action: permission_change, path: /roles/**}], deny: [permission_change]})";

class ActionClassTest : public ::testing::Test {
 protected:
  std::string action(const RequestText& text) {
    const auto passage = f.send(text);
    EXPECT_TRUE(passage->isAllowed()) << reasonCode(passage->reason());
    return std::string(passage->exchange.facts.action);
  }
  ExchangeFixture f;
};

TEST_F(ActionClassTest, NamesTheActionOfTheFirstRowThatMatches) {
  f.add("action_class", kRows);
  EXPECT_EQ(action({.target = "/send", .body = R"({"to":[1,2]})"}), "send");
  EXPECT_EQ(action({.target = "/send", .body = R"({"to":[1,2,3]})"}), "mass_send");
  EXPECT_EQ(action({.target = "/send", .body = R"({"all":true})"}), "mass_send");
  EXPECT_EQ(action({.target = "/send/", .body = R"({"all":true})"}), "mass_send");
  EXPECT_EQ(action({.target = "/SEND", .body = R"({"all":true})"}), "mass_send");
  EXPECT_EQ(action({.target = "/send"}), "send");
}

TEST_F(ActionClassTest, FallsBackToTheMethod) {
  f.add("action_class", kRows);
  EXPECT_EQ(action({.method = "GET", .target = "/other"}), "read");
  EXPECT_EQ(action({.method = "HEAD", .target = "/other"}), "read");
  EXPECT_EQ(action({.method = "PUT", .target = "/send"}), "write");
  EXPECT_EQ(action({.method = "get", .target = "/other"}), "write");
}

TEST_F(ActionClassTest, NamesAMessageByItsPayloadAndTakesNoneForARead) {
  f.add("action_class", R"({rows: [
    {action: read, method: GET, path: /**},
    {action: bulk_delete, method: MESSAGE, path: /ws,
     when: {all: [{pointer: /method, op: eq, value: sessions.delete}]}}]})");
  const auto said = [this](const std::string& payload) {
    const auto message = f.passage({.method = "GET", .target = "/ws", .body = payload});
    message->runMessage();
    return message->isAllowed() ? std::string(message->exchange.facts.action)
                                : std::string(reasonCode(message->reason()));
  };
  EXPECT_EQ(said(R"({"method":"sessions.delete"})"), "bulk_delete");
  EXPECT_EQ(said(R"({"method":"sessions.list"})"), "write");
  EXPECT_EQ(said("no json"), "json_invalid");
}

TEST_F(ActionClassTest, TellsTheRowThatDecided) {
  f.add("action_class", kRows);
  EXPECT_EQ(f.send({.target = "/send", .body = R"({"all":true})"})->rule(), "many");
  EXPECT_EQ(f.send({.target = "/send"})->rule(), "send#2");
  EXPECT_EQ(f.send({.target = "/x"})->rule(), "otherwise");
}

TEST_F(ActionClassTest, DeniesWhatIsListed) {
  f.add("action_class", kRows);
  const auto passage = f.send({.method = "PUT", .target = "/roles/7"});
  EXPECT_EQ(passage->reason(), Reason::kActionDenied);
  EXPECT_EQ(passage->rule(), "permission_change#4");
}

TEST_F(ActionClassTest, RefusesToGuessWhenTheBodyIsNoJson) {
  f.add("action_class", kRows);
  EXPECT_EQ(f.send({.target = "/send", .body = "to=1&to=2&to=3"})->reason(), Reason::kJsonInvalid);
  EXPECT_EQ(action({.target = "/other", .body = "to=1"}), "write") << "no row asks about this body";
}

TEST_F(ActionClassTest, LooksAtEveryOccurrenceOfAQueryParameter) {
  f.add("action_class", kRows);
  const std::pair<std::string, std::string_view> cases[] = {
      {"/a/delete/7?confirm=1", "delete"},     {"/a/delete/7?confirm=0&confirm=1", "delete"},
      {"/a/delete/7?%63onfirm=%31", "delete"}, {"/a/delete/7?confirm=10", "read"},
      {"/a/delete/7?xconfirm=1", "read"},      {"/a/delete/7", "read"},
      {"/a/delete/7?confirm", "read"},         {"/a/delete/7?&&confirm=1", "delete"},
      {"/a/delete/7?confirm=%3", "read"},
  };
  for (const auto& [target, expected] : cases) {
    EXPECT_EQ(action({.method = "GET", .target = target}), expected) << target;
  }
}

TEST_F(ActionClassTest, DecidesOnTheHeadWhenNoRowAsksAboutBodies) {
  f.add("action_class", "{rows: [{action: purge, method: POST, path: /purge}], deny: [purge]}");
  const auto passage = f.passage({.target = "/purge"});
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kActionDenied);
  EXPECT_EQ(f.chain().bodyPlan().request_body, FilterNeeds::Body::kNone);
}

TEST_F(ActionClassTest, CanRefuseWhatNoRowNames) {
  f.add("action_class",
        "{rows: [{action: send, path: /send}], otherwise: {\"*\": unlisted, GET: read}, "
        "deny: [unlisted]}");
  EXPECT_EQ(f.send({.target = "/x"})->reason(), Reason::kActionDenied);
  EXPECT_EQ(action({.method = "GET", .target = "/x"}), "read");
  ExchangeFixture g;
  g.add("action_class", "{rows: [{action: send, path: /send}], otherwise: {GET: read}}");
  EXPECT_EQ(g.send({.target = "/x"})->reason(), Reason::kActionDenied);
}

TEST_F(ActionClassTest, ReadsACatalogueFile) {
  f.files.files["bot.yaml"] = "{rows: [{action: send, method: POST, path: /send}]}";
  f.add("action_class", "{catalogue: bot.yaml}");
  EXPECT_EQ(action({.target = "/send"}), "send");
}

TEST_F(ActionClassTest, NamesNothingInShadowMode) {
  f.add("action_class", kRows, FilterMode::kShadow);
  const auto passage = f.send({.target = "/send"});
  EXPECT_TRUE(passage->exchange.facts.action.empty());
  ASSERT_EQ(passage->exchange.facts.tags.size(), 1u);
  EXPECT_EQ(passage->exchange.facts.tags[0].second, "send");
  EXPECT_EQ(f.send({.target = "/roles/7"})->shadowReason(), Reason::kActionDenied);
}

TEST_F(ActionClassTest, AsksAgainOnARelease) {
  f.add("action_class", kRows);
  const auto passage = f.passage({.target = "/roles/7"});
  passage->exchange.is_release = true;
  passage->run();
  EXPECT_EQ(passage->reason(), Reason::kActionDenied);
}

TEST_F(ActionClassTest, RefusesMistakesInItsConfiguration) {
  const std::string_view configs[] = {
      "{rows: [{path: /x}]}",
      "{rows: [{action: a}]}",
      "{rows: [{action: a, path: x}]}",
      "{rows: [{action: \"a b\", path: /x}]}",
      "{rows: [{action: a, path: /x, method: \"P T\"}]}",
      "{rows: [{action: a, path: /x, method: post}]}",
      "{rows: [{action: a, path: /x}], otherwise: {get: read, \"*\": write}}",
      "{rows: [{action: a, path: /x, when: {}}]}",
      "{rows: [{action: a, path: /x, when: {all: []}}]}",
      "{rows: [{action: a, path: /x, when: {all: [{pointer: x}]}}]}",
      "{rows: [{action: a, path: /x, when: {all: [{pointer: /x, op: matches, value: x}]}}]}",
      "{rows: [{action: a, path: /x, when: {all: [{pointer: /x, op: gt, value: x}]}}]}",
      "{rows: [{action: a, path: /x, when: {all: [{pointer: /x, op: eq}]}}]}",
      "{rows: [{action: a, path: /x, when: {all: [{pointer: /x, op: exists, value: 1}]}}]}",
      "{rows: [{action: a, path: /x, when: {all: [{pointer: /x, op: eq, value: [1, 2]}]}}]}",
      "{rows: [{action: a, path: /x}], deny: [b]}",
      "{rows: [{action: a, path: /x}], otherwise: read}",
      "{rows: [{action: a, path: /x}], catalogue: f}",
      "{catalogue: absent.yaml}",
  };
  for (const std::string_view config : configs) {
    f.add("action_class", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

TEST_F(ActionClassTest, BoundsItsRowsAndConditions) {
  std::string rows = "{rows: [", conditions = "{rows: [{action: a, path: /x, when: {all: [";
  for (std::size_t i = 0; i <= limits::kCatalogueRowsMax; ++i) rows += "{action: a, path: /x},";
  for (std::size_t i = 0; i <= limits::kConditionsMax; ++i) {
    conditions += "{pointer: /x, op: exists},";
  }
  f.add("action_class", rows + "]}");
  EXPECT_TRUE(f.hasMistake("more than 4096"));
  f.add("action_class", conditions + "]}}]}");
  EXPECT_TRUE(f.hasMistake("more than 32"));
}

struct ConditionCase {
  std::string_view condition, body;
  bool holds;
};

TEST(Condition, JudgesEveryOperator) {
  const ConditionCase cases[] = {
      {"{pointer: /a, op: eq, value: x}", R"({"a":"x"})", true},
      {"{pointer: /a, op: eq, value: x}", R"({"a":"y"})", false},
      {"{pointer: /a, op: eq, value: x}", R"({})", false},
      {"{pointer: /a, op: eq, value: 1}", R"({"a":1})", true},
      {"{pointer: /a, op: eq, value: 1}", R"({"a":1.0})", true},
      {"{pointer: /a, op: eq, value: 1}", R"({"a":"1"})", true},
      {"{pointer: /a, op: eq, value: 1}", R"({"a":true})", false},
      {"{pointer: /a, op: eq, value: true}", R"({"a":true})", true},
      {"{pointer: /a, op: eq, value: true}", R"({"a":false})", false},
      {"{pointer: /a, op: eq, value: null}", R"({"a":null})", false},
      {"{pointer: /a, op: ne, value: x}", R"({"a":"y"})", true},
      {"{pointer: /a, op: ne, value: x}", R"({"a":"x"})", false},
      {"{pointer: /a, op: ne, value: x}", R"({})", true},
      {"{pointer: /a, op: exists}", R"({"a":null})", true},
      {"{pointer: /a, op: exists}", R"({})", false},
      {"{pointer: /a, op: absent}", R"({})", true},
      {"{pointer: /a, op: absent}", R"({"a":null})", false},
      {"{pointer: /a, op: nonempty}", R"({"a":""})", false},
      {"{pointer: /a, op: nonempty}", R"({"a":[]})", false},
      {"{pointer: /a, op: nonempty}", R"({"a":[0]})", true},
      {"{pointer: /a, op: nonempty}", R"({"a":{}})", false},
      {"{pointer: /a, op: nonempty}", R"({"a":0})", true},
      {"{pointer: /a, op: nonempty}", R"({"a":false})", false},
      {"{pointer: /a, op: nonempty}", R"({"a":null})", false},
      {"{pointer: /a, op: contains, value: b}", R"({"a":"abc"})", true},
      {"{pointer: /a, op: contains, value: b}", R"({"a":["b"]})", false},
      {"{pointer: /a, op: in, value: [x, y]}", R"({"a":"y"})", true},
      {"{pointer: /a, op: in, value: [x, y]}", R"({"a":"z"})", false},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":5})", false},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":5.1})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":"6"})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":"six"})", false},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":18446744073709551615})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":" 6"})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":"+6"})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":"0x6"})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":"６"})", true},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":"4"})", false},
      {"{pointer: /a, op: gt, value: 5}", R"({"a":""})", false},
      {"{pointer: /a, op: lt, value: 5}", R"({"a":" 4"})", false},
      {"{pointer: /a, op: lt, value: 5}", R"({"a":-1})", true},
      {"{pointer: /a, op: lt, value: 5}", R"({"a":5})", false},
      {"{pointer: /a, op: len_gt, value: 2}", R"({"a":[1,2]})", false},
      {"{pointer: /a, op: len_gt, value: 2}", R"({"a":[1,2,3]})", true},
      {"{pointer: /a, op: len_gt, value: 2}", R"({"a":"abc"})", false},
      {"{pointer: /a, op: csv_len_gt, value: 2}", R"({"a":"1,2"})", false},
      {"{pointer: /a, op: csv_len_gt, value: 2}", R"({"a":"1,2,3"})", true},
      {"{pointer: /a, op: csv_len_gt, value: 0}", R"({"a":""})", false},
      {"{pointer: /a, op: csv_len_gt, value: 2}", R"({"a":[1,2,3]})", true},
      {"{pointer: /a, op: sep_len_gt, value: 1}", R"({"a":"1|2"})", true},
      {"{pointer: /a, op: token_is, value: \"@all\"}", R"({"a":"u1|@all"})", true},
      {"{pointer: /a, op: token_is, value: \"@all\"}", R"({"a":"u1|@allx"})", false},
      {"{pointer: /a, op: array_has, value: x}", R"({"a":["y","x"]})", true},
      {"{pointer: /a, op: array_has, value: x}", R"({"a":"x"})", false},
      {"{pointer: /a, op: eq, value: x}", "[]", false},
  };
  FakeRandom random;
  JsonPool pool(random);
  for (const ConditionCase& one : cases) {
    const ConfigNode node = configLiteral(one.condition);
    ConfigErrors errors;
    ConfigReader reader(node, "when", errors);
    const auto condition = Condition::read(reader);
    ASSERT_TRUE(condition.has_value()) << one.condition;
    const auto document = pool.parse(one.body);
    ASSERT_TRUE(document.has_value()) << one.body;
    EXPECT_EQ(condition->holdsIn(document->root()), one.holds)
        << one.condition << " on " << one.body;
  }
}

}  // namespace
}  // namespace edgehold
