// SPDX-License-Identifier: Apache-2.0
// The laws of payload_cap.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

constexpr std::size_t kMax = 2048;
constexpr std::string_view kConfig = "{max: 2KiB}";

TEST(PayloadCap, TakesABodyOfExactlyTheMaximum) {
  ExchangeFixture f;
  f.add("payload_cap", kConfig);
  EXPECT_TRUE(f.send({.body = std::string(kMax, 'x')})->isAllowed());
  EXPECT_TRUE(
      f.send({.body = std::string(kMax, 'x'), .declared = BodyLength::chunked()})->isAllowed());
}

TEST(PayloadCap, RefusesADeclaredLengthOnePastBeforeTheBody) {
  ExchangeFixture f;
  f.add("payload_cap", kConfig);
  const auto passage = f.passage({.declared = BodyLength::known(kMax + 1)});
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kPayloadTooLarge);
  EXPECT_EQ(passage->verdict->status(), 413);
}

TEST(PayloadCap, RefusesAHugeDeclaredLength) {
  ExchangeFixture f;
  f.add("payload_cap", kConfig);
  EXPECT_EQ(f.send({.declared = BodyLength::known(UINT64_MAX)})->reason(),
            Reason::kPayloadTooLarge);
}

TEST(PayloadCap, CutsAStreamAtTheFirstByteTooMany) {
  ExchangeFixture f;
  f.add("payload_cap", kConfig);
  const auto passage =
      f.send({.body = std::string(1'000'000, 'x'), .declared = BodyLength::chunked()});
  EXPECT_EQ(passage->reason(), Reason::kPayloadTooLarge);
  EXPECT_EQ(passage->exchange.decision.request_body_bytes, 3000u) << "the third piece crossed it";
}

TEST(PayloadCap, SeesPiecesEvenWhereTheBodyIsCollected) {
  ExchangeFixture f;
  f.add("payload_cap", kConfig).add("event_types", "{pointer: /type, known: [a]}");
  const auto passage =
      f.send({.body = std::string(kMax + 1, 'x'), .declared = BodyLength::chunked()});
  EXPECT_EQ(passage->reason(), Reason::kPayloadTooLarge);
}

TEST(PayloadCap, CutsNothingInShadowMode) {
  ExchangeFixture f;
  f.add("payload_cap", kConfig, FilterMode::kShadow);
  const auto passage = f.send({.body = std::string(kMax + 1, 'x')});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kPayloadTooLarge);
  EXPECT_EQ(passage->exchange.decision.shadows.size(), 1u);
}

TEST(PayloadCap, NeedsASizeWithAUnit) {
  ExchangeFixture f;
  for (const std::string_view config : {"{}", "{max: 64}", "{max: 64KB}", "{max: 2000GiB}"}) {
    f.add("payload_cap", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
