// SPDX-License-Identifier: Apache-2.0
// The laws of jwt_auth: the issuer's keys, by their own algorithms, for us, now.
// Thread: main only.
#include <chrono>

#include <gtest/gtest.h>

#include "proxy/base/base64.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kTerms =
    R"(issuer: "https://id.example", audience: agent, roles: roles)";

class JwtAuthTest : public testing::Test {
 protected:
  JwtAuthTest() { f_.files.files["/keys.json"] = signer_.jwks(); }

  void useFile(const std::string& more = {}) {
    f_.add("jwt_auth", "{jwks_file: /keys.json, " + std::string(kTerms) + more + "}");
    ASSERT_TRUE(f_.mistakes.empty()) << f_.mistakes.front();
  }
  void useUrl(const std::string& more = {}) {
    f_.add("jwt_auth", "{jwks: {upstream: platform, path: /keys" + more + "}, " +
                           std::string(kTerms) + ", failures_per_minute: 0}");
    ASSERT_TRUE(f_.mistakes.empty()) << f_.mistakes.front();
  }
  void publish(const std::string& keys, std::uint16_t status = 200) {
    f_.calls.answers.insert_or_assign("/keys", CallAnswer{status, "application/json", keys});
  }
  std::string claims(std::string_view subject = "ann", std::int64_t lives = 600,
                     std::string_view more = {}) const {
    const std::int64_t now = unixSeconds(f_.loop.clock().wallNow());
    return R"({"iss":"https://id.example","aud":"agent","sub":")" + std::string(subject) +
           R"(","exp":)" + std::to_string(now + lives) + std::string(more) + "}";
  }
  std::unique_ptr<Passage> ask(const std::string& token) {
    auto passage = f_.passage({.headers = {{"Authorization", "Bearer " + token}}});
    passage->runHead();
    return passage;
  }
  Reason reasonFor(const std::string& payload) { return ask(signer_.sign(payload))->reason(); }

  JwsSigner signer_{JwsAlgorithm::kEs256};
  ExchangeFixture f_;
};

TEST_F(JwtAuthTest, LetsInWhomTheIssuerVouchesFor) {
  useFile();
  const auto passage = ask(signer_.sign(claims("ann", 600, R"(,"roles":["deploy","read"])")));
  ASSERT_EQ(passage->reason(), Reason::kAllowed) << passage->verdict->why();
  EXPECT_EQ(passage->exchange.facts.principal, "ann");
  EXPECT_EQ(passage->exchange.facts.roles(), "deploy,read");
  EXPECT_FALSE(passage->exchange.request.headers.find("Authorization").has_value());
  EXPECT_EQ(f_.send()->reason(), Reason::kCredentialsInvalid);
}

TEST_F(JwtAuthTest, RefusesWhatIsNotForUsNotNowOrNamesNobody) {
  useFile(", failures_per_minute: 0");
  const std::string good = claims();
  const auto with = [&](std::string_view from, std::string_view to) {
    std::string changed = good;
    changed.replace(changed.find(from), from.size(), to);
    return reasonFor(changed);
  };
  EXPECT_EQ(reasonFor(good), Reason::kAllowed);
  EXPECT_EQ(with("\"agent\"", R"(["other","agent"])"), Reason::kAllowed);
  EXPECT_EQ(with("\"agent\"", "\"other\""), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("\"agent\"", "[]"), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("id.example", "id.example/"), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("\"sub\"", "\"subject\""), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("\"ann\"", "7"), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("ann", ""), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("ann", R"(ann\r\nX: y)"), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("ann", std::string(257, 'a')), Reason::kCredentialsInvalid);
  EXPECT_EQ(with("\"exp\"", "\"expires\""), Reason::kCredentialsInvalid);
  EXPECT_EQ(reasonFor("[]"), Reason::kCredentialsInvalid);
  EXPECT_EQ(reasonFor("text"), Reason::kCredentialsInvalid);
}

