// SPDX-License-Identifier: Apache-2.0
// Bots of Teams, beside the vectors: a token that says who sent it, and nothing of what.
// Thread: main only.
#include <gmock/gmock.h>

#include "filters/channels/channel.h"
#include "proxy/base/json_tree.h"
#include "tests/support/channel_fixture.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    "dialect: teams, app_id: app-1, jwks_file: /jwks.json, failures_per_minute: 0";
constexpr const char* kField = "Authorization";

class TeamsTest : public ChannelTest {
 protected:
  TeamsTest() { f.files.files["/jwks.json"] = signer().jwks(R"(,"endorsements":["msteams"])"); }
  static const JwsSigner& signer() {
    static const JwsSigner kSigner(JwsAlgorithm::kRs256);
    return kSigner;
  }
  // Claims as the connector makes them, with `name` set to `value`; left out when that is empty.
  static std::string claims(std::string_view name = {}, std::string_view value = {}) {
    std::vector<std::pair<std::string_view, std::string_view>> all = {
        {"iss", R"("https://api.botframework.com")"},
        {"aud", R"("app-1")"},
        {"serviceurl", R"("https://smba.trafficmanager.net/emea/")"},
        {"nbf", "1699999990"},
        {"exp", "1700003590"}};
    std::string text;
    for (auto& [key, its] : all) {
      if (key == name) its = value;
      if (its.empty()) continue;
      text += (text.empty() ? "{\"" : ",\"") + std::string(key) + "\":" + std::string(its);
    }
    return text + "}";
  }
  static std::string activity(const std::string& more = R"(,"text":"hi")",
                              const std::string& service = "https://smba.trafficmanager.net/emea/",
                              const std::string& channel = "msteams") {
    return R"({"type":"message","id":"1","serviceUrl":")" + service + R"(","channelId":")" +
           channel + R"(","conversation":{"id":"c"},"from":{"id":"29:1"})" + more + "}";
  }
  static RequestText with(const std::string& token, const std::string& body = activity()) {
    return {.headers = {{kField, "Bearer " + token}}, .body = body};
  }
  static constexpr const char* kPublished =
      "dialect: teams, app_id: app-1, jwks: {upstream: platform, path: /keys}, "
      "failures_per_minute: 1";
  void publish(const std::string& keys, std::uint16_t status = 200) {
    f.calls.answers.insert_or_assign("/keys", CallAnswer{status, "application/json", keys});
  }
  static std::string endorsed(const JwsSigner& by) {
    return by.jwks(R"(,"endorsements":["msteams"])");
  }
  // Another activity each time: a token lets one body in for each.
  RequestText next(const std::string& token) {
    std::string body = activity();
    body.replace(body.find("\"1\""), 3, "\"n" + std::to_string(++sent_) + "\"");
    return with(token, body);
  }
  Reason sendClaims(std::string_view name, std::string_view value) {
    return send(with(signer().sign(claims(name, value))));
  }

 private:
  int sent_ = 0;
};

TEST_F(TeamsTest, TakesATokenOfTheConnector) {
  use(kConfig);
  const auto passage = f.send(with(signer().sign(claims())));
  ASSERT_TRUE(passage->isAllowed()) << passage->verdict->why();
  EXPECT_EQ(passage->exchange.facts.event_type, "message");
  EXPECT_EQ(passage->exchange.facts.event_id, "1");
  EXPECT_EQ(passage->exchange.facts.group, "c");
  EXPECT_EQ(passage->exchange.facts.sender, "29:1");
}

