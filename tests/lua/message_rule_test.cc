// SPDX-License-Identifier: Apache-2.0
// What rules see of messages of inspected WebSockets, and how they answer.
// Thread: one loop.
#include <gmock/gmock.h>

#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;

// A rule of which `body` stands inside `on_message = function(message) ... end`.
RuleFiles messageRule(const std::string& body) {
  return {
      {{"rules/r.lua", "return { id = 'r', on_message = function(message) " + body + "\nend }"}}};
}

class MessageRule : public testing::Test {
 protected:
  std::string say(const std::string& body, std::string_view payload = "{}",
                  const MessageFacts& message = {}) {
    RuleFixture rule(messageRule(body));
    Exchange& exchange = rule.newExchange(payload);
    exchange.message = message;
    exchange.message->number = 7;
    exchange.request.method_token = "MESSAGE";
    exchange.facts.principal = "ann";
    return rule.again();
  }
};

TEST_F(MessageRule, SeesTheMessageAndTheRequestThatOpenedTheSocket) {
  const std::string body = R"(
    return deny(table.concat({ message.direction, message.text, message.size, message.number,
      tostring(message.is_text), message.json.a, message.method, message.path,
      message.facts.principal }, " ")))";
  EXPECT_EQ(say(body, R"({"a":"b"})"),
            R"(deny: to_upstream {"a":"b"} 9 7 true b MESSAGE /hook ann)");
  MessageFacts answer;
  answer.direction = MessageFacts::Direction::kToClient;
  EXPECT_EQ(say("return deny(message.direction)", "{}", answer), "deny: to_client");
  MessageFacts binary;
  binary.is_text = false;
  EXPECT_EQ(say("return deny(tostring(message.text))", "\x01", binary), "deny: nil");
}

TEST_F(MessageRule, RefusesNamesThatDoNotExist) {
  EXPECT_THAT(say("return message.opcode"), HasSubstr("message has no field `opcode`"));
  EXPECT_THAT(RuleFixture({"return request.direction"}).say(),
              HasSubstr("request has no field `direction`"));
}

TEST_F(MessageRule, IsAskedOfMessagesAloneAndCheckOfRequestsAlone) {
  RuleFixture both(RuleFiles{{{"rules/r.lua",
                               "return { id = 'r', check = function() return deny('request') end, "
                               "on_message = function() return deny('message') end }"}}});
  EXPECT_TRUE(both.rules().asks(RuleEntry::kMessage));
  EXPECT_EQ(both.say(), "deny: request");
  both.newExchange().message = MessageFacts{};
  EXPECT_EQ(both.again(), "deny: message");

  RuleFixture requests({"return deny('request')"});
  EXPECT_FALSE(requests.rules().asks(RuleEntry::kMessage));
  requests.newExchange().message = MessageFacts{};
  EXPECT_EQ(requests.again(), "allow");
  EXPECT_EQ(RuleFixture(messageRule("return deny('message')")).say(), "allow");
}

TEST_F(MessageRule, SpendsTheBudgetOfItsRule) {
  EXPECT_THAT(say("while true do end"), HasSubstr("rule_budget_exceeded"));
}

TEST_F(MessageRule, ARuleJudgesOneOfTheTwoAtLeast) {
  for (const char* const file : {"return { id = 'r' }", "return { id = 'r', on_message = 1 }",
                                 "return { id = 'r', on_messages = function() end }"}) {
    EXPECT_FALSE(RuleSet::fromSources({{"rules/r.lua", file}})) << file;
  }
}

}  // namespace
}  // namespace edgehold
