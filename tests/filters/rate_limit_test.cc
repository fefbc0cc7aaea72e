// SPDX-License-Identifier: Apache-2.0
// The laws of rate_limit and source_budget.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class RateLimitTest : public ::testing::Test {
 protected:
  std::unique_ptr<Passage> from(std::string_view group, std::string_view sender = {}) {
    auto passage = f.passage();
    passage->exchange.facts.group = group;
    passage->exchange.facts.sender = sender;
    passage->run();
    return passage;
  }
  ExchangeFixture f;
};

TEST_F(RateLimitTest, RefusesOnePastTheBurstAndRefillsOverTime) {
  f.add("rate_limit", "{limits: [{key: group, rate: 60/1m, burst: 3}]}");
  for (int i = 0; i < 3; ++i) EXPECT_TRUE(from("g")->isAllowed()) << i;
  EXPECT_EQ(from("g")->reason(), Reason::kRateLimited);
  EXPECT_TRUE(from("other")->isAllowed());
  f.loop.advance(1s);
  EXPECT_TRUE(from("g")->isAllowed());
  EXPECT_EQ(from("g")->reason(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, AllowsTheWholeRateAtOnceWithoutABurst) {
  f.add("rate_limit", "{limits: [{key: group, rate: 5/1h}]}");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(from("g")->isAllowed()) << i;
  EXPECT_EQ(from("g")->reason(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, CountsAMessageAsARequest) {
  f.add("rate_limit", "{limits: [{key: [address, event_type], rate: 2/1m}]}");
  const auto say = [this] {
    auto message = f.passage({.body = "{}"});
    message->exchange.facts.event_type = "chat.send";
    message->runMessage();
    return message->reason();
  };
  EXPECT_EQ(say(), Reason::kAllowed);
  EXPECT_EQ(say(), Reason::kAllowed);
  EXPECT_EQ(say(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, ASourceBudgetCountsRequestsAlone) {
  f.add("source_budget", "{limits: [{key: address, rate: 1/1m}]}");
  for (int i = 0; i < 3; ++i) {
    const auto message = f.passage();
    message->runMessage();
    EXPECT_TRUE(message->isAllowed());
  }
  EXPECT_TRUE(f.send()->isAllowed());
  EXPECT_EQ(f.send()->reason(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, TellsWhenToComeBack) {
  f.add("rate_limit", "{limits: [{key: group, rate: 2/1m, name: secret_name}]}");
  from("g");
  from("g");
  const auto refused = from("g");
  EXPECT_EQ(refused->verdict->status(), 429);
  EXPECT_EQ(refused->replyHeader("Retry-After"), "30");
  EXPECT_EQ(refused->replyHeader("RateLimit-Policy"), R"("default";q=2;w=60)");
  EXPECT_EQ(refused->replyHeader("RateLimit"), R"("default";r=0;t=60)");
  EXPECT_EQ(refused->rule(), "secret_name");
}

TEST_F(RateLimitTest, WritesTheBudgetOnTheResponse) {
  f.add("rate_limit", "{limits: [{key: group, rate: 10/1m}, {key: sender, rate: 4/1m}]}");
  const auto passage = from("g", "s");
  ResponseHead head;
  head.headers.add("RateLimit", "\"upstream\";r=99");
  f.chain().entries()[0].filter->onResponseHead(passage->exchange, head);
  EXPECT_EQ(head.headers.find("RateLimit-Policy"), R"("default";q=4;w=60)") << "nearest its end";
  EXPECT_EQ(head.headers.find("RateLimit"), R"("default";r=3;t=15)");
  EXPECT_EQ(head.headers.count("RateLimit"), 1u);
}

TEST_F(RateLimitTest, TakesTokensFromAllLimitsOrFromNone) {
  f.add("rate_limit",
        "{limits: [{key: group, rate: 3/1h, name: wide}, {key: sender, rate: 1/1h, name: tight}]}");
  EXPECT_TRUE(from("g", "s1")->isAllowed());
  for (int i = 0; i < 10; ++i) EXPECT_EQ(from("g", "s1")->rule(), "tight");
  EXPECT_TRUE(from("g", "s2")->isAllowed()) << "ten refusals must not have cost the group a token";
  EXPECT_TRUE(from("g", "s3")->isAllowed());
  EXPECT_EQ(from("g", "s4")->rule(), "wide");
}

TEST_F(RateLimitTest, CountsACombinationAsOneKey) {
  f.add("rate_limit", "{limits: [{key: [group, sender], rate: 1/1h}]}");
  EXPECT_TRUE(from("g", "s")->isAllowed());
  EXPECT_TRUE(from("g", "t")->isAllowed());
  EXPECT_TRUE(from("gs", "")->isAllowed());
  EXPECT_EQ(from("g", "s")->reason(), Reason::kRateLimited);
  EXPECT_EQ(from("g", "s")->rule(), "group+sender");
}

TEST_F(RateLimitTest, DoesNotConfuseNeighbouringKeys) {
  f.add("rate_limit", "{limits: [{key: [group, sender], rate: 1/1h}]}");
  EXPECT_TRUE(from("ab", "c")->isAllowed());
  EXPECT_TRUE(from("a", "bc")->isAllowed());
}

TEST_F(RateLimitTest, SkipsALimitWhoseKeyIsAbsentUnlessItIsRequired) {
  f.add("rate_limit", "{limits: [{key: group, rate: 1/1h}]}");
  for (int i = 0; i < 5; ++i) EXPECT_TRUE(from("")->isAllowed());
  ExchangeFixture strict;
  strict.add("rate_limit", "{limits: [{key: group, rate: 1/1h, required: true}]}");
  EXPECT_EQ(strict.send()->reason(), Reason::kEventMissing);
}

TEST_F(RateLimitTest, OnlyCountsWhereItIsTold) {
  f.add("rate_limit",
        "{limits: [{key: group, rate: 1/1h, count_only: true, name: watch}, "
        "{key: sender, rate: 5/1h}]}");
  EXPECT_TRUE(from("g", "s")->isAllowed());
  const auto second = from("g", "s");
  EXPECT_TRUE(second->isAllowed());
  ASSERT_EQ(second->exchange.decision.shadows.size(), 1u);
  EXPECT_EQ(second->exchange.decision.shadows[0].rule, "watch");
  EXPECT_EQ(second->exchange.rate_report->limit, 5u) << "what is not enforced is not reported";
}

TEST_F(RateLimitTest, RefusesNobodyInShadowMode) {
  f.add("rate_limit", "{limits: [{key: group, rate: 1/1h, name: one}]}", FilterMode::kShadow);
  EXPECT_TRUE(from("g")->isAllowed());
  const auto second = from("g");
  EXPECT_TRUE(second->isAllowed());
  EXPECT_EQ(second->shadowReason(), Reason::kRateLimited);
  EXPECT_EQ(second->exchange.decision.shadows[0].rule, "one");
  EXPECT_FALSE(second->exchange.rate_report.has_value());
}

TEST_F(RateLimitTest, CountsAddressesAndWholeV6Subscribers) {
  f.add("rate_limit", "{limits: [{key: address, rate: 1/1h}]}");
  EXPECT_TRUE(f.send({.address = "192.0.2.1"})->isAllowed());
  EXPECT_TRUE(f.send({.address = "192.0.2.2"})->isAllowed());
  EXPECT_EQ(f.send({.address = "192.0.2.1"})->reason(), Reason::kRateLimited);
  EXPECT_TRUE(f.send({.address = "2001:db8::1"})->isAllowed());
  EXPECT_EQ(f.send({.address = "2001:db8::ffff:1"})->reason(), Reason::kRateLimited);
  EXPECT_TRUE(f.send({.address = "2001:db8:0:1::1"})->isAllowed());
}

TEST_F(RateLimitTest, DecidesOnTheHeadWhatTheHeadTells) {
  f.add("rate_limit", "{limits: [{key: [address, \"header:X-Key\"], rate: 1/1h}]}");
  const RequestText text{.headers = {{"X-Key", "k"}}};
  f.send(text);
  const auto passage = f.passage(text);
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, PrefersThePrincipalToTheAddress) {
  f.add("rate_limit", "{limits: [{key: principal_or_address, rate: 1/1h}]}");
  for (const std::string_view principal : {"a", "b", ""}) {
    const auto passage = f.passage();
    passage->exchange.facts.principal = principal;
    passage->run();
    EXPECT_TRUE(passage->isAllowed()) << principal;
  }
  EXPECT_EQ(f.send()->reason(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, LooksIntoTheBodyByPointer) {
  f.add("rate_limit", "{limits: [{key: \"json:/room\", rate: 1/1h}]}");
  EXPECT_TRUE(f.send({.body = R"({"room":18446744073709551615})"})->isAllowed());
  EXPECT_EQ(f.send({.body = R"({"room":18446744073709551615})"})->reason(), Reason::kRateLimited);
  EXPECT_TRUE(f.send({.body = R"({"room":null})"})->isAllowed());
  EXPECT_TRUE(f.send()->isAllowed()) << "no body, no key";
  EXPECT_EQ(f.send({.body = "{"})->reason(), Reason::kJsonInvalid)
      << "garbling the body must not be a way around";
}

// To an agent they may be the room whose budget is spent.
TEST_F(RateLimitTest, RefusesAKeyThatIsNoTextOrWholeNumber) {
  f.add("rate_limit", "{limits: [{key: \"json:/room\", rate: 1/1h}]}");
  for (const std::string room : {"5.0", "5e0", "[5]", "[\"5\"]", "{}", "true"}) {
    EXPECT_EQ(f.send({.body = "{\"room\":" + room + "}"})->reason(), Reason::kEventMissing) << room;
  }
  EXPECT_TRUE(f.send({.body = R"({"room":5})"})->isAllowed());
  EXPECT_EQ(f.send({.body = R"({"room":"5"})"})->reason(), Reason::kRateLimited);
}

TEST_F(RateLimitTest, RefusesAKeyHeaderThatComesTwice) {
  f.add("rate_limit", "{limits: [{key: \"header:X-Key\", rate: 1/1h}]}");
  EXPECT_EQ(f.send({.headers = {{"X-Key", "a"}, {"x-key", "b"}}})->reason(),
            Reason::kMalformedRequest);
}

// Agents that make variables of fields take both spellings for one.
TEST_F(RateLimitTest, TakesAKeyHeaderWithUnderscoresForTheSame) {
  f.add("rate_limit", "{limits: [{key: \"header:X-Key\", rate: 1/1h}]}");
  EXPECT_TRUE(f.send({.headers = {{"X-Key", "a"}}})->isAllowed());
  EXPECT_EQ(f.send({.headers = {{"x_key", "a"}}})->reason(), Reason::kRateLimited);
  EXPECT_EQ(f.send({.headers = {{"X-Key", "b"}, {"X_Key", "a"}}})->reason(),
            Reason::kMalformedRequest);
  EXPECT_TRUE(f.send({.headers = {{"X-Kez", "a"}}})->isAllowed()) << "another field";
}

TEST_F(RateLimitTest, RefusesMistakesInItsConfiguration) {
  const std::string_view configs[] = {
      "{}",
      "{limits: []}",
      "{limits: [{key: group}]}",
      "{limits: [{key: group, rate: 10}]}",
      "{limits: [{key: group, rate: 0/1m}]}",
      "{limits: [{key: group, rate: 10/0s}]}",
      "{limits: [{key: group, rate: 10/m}]}",
      "{limits: [{key: group, rate: -1/1m}]}",
      "{limits: [{key: grupo, rate: 1/1m}]}",
      "{limits: [{key: [], rate: 1/1m}]}",
      "{limits: [{key: [group, sender, channel, action, address], rate: 1/1m}]}",
      "{limits: [{key: group, rate: 1/1m, burst: 0}]}",
      "{limits: [{key: group, rate: 1/1m}, {key: group, rate: 2/1m}]}",
      "{limits: [{key: \"header:a b\", rate: 1/1m}]}",
      "{limits: [{key: \"json:room\", rate: 1/1m}]}",
  };
  for (const std::string_view config : configs) {
    f.add("rate_limit", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
  std::string nine = "{limits: [";
  for (int i = 0; i < 9; ++i) nine += "{key: group, rate: 1/1m, name: n" + std::to_string(i) + "},";
  f.add("rate_limit", nine + "]}");
  EXPECT_TRUE(f.hasMistake("more than 8"));
}

TEST(SourceBudget, ChecksTheAddressBeforeEverythingElse) {
  ExchangeFixture f;
  EXPECT_LT(f.registry.find("source_budget")->rank, f.registry.find("ip_access")->rank);
  f.add("source_budget", "{limits: [{key: address, rate: 1/1h}]}");
  EXPECT_TRUE(f.send()->isAllowed());
  const auto passage = f.passage();
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kRateLimited);
}

TEST(SourceBudget, TakesNoKeyThatAClientChooses) {
  ExchangeFixture f;
  f.add("source_budget", "{limits: [{key: \"header:X-Key\", rate: 1/1h}]}");
  EXPECT_TRUE(f.hasMistake("address"));
}

}  // namespace
}  // namespace edgehold
