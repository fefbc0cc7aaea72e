// SPDX-License-Identifier: Apache-2.0
// The laws of mtls_identity.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

Reason reasonFor(std::string_view config, std::string_view principal) {
  ExchangeFixture f;
  f.add("mtls_identity", config);
  return f.send({.principal = std::string(principal)})->reason();
}

TEST(MtlsIdentity, LetsNobodyInWithoutAVerifiedCertificate) {
  EXPECT_EQ(reasonFor("{}", ""), Reason::kCredentialsInvalid);
  EXPECT_EQ(reasonFor("{}", "cn:anybody"), Reason::kAllowed);
}

TEST(MtlsIdentity, LetsInWhoIsNamedAndNobodyElse) {
  const std::string_view config = "{principals: [\"uri:spiffe://x/agent\", \"cn:agent\"]}";
  EXPECT_EQ(reasonFor(config, "uri:spiffe://x/agent"), Reason::kAllowed);
  EXPECT_EQ(reasonFor(config, "cn:agent"), Reason::kAllowed);
  for (const std::string_view other :
       {"", "cn:agent2", "cn:agen", "dns:agent", "cn:spiffe://x/agent", "uri:spiffe://x/agent/",
        "CN:agent"}) {
    EXPECT_EQ(reasonFor(config, other), Reason::kCredentialsInvalid) << other;
  }
}

TEST(MtlsIdentity, DecidesOnTheHead) {
  ExchangeFixture f;
  f.add("mtls_identity", "{}");
  const auto passage = f.passage();
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kCredentialsInvalid);
}

TEST(MtlsIdentity, OnlyRecordsInShadowMode) {
  ExchangeFixture f;
  f.add("mtls_identity", "{}", FilterMode::kShadow);
  const auto passage = f.send({});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kCredentialsInvalid);
}

TEST(MtlsIdentity, RefusesMistakesInItsConfiguration) {
  for (const std::string_view config : {"{principals: []}", "{principals: [agent]}",
                                        "{principals: [\"cn:\"]}", "{principal: [\"cn:a\"]}"}) {
    ExchangeFixture f;
    f.add("mtls_identity", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