TEST_F(JwtAuthTest, KeepsToTheBordersOfItsTimesWithLeeway) {
  useFile(", leeway: 10s, failures_per_minute: 0");
  EXPECT_EQ(reasonFor(claims("ann", -10)), Reason::kAllowed);
  EXPECT_EQ(reasonFor(claims("ann", -11)), Reason::kCredentialsInvalid);
  const std::int64_t now = unixSeconds(f_.loop.clock().wallNow());
  const auto from = [&](std::int64_t second) {
    return reasonFor(claims("ann", 600, ",\"nbf\":" + std::to_string(second)));
  };
  EXPECT_EQ(from(now + 10), Reason::kAllowed);
  EXPECT_EQ(from(now + 11), Reason::kCredentialsInvalid);
}

TEST_F(JwtAuthTest, TheAlgorithmIsTheKeysAndNotTheTokens) {
  useFile(", failures_per_minute: 0");
  for (const char* const header :
       {R"({"alg":"none","kid":"k1"})", R"({"alg":"HS256","kid":"k1"})",
        R"({"alg":"RS256","kid":"k1"})", R"({"alg":"ES256","kid":"k2"})", R"({"alg":"ES256"})",
        R"({"alg":"ES256","kid":"k1","typ":"logout+jwt"})"}) {
    EXPECT_EQ(ask(signer_.signUnder(header, claims()))->reason(), Reason::kCredentialsInvalid)
        << header;
  }
  for (const char* const type : {"JWT", "at+jwt", "application/at+jwt"}) {
    const std::string header = R"({"alg":"ES256","kid":"k1","typ":")" + std::string(type) + "\"}";
    EXPECT_EQ(ask(signer_.signUnder(header, claims()))->reason(), Reason::kAllowed) << type;
  }
  const JwsSigner stranger(JwsAlgorithm::kEs256);
  EXPECT_EQ(ask(stranger.sign(claims()))->reason(), Reason::kCredentialsInvalid);
}

TEST_F(JwtAuthTest, LeavesOutRolesThatAreNoNames) {
  useFile();
  EXPECT_EQ(ask(signer_.sign(claims("ann", 600, R"(,"roles":["a","b,admin","c d",7,""])")))
                ->exchange.facts.roles(),
            "a");
  EXPECT_EQ(ask(signer_.sign(claims("ann", 600, R"(,"roles":"a b  c")")))->exchange.facts.roles(),
            "a,b,c");
  EXPECT_EQ(ask(signer_.sign(claims("ann", 600, R"(,"roles":{"a":1})")))->exchange.facts.roles(),
            "");
  std::string many = R"(,"roles":[)";
  for (int i = 0; i < 17; ++i) many += (i == 0 ? "\"r" : ",\"r") + std::to_string(i) + "\"";
  const auto passage = ask(signer_.sign(claims("ann", 600, many + "]")));
  EXPECT_TRUE(passage->exchange.facts.roles().ends_with(",r15"));
}

TEST_F(JwtAuthTest, FetchesKeysWhenTheyAreNeededAndKeepsThem) {
  useUrl();
  publish(signer_.jwks());
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  ASSERT_EQ(f_.calls.asked.size(), 1u);
  EXPECT_EQ(f_.calls.asked[0].request.upstream, "platform");
  EXPECT_EQ(f_.calls.asked[0].request.target, "/keys");
  f_.loop.advance(1h);
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  EXPECT_EQ(f_.calls.asked.size(), 2u);
}

TEST_F(JwtAuthTest, AnUnknownKeyCausesOneFetchInHalfAMinute) {
  useUrl();
  publish(signer_.jwks());
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  const JwsSigner next(JwsAlgorithm::kEs256, "k2");
  for (int i = 0; i < 5; ++i) {
    EXPECT_EQ(ask(next.sign(claims()))->reason(), Reason::kCredentialsInvalid);
  }
  EXPECT_EQ(f_.calls.asked.size(), 1u);
  f_.loop.advance(30s);
  publish(next.jwks());
  EXPECT_EQ(ask(next.sign(claims()))->reason(), Reason::kAllowed);
  EXPECT_EQ(f_.calls.asked.size(), 2u);
}

