// SPDX-License-Identifier: Apache-2.0
// Rules that take long, beside everything that may happen meanwhile: other requests, a client that
// leaves, a new policy, the end. Turns are counted, not time. Thread: main only.
#include <gmock/gmock.h>

#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kPolicy = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
    filters: [{lua_rules: {directory: rules, budgets: {instructions: 100000000, wall: 1s}}}]
)";
// More than a slice on any machine.
constexpr std::string_view kRule = R"(
local function check(request)
  if request.path == "/quick" then return deny("quick") end
  for _ = 1, 2000000 do end
  if request.path == "/slow" then return deny("slow") end
end
return { id = "lengthy", check = check }
)";
constexpr std::string_view kOtherRule =
    "return { id = 'new', check = function() return deny('new') end }";

std::string get(std::string_view path) {
  return "GET " + std::string(path) + " HTTP/1.1\r\nHost: edge\r\n\r\n";
}

class SlowRuleTest : public FlowTest {
 protected:
  void SetUp() override {
    std::filesystem::create_directory(path("rules"));
    write("rules/lengthy.lua", kRule);
    use(std::string(kPolicy));
  }
  // Its rule has begun, and paused.
  std::shared_ptr<FakePeer> ask(std::string_view target) {
    auto client = connect();
    ask(*client, target);
    return client;
  }
  void ask(FakePeer& client, std::string_view target) {
    client.feed(get(target));
    loop_.turn();
  }
};

TEST_F(SlowRuleTest, WhoCameLaterIsAnsweredFirst) {
  const auto slow = connect();
  const auto quick = connect();
  ask(*slow, "/slow");
  ask(*quick, "/quick");
  for (int turns = 0; turns < 3 && quick->received.empty(); ++turns) loop_.turn();
  EXPECT_THAT(quick->received, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(slow->received, IsEmpty());
  settle();
  EXPECT_THAT(slow->received, StartsWith("HTTP/1.1 403 "));
  EXPECT_EQ(audit().size(), 2u);
}

TEST_F(SlowRuleTest, WhatItAllowsIsForwardedOnce) {
  const auto client = ask("/allowed");
  EXPECT_THAT(dialer_.peers, IsEmpty());
  settle();
  EXPECT_THAT(upstream().received, StartsWith("GET /allowed "));
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(SlowRuleTest, EndsWithItsClient) {
  const auto client = ask("/allowed");
  client->reset();
  settle();
  EXPECT_THAT(dialer_.peers, IsEmpty());
  rules_.forEach([](const RuleSet&, const RuleEngine& engine) { EXPECT_EQ(engine.paused(), 0u); });
  const auto next = ask("/quick");
  settle();
  EXPECT_THAT(next->received, StartsWith("HTTP/1.1 403 "));
}

TEST_F(SlowRuleTest, EndsUnderThePolicyThatItBeganUnder) {
  const auto slow = connect();
  const auto next = connect();
  ask(*slow, "/slow");
  write("rules/lengthy.lua", kOtherRule);
  use(std::string(kPolicy));
  ask(*next, "/allowed");
  settle();
  EXPECT_THAT(next->received, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(slow->received, StartsWith("HTTP/1.1 403 "));
  const auto records = audit();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["why"]["rule"].asString(), "new");
  EXPECT_EQ(records[1]["why"]["rule"].asString(), "lengthy");
  rules_.sweep();
  EXPECT_EQ(rules_.size(), 1u);
}

TEST_F(SlowRuleTest, EndsWithTheServer) {
  const auto slow = ask("/slow");
  connections_.clear();
  station_.reset();
  EXPECT_THAT(slow->received, Not(HasSubstr("403")));
}

}  // namespace
}  // namespace edgehold
