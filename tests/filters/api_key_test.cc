// SPDX-License-Identifier: Apache-2.0
// The laws of api_key, and of the field that a credential comes in.
// Thread: main only.
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

constexpr std::string_view kCiKey = "ehk_0123456789abcdef";
constexpr std::string_view kOpsKey = "ehk_fedcba9876543210";

std::string hashOf(std::string_view key) {
  return hexEncode(digestOf(DigestKind::kSha256, key).view());
}
std::string twoKeys(std::string_view more = {}) {
  return "{keys: [{name: ci, sha256: " + hashOf(kCiKey) + ", roles: [deploy, read]}, {name: ops, " +
         "sha256: " + hashOf(kOpsKey) + "}]" + std::string(more) + "}";
}
RequestText bearing(std::string_view credential) {
  return {.headers = {{"Authorization", std::string(credential)}}};
}
RequestText withKey(std::string_view key) { return bearing("Bearer " + std::string(key)); }

Reason reasonFor(const std::string& config, const RequestText& request) {
  ExchangeFixture f;
  f.add("api_key", config);
  EXPECT_TRUE(f.mistakes.empty()) << f.mistakes.front();
  return f.send(request)->reason();
}

TEST(ApiKey, LetsInWhoHasOneOfTheKeysAndNamesThem) {
  ExchangeFixture f;
  f.add("api_key", twoKeys());
  const auto ci = f.send(withKey(kCiKey));
  EXPECT_TRUE(ci->isAllowed());
  EXPECT_EQ(ci->exchange.facts.principal, "ci");
  EXPECT_EQ(ci->exchange.facts.roles(), "deploy,read");
  const auto ops = f.send(withKey(kOpsKey));
  EXPECT_TRUE(ops->isAllowed());
  EXPECT_EQ(ops->exchange.facts.principal, "ops");
  EXPECT_EQ(ops->exchange.facts.roles(), "");
}

TEST(ApiKey, LetsInNobodyElse) {
  ExchangeFixture f;
  f.add("api_key", twoKeys());
  EXPECT_EQ(f.send()->reason(), Reason::kCredentialsInvalid);
  for (const std::string& credential :
       {std::string(), std::string("Bearer"), std::string("Bearer "), std::string(kCiKey),
        "Basic " + std::string(kCiKey), "Bearer  " + std::string(kCiKey),
        "Bearer " + std::string(kCiKey) + " ", "Bearer " + std::string(kCiKey) + "0",
        "Bearer " + std::string(kCiKey.substr(1)), std::string("Bearer EHK_0123456789ABCDEF"),
        "Bearer " + hashOf(kCiKey), "Bearer " + std::string(kCiKey) + "," + std::string(kOpsKey),
        "Bearer " + std::string(513, 'x')}) {
    const auto passage = f.send(bearing(credential));
    EXPECT_EQ(passage->reason(), Reason::kCredentialsInvalid) << credential;
    EXPECT_TRUE(passage->exchange.facts.principal.empty());
  }
}

TEST(ApiKey, RefusesEveryChangedCharacter) {
  ExchangeFixture f;
  f.add("api_key", twoKeys(", failures_per_minute: 0"));
  for (std::size_t i = 0; i < kCiKey.size(); ++i) {
    std::string key(kCiKey);
    key[i] = static_cast<char>(key[i] ^ 1);
    EXPECT_EQ(f.send(withKey(key))->reason(), Reason::kCredentialsInvalid) << i;
  }
}

TEST(ApiKey, RefusesTwoCredentialsEvenIfBothAreGood) {
  const std::string good = "Bearer " + std::string(kCiKey);
  EXPECT_EQ(reasonFor(twoKeys(), {.headers = {{"Authorization", good}, {"authorization", good}}}),
            Reason::kCredentialsInvalid);
}

TEST(ApiKey, TakesTheSchemeInAnyCase) {
  EXPECT_EQ(reasonFor(twoKeys(), bearing("bEARER " + std::string(kCiKey))), Reason::kAllowed);
}

TEST(ApiKey, DecidesOnTheHead) {
  ExchangeFixture f;
  f.add("api_key", twoKeys());
  const auto passage = f.passage();
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kCredentialsInvalid);
}

TEST(ApiKey, ReadsTheFieldThatTheOperatorNamesAndNoOther) {
  const std::string config = twoKeys(", header: X-Api-Key");
  EXPECT_EQ(reasonFor(config, {.headers = {{"x-api-key", std::string(kCiKey)}}}), Reason::kAllowed);
  EXPECT_EQ(reasonFor(config, withKey(kCiKey)), Reason::kCredentialsInvalid);
  EXPECT_EQ(reasonFor(config, {.headers = {{"X-Api-Key", "Bearer " + std::string(kCiKey)}}}),
            Reason::kCredentialsInvalid);
}

TEST(ApiKey, StripsTheCredentialUnlessAskedToKeepIt) {
  for (const bool is_kept : {false, true}) {
    ExchangeFixture f;
    f.add("api_key", twoKeys(is_kept ? ", keep: true" : ""));
    const auto passage = f.send(withKey(kCiKey));
    ASSERT_TRUE(passage->isAllowed());
    EXPECT_EQ(passage->exchange.request.headers.find("Authorization").has_value(), is_kept);
  }
}

