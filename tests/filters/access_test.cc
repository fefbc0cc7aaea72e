// SPDX-License-Identifier: Apache-2.0
// The laws of ip_access.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

Reason reasonFor(std::string_view config, std::string_view address) {
  ExchangeFixture f;
  f.add("ip_access", config);
  return f.send({.address = std::string(address)})->reason();
}

TEST(IpAccess, LetsInWhoIsListedAndNobodyElse) {
  const std::string_view config = "{allow: [203.0.113.0/24, 2001:db8::/32]}";
  EXPECT_EQ(reasonFor(config, "203.0.113.0"), Reason::kAllowed);
  EXPECT_EQ(reasonFor(config, "203.0.113.255"), Reason::kAllowed);
  EXPECT_EQ(reasonFor(config, "203.0.114.0"), Reason::kIpDenied);
  EXPECT_EQ(reasonFor(config, "203.0.112.255"), Reason::kIpDenied);
  EXPECT_EQ(reasonFor(config, "2001:db8:ffff::1"), Reason::kAllowed);
  EXPECT_EQ(reasonFor(config, "2001:db9::"), Reason::kIpDenied);
  EXPECT_EQ(reasonFor(config, "::ffff:203.0.113.7"), Reason::kAllowed);
}

TEST(IpAccess, DeniesWhatIsDeniedEvenWhenItIsAllowed) {
  const std::string_view config = "{allow: [10.0.0.0/8], deny: [10.1.0.0/16]}";
  EXPECT_EQ(reasonFor(config, "10.0.0.1"), Reason::kAllowed);
  EXPECT_EQ(reasonFor(config, "10.1.0.1"), Reason::kIpDenied);
}

TEST(IpAccess, LetsInEverybodyElseWithoutAllow) {
  EXPECT_EQ(reasonFor("{deny: [10.0.0.1]}", "10.0.0.2"), Reason::kAllowed);
  EXPECT_EQ(reasonFor("{deny: [10.0.0.1]}", "10.0.0.1"), Reason::kIpDenied);
}

TEST(IpAccess, LetsInNobodyWithAnEmptyAllow) {
  EXPECT_EQ(reasonFor("{allow: []}", "10.0.0.2"), Reason::kIpDenied);
}

TEST(IpAccess, NamesTheListThatDecided) {
  ExchangeFixture f;
  f.add("ip_access", "{allow: [10.0.0.0/8], deny: [10.1.0.0/16]}");
  EXPECT_EQ(f.send({.address = "10.1.0.1"})->rule(), "deny");
  EXPECT_EQ(f.send({.address = "192.0.2.1"})->rule(), "allow");
}

TEST(IpAccess, DecidesOnTheHead) {
  ExchangeFixture f;
  f.add("ip_access", "{allow: [10.0.0.0/8]}");
  const auto passage = f.passage();
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kIpDenied);
}

TEST(IpAccess, OnlyRecordsInShadowMode) {
  ExchangeFixture f;
  f.add("ip_access", "{allow: [10.0.0.0/8]}", FilterMode::kShadow);
  const auto passage = f.send();
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kIpDenied);
}

TEST(IpAccess, RefusesMistakesInItsConfiguration) {
  ExchangeFixture f;
  for (const std::string_view config :
       {"{}", "{allow: [10.0.0.1/8]}", "{deny: [nonsense]}", "{alow: [10.0.0.0/8]}"}) {
    f.add("ip_access", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