TEST_F(JwtAuthTest, KeysThatCannotBeRenewedCountForTheirLifetime) {
  useUrl(", refresh: 1h, lifetime: 2h");
  publish(signer_.jwks());
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  publish("", 503);
  f_.loop.advance(2h - 1ns);
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  f_.loop.advance(1ns);
  EXPECT_EQ(reasonFor(claims()), Reason::kSecretUnavailable);
  publish("{}");
  EXPECT_EQ(reasonFor(claims()), Reason::kSecretUnavailable);
  publish(signer_.jwks());
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
}

TEST_F(JwtAuthTest, WhoLeavesDuringAFetchKeepsNobodyFromTheNext) {
  useUrl();
  publish(signer_.jwks());
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
  f_.calls.answers.clear();
  f_.loop.advance(1h);
  auto waiting = ask(signer_.sign(claims()));
  EXPECT_FALSE(waiting->is_over);
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);  // with the keys that are there
  EXPECT_EQ(f_.calls.asked.size(), 2u);
  waiting.reset();
  waiting = ask(signer_.sign(claims()));
  ASSERT_EQ(f_.calls.asked.size(), 3u);
  f_.calls.asked[2].answer.resolve(CallAnswer{200, "", signer_.jwks()});
  EXPECT_TRUE(waiting->isAllowed());
}

TEST_F(JwtAuthTest, FirstFetchesAtOnceAreBounded) {
  useUrl();
  std::vector<std::unique_ptr<Passage>> waiting;
  for (int i = 0; i < 16; ++i) waiting.push_back(ask(signer_.sign(claims())));
  EXPECT_EQ(reasonFor(claims()), Reason::kSecretUnavailable);
  EXPECT_EQ(f_.calls.asked.size(), 16u);
  f_.calls.asked[0].answer.resolve(CallAnswer{200, "", signer_.jwks()});
  EXPECT_TRUE(waiting[0]->isAllowed());
  EXPECT_EQ(reasonFor(claims()), Reason::kAllowed);
}

TEST_F(JwtAuthTest, WhatIsNoTokenAsksNobody) {
  useUrl();
  publish(signer_.jwks());
  for (const std::string& token :
       {std::string("x"), std::string("a.b.c"), std::string(20'000, 'a')}) {
    EXPECT_EQ(ask(token)->reason(), Reason::kCredentialsInvalid);
  }
  EXPECT_TRUE(f_.calls.asked.empty());
}

TEST_F(JwtAuthTest, MistakesAreTold) {
  const std::string terms(kTerms);
  f_.files.files["/bad.json"] = "{}";
  for (const std::string& config :
       {std::string("{}"), "{" + terms + "}", std::string("{jwks_file: /keys.json}"),
        std::string("{jwks_file: /keys.json, issuer: a}"), "{jwks_file: /no.json, " + terms + "}",
        "{jwks_file: /bad.json, " + terms + "}",
        "{jwks_file: /keys.json, jwks: {upstream: platform, path: /k}, " + terms + "}",
        "{jwks: {upstream: nobody, path: /k}, " + terms + "}",
        "{jwks: {upstream: platform, path: k}, " + terms + "}",
        "{jwks: {upstream: platform, path: \"/k x\"}, " + terms + "}",
        "{jwks: {upstream: platform, path: /k, refresh: 29s}, " + terms + "}",
        "{jwks: {upstream: platform, path: /k, refresh: 2h, lifetime: 1h}, " + terms + "}",
        "{jwks_file: /keys.json, leeway: 301s, " + terms + "}",
        "{jwks_file: /keys.json, algorithm: HS256, " + terms + "}"}) {
    f_.add("jwt_auth", config);
    EXPECT_FALSE(f_.mistakes.empty()) << config;
  }
}

}  // namespace
}  // namespace edgehold