TEST(ApiKey, ChallengesAsTheRfcsWant) {
  ExchangeFixture f;
  f.add("api_key", twoKeys());
  EXPECT_EQ(f.send()->replyHeader("WWW-Authenticate"), "Bearer realm=\"edgehold\"");
  const auto wrong = f.send(withKey("ehk_wrong"));
  EXPECT_EQ(wrong->verdict->status(), 401);
  EXPECT_EQ(wrong->replyHeader("WWW-Authenticate"),
            "Bearer realm=\"edgehold\", error=\"invalid_token\"");
  ExchangeFixture named;
  named.add("api_key", twoKeys(", header: X-Api-Key"));
  EXPECT_EQ(named.send()->replyHeader("WWW-Authenticate"),
            "ApiKey realm=\"edgehold\", header=\"X-Api-Key\"");
}

TEST(ApiKey, KeepsToTheIntervalOfEachKey) {
  const std::string hash = hashOf(kCiKey);
  const auto in = [&](std::string_view interval) {
    return reasonFor("{keys: [{name: a, sha256: " + hash + ", " + std::string(interval) +
                         "}, {name: b, sha256: " + hashOf(kOpsKey) + "}]}",
                     withKey(kCiKey));
  };
  EXPECT_EQ(in("until: 2199-01-01T00:00:00Z"), Reason::kAllowed);
  EXPECT_EQ(in("from: 1971-01-01T00:00:00Z, until: 1972-01-01T00:00:00Z"),
            Reason::kCredentialsInvalid);
  EXPECT_EQ(in("from: 2199-01-01T00:00:00Z"), Reason::kCredentialsInvalid);
}

TEST(ApiKey, TakesEveryLiveVersionOfASecretReference) {
  ExchangeFixture f;
  f.secrets.secrets["${env:KEY}"] = {std::string(kCiKey), std::string(kOpsKey)};
  f.add("api_key", "{keys: [{name: ci, secret: \"${env:KEY}\"}]}");
  for (const std::string_view key : {kCiKey, kOpsKey}) {
    EXPECT_EQ(f.send(withKey(key))->exchange.facts.principal, "ci");
  }
}

TEST(ApiKey, ClosesWhenNoKeyIsLive) {
  ExchangeFixture f;
  f.add("api_key", "{keys: [{name: ci, secret: \"${env:KEY}\"}]}");
  ASSERT_TRUE(f.mistakes.empty());
  EXPECT_EQ(f.send(withKey(kCiKey))->reason(), Reason::kSecretUnavailable);
}

TEST(ApiKey, StopsListeningToWhoFailsTooOften) {
  ExchangeFixture f;
  f.add("api_key", twoKeys(", failures_per_minute: 3"));
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(f.send(withKey("ehk_wrong_key_000"))->reason(), Reason::kCredentialsInvalid);
  }
  EXPECT_EQ(f.send(withKey(kCiKey))->reason(), Reason::kRateLimited);
  RequestText elsewhere = withKey(kCiKey);
  elsewhere.address = "192.0.2.2";
  EXPECT_EQ(f.send(elsewhere)->reason(), Reason::kAllowed);
  f.loop.advance(std::chrono::minutes(1));
  EXPECT_EQ(f.send(withKey(kCiKey))->reason(), Reason::kAllowed);
}

TEST(ApiKey, ShadowOnlyRecords) {
  ExchangeFixture f;
  f.add("api_key", twoKeys(), FilterMode::kShadow);
  const auto stranger = f.send(withKey("ehk_wrong"));
  EXPECT_TRUE(stranger->isAllowed());
  EXPECT_EQ(stranger->shadowReason(), Reason::kCredentialsInvalid);
  const auto known = f.send(withKey(kCiKey));
  EXPECT_TRUE(known->exchange.request.headers.find("Authorization").has_value());
  EXPECT_TRUE(known->exchange.facts.tags.empty());
}

TEST(ApiKey, RefusesMistakesInItsConfiguration) {
  const std::string hash = hashOf(kCiKey);
  std::string many = "{keys: [";
  for (int i = 0; i < 257; ++i) {
    many += "{name: a, sha256: " + hashOf(std::to_string(i)) + "},";
  }
  for (const std::string& config :
       {std::string("{}"), std::string("{keys: []}"), std::string("{keys: [{name: a}]}"),
        "{keys: [{sha256: " + hash + "}]}", "{keys: [{name: a, sha256: " + hash.substr(1) + "}]}",
        "{keys: [{name: a, sha256: " + hash + ", secret: \"${env:A}\"}]}",
        std::string("{keys: [{name: a, secret: literal}]}"),
        "{keys: [{name: \"a b\", sha256: " + hash + "}]}",
        "{keys: [{name: a, sha256: " + hash + ", roles: [\"a,b\"]}]}",
        "{keys: [{name: a, sha256: " + hash + ", from: tomorrow}]}",
        "{keys: [{name: a, sha256: " + hash + "}, {name: b, sha256: " + hash + "}]}",
        twoKeys(", header: \"X Y\""), twoKeys(", heder: X"), many + "]}"}) {
    ExchangeFixture f;
    f.add("api_key", config);
    EXPECT_FALSE(f.mistakes.empty()) << config.substr(0, 200);
  }
  ExchangeFixture f;
  f.secrets.secrets["${env:KEY}"] = {"fifteen letters"};
  f.add("api_key", "{keys: [{name: a, secret: \"${env:KEY}\"}]}");
  EXPECT_FALSE(f.mistakes.empty());
}

}  // namespace
}  // namespace edgehold