TEST_F(TeamsTest, RefusesEveryOtherClaim) {
  use(kConfig);
  EXPECT_EQ(sendClaims("aud", R"(["app-1","app-2"])"), Reason::kAllowed);
  for (const char* value : {"", R"("app-2")", R"("app-1 ")", R"("APP-1")", "[]", "null", "1"}) {
    EXPECT_EQ(sendClaims("aud", value), Reason::kSignatureInvalid) << value;
  }
  for (const char* value :
       {"", R"("https://sts.windows.net/x/")", R"("https://api.botframework.com/")",
        R"(["https://api.botframework.com"])", "null"}) {
    EXPECT_EQ(sendClaims("iss", value), Reason::kSignatureInvalid) << value;
  }
  for (const char* value :
       {"", R"("https://evil.example/")", R"("https://smba.trafficmanager.net")", R"("")", "null",
        R"(["https://smba.trafficmanager.net/emea/"])"}) {
    EXPECT_EQ(sendClaims("serviceurl", value), Reason::kSignatureInvalid) << value;
  }
}

TEST_F(TeamsTest, TakesATokenInItsTimeWithFiveMinutesEitherWay) {
  use(kConfig);
  EXPECT_EQ(sendClaims("exp", "1699999700"), Reason::kAllowed);
  EXPECT_EQ(sendClaims("exp", "1699999699"), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(sendClaims("nbf", "1700000300"), Reason::kAllowed);
  EXPECT_EQ(sendClaims("nbf", "1700000301"), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(sendClaims("exp", ""), Reason::kTimestampMissing);
  EXPECT_EQ(sendClaims("exp", R"("1700003590")"), Reason::kTimestampMissing);
}

TEST_F(TeamsTest, RefusesEveryChangedLetterOfTheToken) {
  use(kConfig);
  const std::string token = signer().sign(claims());
  EXPECT_EQ(send(with(token)), Reason::kAllowed);
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_NE(send(with(changed)), Reason::kAllowed) << i;
  }
}

TEST_F(TeamsTest, BelievesNoHeaderOfATokenAboutItsKey) {
  use(kConfig);
  const JwsSigner stranger(JwsAlgorithm::kRs256);
  const JwsSigner other_kind(JwsAlgorithm::kEs256);
  for (const std::string& token :
       {stranger.sign(claims()), other_kind.sign(claims()),
        signer().signUnder(R"({"alg":"none","kid":"k1"})", claims()),
        signer().signUnder(R"({"alg":"HS256","kid":"k1"})", claims()),
        signer().signUnder(R"({"alg":"RS256","kid":"unknown"})", claims()),
        signer().signUnder(R"({"alg":"RS256"})", claims()),
        signer().signUnder(R"({"alg":"RS256","kid":"k1","crit":["exp"]})", claims()),
        signer().sign("claims"), signer().sign("[]")}) {
    EXPECT_EQ(send(with(token)), Reason::kSignatureInvalid) << token;
  }
}

// Keys of other algorithms may stand in the set; the connector uses one.
TEST_F(TeamsTest, TakesRs256Only) {
  const JwsSigner ec(JwsAlgorithm::kEs256, "ec");
  f.files.files["/jwks.json"] = R"({"keys":[{)" + signer().jwkMembers() + "},{" + ec.jwkMembers() +
                                R"(,"endorsements":["msteams"]}]})";
  use(kConfig);
  EXPECT_EQ(send(with(ec.sign(claims()))), Reason::kSignatureInvalid);
}

TEST_F(TeamsTest, TakesAKeyForTheChannelsThatItIsEndorsedFor) {
  use(kConfig);
  const std::string token = signer().sign(claims());
  const std::string service = "https://smba.trafficmanager.net/emea/";
  EXPECT_EQ(send(with(token, activity("", service, "webchat"))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(with(token, activity("", service, ""))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(with(token, activity("", "https://evil.example/"))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(with(token, R"({"type":"message","id":"1"})")), Reason::kSignatureInvalid);
  EXPECT_EQ(send(with(token, "[]")), Reason::kMalformedRequest);
  EXPECT_EQ(send(with(token, "{")), Reason::kJsonInvalid);
}

TEST_F(TeamsTest, TakesNoKeyWithoutEndorsements) {
  f.files.files["/jwks.json"] = signer().jwks();
  use(kConfig);
  EXPECT_EQ(send(with(signer().sign(claims()))), Reason::kSignatureInvalid);
}

// Whoever saw a token could send any body under it.
TEST_F(TeamsTest, BindsAnActivityToItsFirstBody) {
  use(kConfig);
  const std::string token = signer().sign(claims());
  EXPECT_EQ(send(with(token)), Reason::kAllowed);
  EXPECT_EQ(send(with(token, activity(R"(,"text":"forged")"))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(with(token)), Reason::kAllowed);  // dedupe's business
}

TEST_F(TeamsTest, TakesItsFieldOnce) {
  use(kConfig);
  const RequestText genuine = with(signer().sign(claims()));
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { drop(r, kField); }),
            Reason::kSignatureMissing);
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { r.headers.push_back(r.headers[0]); }),
            Reason::kSignatureInvalid);
  for (const char* scheme : {"", "Basic ", "Bearer", "Bearer  "}) {
    const auto changed = [&](RequestText& r) { field(r, kField).replace(0, 7, scheme); };
    EXPECT_EQ(sendChanged(genuine, changed), Reason::kSignatureInvalid) << scheme;
  }
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { field(r, kField).replace(0, 6, "bearer"); }),
            Reason::kAllowed);
}

TEST_F(TeamsTest, IsRefusedWith403AsItsDocumentWantsIt) {
  use(kConfig);
  EXPECT_EQ(f.send(with("a.b.c"))->verdict->status(), 403);
  EXPECT_EQ(f.send({.body = activity()})->verdict->status(), 403);
}

TEST_F(TeamsTest, TakesTokensOfTheIssuerThatOperatorsName) {
  use(std::string(kConfig) + ", issuer: \"https://api.botframework.us\"");
  EXPECT_EQ(sendClaims("iss", R"("https://api.botframework.us")"), Reason::kAllowed);
  EXPECT_EQ(send(with(signer().sign(claims()))), Reason::kSignatureInvalid);
}

// --- keys that the connector publishes

TEST_F(TeamsTest, FetchesTheConnectorsKeysWhenTheyAreNeededAndKeepsThem) {
  use(kPublished);
  publish(endorsed(signer()));
  const std::string token = signer().sign(claims());
  EXPECT_EQ(send(next(token)), Reason::kAllowed);
  EXPECT_EQ(send(next(token)), Reason::kAllowed);
  ASSERT_EQ(f.calls.asked.size(), 1u);
  EXPECT_EQ(f.calls.asked[0].request.upstream, "platform");
  EXPECT_EQ(f.calls.asked[0].request.target, "/keys");
  f.loop.advance(1h);
  EXPECT_EQ(send(next(token)), Reason::kAllowed);
  EXPECT_EQ(f.calls.asked.size(), 2u);
}

TEST_F(TeamsTest, AnUnknownKeyCausesOneFetchInHalfAMinute) {
  use("dialect: teams, app_id: app-1, jwks: {upstream: platform, path: /keys}, "
      "failures_per_minute: 0");
  publish(endorsed(signer()));
  EXPECT_EQ(send(next(signer().sign(claims()))), Reason::kAllowed);
  const JwsSigner rolled(JwsAlgorithm::kRs256, "k2");
  const std::string token = rolled.sign(claims());
  for (int i = 0; i < 5; ++i) EXPECT_EQ(send(next(token)), Reason::kSignatureInvalid);
  EXPECT_EQ(f.calls.asked.size(), 1u);
  f.loop.advance(30s);
  publish(endorsed(rolled));
  EXPECT_EQ(send(next(token)), Reason::kAllowed);
  EXPECT_EQ(f.calls.asked.size(), 2u);
}

TEST_F(TeamsTest, WaitsForTheKeysAndFollowsOnlyWhatTheyEndorse) {
  use(kPublished);
  const auto genuine = f.send(next(signer().sign(claims())));
  const auto other = f.send(with(signer().sign(claims()),
                                 activity("", "https://smba.trafficmanager.net/emea/", "webchat")));
  EXPECT_FALSE(genuine->is_over);
  ASSERT_EQ(f.calls.asked.size(), 2u);
  for (const auto& asked : f.calls.asked) {
    asked.answer.resolve(CallAnswer{200, "", endorsed(signer())});
  }
  EXPECT_TRUE(genuine->isAllowed());
  EXPECT_EQ(other->reason(), Reason::kSignatureInvalid);
}

// The platform is told to come again, and its address is not charged for our want of keys.
TEST_F(TeamsTest, RefusesAllWhileThereAreNoKeysAndChargesNobody) {
  use(kPublished);
  const std::string token = signer().sign(claims());
  for (const int status : {500, 404, 301, 200}) {
    publish("{}", static_cast<std::uint16_t>(status));
    const auto passage = f.send(next(token));
    EXPECT_EQ(passage->reason(), Reason::kSecretUnavailable) << status;
    EXPECT_EQ(passage->verdict->status(), 503);
  }
  f.calls.answers.insert_or_assign("/keys", fail(Reason::kUpstreamUnreachable, "down"));
  EXPECT_EQ(send(next(token)), Reason::kSecretUnavailable);
  publish(endorsed(signer()));
  EXPECT_EQ(send(next(token)), Reason::kAllowed);
}

TEST_F(TeamsTest, KeysThatCannotBeRenewedCountForADay) {
  use(kPublished);
  publish(endorsed(signer()));
  const auto token = [&] {
    const std::int64_t now = unixSeconds(f.loop.clock().wallNow());
    return signer().sign(claims("exp", std::to_string(now + 600)));
  };
  EXPECT_EQ(send(next(token())), Reason::kAllowed);
  publish("", 503);
  f.loop.advance(24h - 1s);
  EXPECT_EQ(send(next(token())), Reason::kAllowed);
  f.loop.advance(1s);
  EXPECT_EQ(send(next(token())), Reason::kSecretUnavailable);
}

TEST_F(TeamsTest, WhatIsNoTokenOfTheConnectorsFormAsksNobody) {
  use("dialect: teams, app_id: app-1, jwks: {upstream: platform, path: /keys}, "
      "failures_per_minute: 0");
  publish(endorsed(signer()));
  const JwsSigner other_kind(JwsAlgorithm::kEs256);
  for (const std::string& token : {std::string("a.b.c"), other_kind.sign(claims()),
                                   signer().signUnder(R"({"alg":"none","kid":"k9"})", claims())}) {
    EXPECT_NE(send(with(token)), Reason::kAllowed);
  }
  EXPECT_TRUE(f.calls.asked.empty());
}

TEST_F(TeamsTest, TellsMistakesOfTheConfiguration) {
  f.files.files["/empty.json"] = R"({"keys":[]})";
  for (const char* config : {"dialect: teams, jwks_file: /jwks.json", "dialect: teams, app_id: a",
                             "dialect: teams, app_id: a, jwks_file: /lost.json",
                             "dialect: teams, app_id: a, jwks: {upstream: lost, path: /keys}",
                             "dialect: teams, app_id: a, jwks: {upstream: platform, path: keys}",
                             "dialect: teams, app_id: a, jwks_file: /empty.json"}) {
    EXPECT_EQ(mistakesOf(config).size(), 1u) << config;
  }
}

// --- samples

TEST_F(TeamsTest, SamplesAreSignedByAKeyOfTheSetAndPass) {
  const JwsSigner platform(JwsAlgorithm::kRs256, "platform");
  const JwsSigner edwards(JwsAlgorithm::kEdDsa, "ed");
  f.files.files["/jwks.json"] = R"({"keys":[{)" + platform.jwkMembers() + R"(},{)" +
                                edwards.jwkMembers() + R"(},{)" + signer().jwkMembers() +
                                R"(,"endorsements":["msteams"]}]})";
  signing_key = SigningKey::fromPem(signer().privatePem()).value();
  use(kConfig);
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
  EXPECT_EQ(sendSigned(activity()), Reason::kAllowed);
  EXPECT_EQ(sendSigned(R"({"type":"message","id":"2","channelId":"msteams",)"
                       R"("serviceUrl":"https://another.example/\u0022\u00e9"})"),
            Reason::kAllowed);
  EXPECT_EQ(sendSigned(activity(), 300s), Reason::kAllowed);
  EXPECT_EQ(sendSigned(activity(), 301s), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(sendSigned(activity(), -900s), Reason::kAllowed);
  EXPECT_EQ(sendSigned(activity(), -901s), Reason::kTimestampOutsideWindow);
}

TEST_F(TeamsTest, ASampleSaysWhatIsMissing) {
  use(kConfig);
  EXPECT_THAT(sampleMistake(), testing::HasSubstr("--signing-key"));
  signing_key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEdDsa).privatePem()).value();
  EXPECT_THAT(sampleMistake(), testing::HasSubstr("none of RSA"));
  signing_key = SigningKey::fromPem(signer().privatePem()).value();
  EXPECT_EQ(sampleMistake(), "");
  EXPECT_THAT(sampleMistake("{}"), testing::HasSubstr("no `serviceUrl`"));
  EXPECT_THAT(sampleMistake("[]"), testing::HasSubstr("no `serviceUrl`"));
  EXPECT_NE(sampleMistake("{"), "");
  EXPECT_THAT(sampleMistake(activity("", "https://s.example/", "skype")),
              testing::HasSubstr(R"(the key `k1` does not speak for "skype")"));
}

// What it says to list is what then fits.
TEST_F(TeamsTest, ASampleTellsHowTheKeySetHasToListItsKey) {
  const JwsSigner mine(JwsAlgorithm::kRs256, "sample");
  use(kConfig);
  signing_key = SigningKey::fromPem(mine.privatePem()).value();
  const std::string mistake = sampleMistake();
  const std::size_t at = mistake.find('{');
  ASSERT_NE(at, std::string::npos) << mistake;
  EXPECT_EQ(parseJsonTree(mistake.substr(at)).value(),
            parseJsonTree("{" + mine.jwkMembers() + R"(,"endorsements":["msteams"]})").value());
}

TEST_F(TeamsTest, ASampleCannotKnowKeysThatAreFetched) {
  use("dialect: teams, app_id: app-1, jwks: {upstream: platform, path: /keys}");
  signing_key = SigningKey::fromPem(signer().privatePem()).value();
  EXPECT_THAT(sampleMistake(), testing::HasSubstr("configure a `jwks_file`"));
}

}  // namespace
}  // namespace edgehold
