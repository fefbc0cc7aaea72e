// SPDX-License-Identifier: Apache-2.0
// The whole standard chain: its order, and what one request through it costs.
// Thread: main only.
#include <algorithm>

#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/crypto/hmac.h"
#include "tests/support/counted_new.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

TEST(FilterRegistry, RanksTheChecksFloodProof) {
  ExchangeFixture f;
  const std::vector<std::string_view> order = {
      "source_budget", "ip_access",     "host_guard",   "method_path",   "payload_cap",
      "mtls_identity", "api_key",       "jwt_auth",     "session_login", "session_auth",
      "channel",       "replay_window", "event_types",  "dedupe",        "rate_limit",
      "action_class",  "lua_rules",     "approval_hold"};
  EXPECT_EQ(f.registry.names(), order);
  for (std::size_t i = 1; i < order.size(); ++i) {
    const FilterRank before = f.registry.find(order[i - 1])->rank;
    const FilterRank rank = f.registry.find(order[i])->rank;
    EXPECT_LE(before, rank) << order[i];
    EXPECT_TRUE(before < rank || rank == FilterRank::kCredentials) << order[i];
  }
}

class StandardChain : public ::testing::Test {
 protected:
  StandardChain() {
    f.secrets.secrets["${env:HOOK}"] = {"s3cret"};
    f.add("source_budget", "{limits: [{key: address, rate: 1000000/1s}]}");
    f.add("ip_access", "{allow: [192.0.2.0/24]}");
    f.add("host_guard", "{hosts: [bot.example.org]}");
    f.add("method_path", "{methods: [POST], paths: [/hook]}");
    f.add("payload_cap", "{max: 64KiB}");
    f.add("channel", R"({dialect: hmac, secrets: ["${env:HOOK}"], signature: {header: X-Signature},
          timestamp: {header: X-Timestamp}, facts: {event_id: /event/id, event_type: /event/type,
          group: /group/id, sender: /sender/id}})");
    f.add("replay_window", "{past: 5m}");
    f.add("event_types", "{known: [message]}");
    f.add("dedupe", "{}");
    f.add("rate_limit",
          "{limits: [{key: group, rate: 1000000/1s}, {key: sender, rate: 1000000/1s}]}");
    f.add("action_class", R"({rows: [{action: mass_send, path: /hook, when: {all: [
          {pointer: /to, op: len_gt, value: 10}]}}]})");
    f.add("approval_hold", "{actions: [mass_send]}");
    EXPECT_EQ(f.chain().entries().size(), 12u);
  }
  RequestText request(int number) const {
    std::string body = R"({"event":{"id":"e)" + std::to_string(number) +
                       R"(","type":"message"},"group":{"id":"g1"},"sender":{"id":"u1"},"text":")" +
                       std::string(500, 'x') + "\"}";
    const std::string time = std::to_string(unixSeconds(f.loop.clock().wallNow()));
    const std::string signed_text = time + "." + body;
    const HmacKey key(DigestKind::kSha256, "s3cret");
    return {.headers = {{"X-Signature", hexEncode(key.sign(signed_text).view())},
                        {"X-Timestamp", time}},
            .body = std::move(body)};
  }
  ExchangeFixture f;
};

TEST_F(StandardChain, LetsAGenuineEventPassOnce) {
  const auto first = f.send(request(1));
  EXPECT_TRUE(first->isAllowed()) << reasonCode(first->reason());
  EXPECT_EQ(first->exchange.facts.action, "write");
  first->commit(f.loop.clock().now());
  EXPECT_EQ(f.send(request(1))->reason(), Reason::kDuplicate);
}

TEST_F(StandardChain, AllocatesOnlyTheClaimOnTheWayIn) {
  f.send(request(0));  // fills the pools
  const auto passage = f.passage(request(1));
  passage->exchange.body.append(std::string(4096, ' '));  // its memory is the connection's
  passage->exchange.body.clear();
  const std::size_t before = allocationCount();
  passage->run();
  const std::size_t allocations = allocationCount() - before;
  ASSERT_TRUE(passage->isAllowed());
  // The settlement, the list it is in, and the name of the row where it is longer than 15 bytes.
  EXPECT_LE(allocations, 3u);
}

}  // namespace
}  // namespace edgehold
