// SPDX-License-Identifier: Apache-2.0
// The laws of session_login and session_auth: one code is one question, one token is one session.
// Thread: main only.
#include <chrono>

#include <gtest/gtest.h>

#include "filters/sessions/session_token.h"
#include "proxy/base/base64.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kPath = "/sns/jscode2session";
constexpr std::string_view kUser =
    R"({"openid":"oUser-1","session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})";

class SessionTest : public testing::Test {
 protected:
  SessionTest() {
    for (ExchangeFixture* const f : {&login_, &auth_}) {
      f->secrets.secrets["${env:KEY}"] = {std::string(40, 'k')};
      f->secrets.secrets["${env:SECRET}"] = {"app secret&"};
    }
    platformSays(kUser);
  }
  void configure(const std::string& login_more = {}, const std::string& auth_more = {}) {
    login_.add("session_login", R"({app_id: wx1, app_secret: "${env:SECRET}", upstream: platform,
                                    keys: "${env:KEY}")" +
                                    login_more + "}");
    auth_.add("session_auth", R"({app_id: wx1, keys: "${env:KEY}")" + auth_more + "}");
    for (const ExchangeFixture* const f : {&login_, &auth_}) {
      ASSERT_TRUE(f->mistakes.empty()) << f->mistakes.front();
    }
  }
  void platformSays(std::string_view body, std::uint16_t status = 200) {
    login_.calls.answers.insert_or_assign(
        std::string(kPath), CallAnswer{status, "application/json", std::string(body)});
  }
  // Sends to the login filter and turns its loop until there is a verdict.
  std::unique_ptr<Passage> post(const std::string& body, std::string address = "192.0.2.1") {
    auto passage = login_.passage({.body = body, .address = std::move(address)});
    passage->run();
    login_.loop.settle();
    return passage;
  }
  std::unique_ptr<Passage> logIn(const std::string& code) {
    return post(R"({"code":")" + code + "\"}");
  }
  static std::string tokenOf(const Passage& passage) {
    if (!passage.verdict || passage.verdict->reply() == nullptr) return {};
    return textMember(parseJsonTree(passage.verdict->reply()->body).value_or(Json::Value()),
                      "token");
  }
  std::string newToken() { return tokenOf(*logIn("code" + std::to_string(++codes_))); }
  std::unique_ptr<Passage> ask(const std::string& token) { return ask(auth_, token); }
  // Both filters share their counters' place in a running proxy; here the login's are asked.
  std::unique_ptr<Passage> ask(ExchangeFixture& f, const std::string& token) {
    auto passage = std::make_unique<Passage>(
        f.chain(), login_.services,
        RequestText{.method = "GET", .headers = {{"Authorization", "Bearer " + token}}});
    passage->run();
    return passage;
  }
  std::unique_ptr<Passage> logOut(const std::string& token) {
    auto passage =
        login_.passage({.method = "DELETE", .headers = {{"Authorization", "Bearer " + token}}});
    passage->run();
    login_.loop.settle();
    return passage;
  }
  std::size_t questions() const { return login_.calls.asked.size(); }
  std::vector<LedgerRecord> records() {
    std::vector<LedgerRecord> found;
    LedgerQuery query;
    query.kind = "session";
    login_.ledger.list(login_.loop, query).detach([&](auto rows) { found = *rows; });
    login_.loop.settle();
    return found;
  }

  ExchangeFixture login_, auth_;
  int codes_ = 0;
};

TEST_F(SessionTest, ACodeBecomesATokenThatTheEdgeVerifies) {
  configure();
  const auto passage = logIn("0a3Xy");
  ASSERT_EQ(passage->reason(), Reason::kAllowed) << passage->verdict->why();
  ASSERT_TRUE(passage->isEnded());  // answered here: the route's upstream sees nothing of it
  EXPECT_EQ(passage->verdict->status(), 200);
  EXPECT_EQ(passage->replyHeader("Cache-Control"), "no-store");
  ASSERT_EQ(questions(), 1u);
  EXPECT_EQ(login_.calls.asked[0].request.upstream, "platform");
  EXPECT_EQ(login_.calls.asked[0].request.target,
            "/sns/jscode2session?appid=wx1&secret=app%20secret%26&js_code=0a3Xy"
            "&grant_type=authorization_code");
  const auto asked = ask(tokenOf(*passage));
  ASSERT_TRUE(asked->isAllowed());
  EXPECT_EQ(asked->exchange.facts.principal, "wx1:oUser-1");
  EXPECT_EQ(asked->exchange.facts.sender, "oUser-1");
  EXPECT_FALSE(asked->exchange.request.headers.find("Authorization").has_value());
}

TEST_F(SessionTest, TheSessionKeyNeverLeavesAndIsKeptSealed) {
  configure();
  const auto passage = logIn("code");
  const std::string& answer = passage->verdict->reply()->body;
  EXPECT_EQ(answer.find("HyVFkGl5"), std::string::npos);
  EXPECT_EQ(answer.find("oUser-1"), std::string::npos);
  const auto kept = records();
  ASSERT_EQ(kept.size(), 1u);
  std::string body;
  login_.ledger.get(login_.loop, kept[0].id).detach([&](auto got) { body = (*got)->body; });
  login_.loop.settle();
  EXPECT_GT(body.size(), 50u);
  EXPECT_EQ(body.find("HyVFkGl5"), std::string::npos);
  EXPECT_EQ(body.find("oUser-1"), std::string::npos);
  const auto token = base64Decode(tokenOf(*passage).substr(4), Base64::kUrlUnpadded);
  ASSERT_TRUE(token);
  EXPECT_EQ(token->find("oUser-1"), std::string::npos);
}

TEST_F(SessionTest, ACodeIsExchangedOnceAndRememberedFiveMinutes) {
  configure(", failures_per_minute: 0");
  EXPECT_EQ(logIn("once")->reason(), Reason::kAllowed);
  EXPECT_EQ(logIn("once")->reason(), Reason::kLoginCodeUsed);
  login_.loop.advance(5min - 1s);
  EXPECT_EQ(logIn("once")->reason(), Reason::kLoginCodeUsed);
  EXPECT_EQ(questions(), 1u);
  login_.loop.advance(1s);
  logIn("once");
  EXPECT_EQ(questions(), 2u);  // long forgotten by the platform too
}

TEST_F(SessionTest, TwoWhoBringACodeAtOnceAreOneQuestion) {
  configure();
  login_.calls.answers.clear();
  const auto first = logIn("twin");
  EXPECT_FALSE(first->is_over);
  EXPECT_EQ(logIn("twin")->reason(), Reason::kLoginCodeUsed);
  ASSERT_EQ(questions(), 1u);
  login_.calls.asked[0].answer.resolve(CallAnswer{200, "application/json", std::string(kUser)});
  login_.loop.settle();
  EXPECT_EQ(first->reason(), Reason::kAllowed);
  EXPECT_FALSE(tokenOf(*first).empty());
}

TEST_F(SessionTest, ACodeIsSpentWhenItsClientLeaves) {
  configure();
  login_.calls.answers.clear();
  auto first = logIn("left");
  first.reset();
  EXPECT_EQ(logIn("left")->reason(), Reason::kLoginCodeUsed);
  EXPECT_EQ(questions(), 1u);
}

TEST_F(SessionTest, WhatThePlatformNeverJudgedMayComeAgain) {
  configure();
  for (const Reason reason : {Reason::kUpstreamUnreachable, Reason::kOverloaded}) {
    login_.calls.answers.insert_or_assign(std::string(kPath), fail(reason));
    EXPECT_EQ(logIn("again")->reason(), reason);
  }
  platformSays(R"({"errcode":-1,"errmsg":"system error"})");
  EXPECT_EQ(logIn("again")->reason(), Reason::kOverloaded);
  platformSays(kUser);
  EXPECT_EQ(logIn("again")->reason(), Reason::kAllowed);
}

TEST_F(SessionTest, WhatMayHaveBeenExchangedDoesNotComeAgain) {
  configure();
  login_.calls.answers.insert_or_assign(std::string(kPath), fail(Reason::kUpstreamTimeout));
  EXPECT_EQ(logIn("lost")->reason(), Reason::kUpstreamTimeout);
  platformSays(kUser);
  EXPECT_EQ(logIn("lost")->reason(), Reason::kLoginCodeUsed);
}

TEST_F(SessionTest, TellsWhatThePlatformSaidInItsOwnReasons) {
  configure(", failures_per_minute: 0, logins_per_minute: 1000");
  struct Row {
    std::string_view answer;
    Reason reason;
  };
  const std::vector<Row> rows = {
      {R"({"errcode":40029,"errmsg":"invalid code"})", Reason::kLoginCodeInvalid},
      {R"({"errcode":40163,"errmsg":"code been used"})", Reason::kLoginCodeUsed},
      {R"({"errcode":45011,"errmsg":"frequency limit"})", Reason::kRateLimited},
      {R"({"errcode":40226,"errmsg":"code blocked"})", Reason::kLoginRefused},
      {R"({"errcode":40125,"errmsg":"invalid appsecret"})", Reason::kSecretUnavailable},
      {R"({"errcode":40013,"errmsg":"invalid appid"})", Reason::kSecretUnavailable},
      {R"({"errcode":99999,"errmsg":"who knows"})", Reason::kUpstreamMalformed},
      {R"({"errcode":"0"})", Reason::kUpstreamMalformed},
      {R"({"openid":"o"})", Reason::kUpstreamMalformed},
      {R"({"openid":"o","session_key":"short"})", Reason::kUpstreamMalformed},
      {R"({"openid":"o b","session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})", Reason::kUpstreamMalformed},
      {R"({"openid":7,"session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})", Reason::kUpstreamMalformed},
      {R"([])", Reason::kUpstreamMalformed},
      {"<html>", Reason::kUpstreamMalformed},
      {"", Reason::kUpstreamMalformed},
  };
  for (std::size_t i = 0; i < rows.size(); ++i) {
    platformSays(rows[i].answer);
    EXPECT_EQ(logIn("row" + std::to_string(i))->reason(), rows[i].reason) << rows[i].answer;
  }
  platformSays(kUser, 500);
  EXPECT_EQ(logIn("status")->reason(), Reason::kUpstreamMalformed);
  EXPECT_TRUE(records().empty());
}

TEST_F(SessionTest, NothingIsAskedForACodeWithoutItsForm) {
  configure(", failures_per_minute: 0, logins_per_minute: 1000");
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"code":""})"), std::string(R"({"code":7})"),
        std::string(R"({"code":"a b"})"), std::string(R"({"code":"a&appid=x"})"),
        std::string(R"({"code":"a\u0000"})"), R"({"code":")" + std::string(129, 'a') + "\"}"}) {
    EXPECT_EQ(post(body)->reason(), Reason::kLoginCodeInvalid) << body;
  }
  EXPECT_EQ(post("")->reason(), Reason::kJsonInvalid);
  EXPECT_EQ(post("code=a")->reason(), Reason::kJsonInvalid);
  EXPECT_EQ(post(R"({"code":"a","code":"b"})")->reason(), Reason::kJsonInvalid);
  EXPECT_EQ(post(R"({"code":"a","rawData":"x"})")->reason(), Reason::kMalformedRequest);
  EXPECT_EQ(post(R"({"code":"a","iv":"x"})")->reason(), Reason::kMalformedRequest);
  EXPECT_EQ(post(R"({"code":"a","x":")" + std::string(64 * 1024, 'x') + "\"}")->reason(),
            Reason::kPayloadTooLarge);
  EXPECT_EQ(questions(), 0u);
  EXPECT_EQ(logIn(std::string(128, 'a'))->reason(), Reason::kAllowed);
}

TEST_F(SessionTest, LoginsAreFewFromEachAddressBeforeThePlatformIsAsked) {
  configure(", logins_per_minute: 2");
  EXPECT_EQ(logIn("a")->reason(), Reason::kAllowed);
  EXPECT_EQ(logIn("b")->reason(), Reason::kAllowed);
  EXPECT_EQ(logIn("c")->reason(), Reason::kRateLimited);
  EXPECT_EQ(questions(), 2u);
  EXPECT_EQ(post(R"({"code":"c"})", "192.0.2.9")->reason(), Reason::kAllowed);
}

TEST_F(SessionTest, LoginsAreCountedByIpv6NetworkAndIpv4Address) {
  configure(", logins_per_minute: 1");
  const auto from = [this](const char* address, const char* code) {
    return post(std::string(R"({"code":")") + code + "\"}", address)->reason();
  };
  EXPECT_EQ(from("2001:db8:0:1::1", "a"), Reason::kAllowed);
  EXPECT_EQ(from("2001:db8:0:1:ffff::2", "b"), Reason::kRateLimited);
  EXPECT_EQ(from("2001:db8:0:2::1", "c"), Reason::kAllowed);
  EXPECT_EQ(from("192.0.2.1", "d"), Reason::kAllowed);
  EXPECT_EQ(from("192.0.2.2", "e"), Reason::kAllowed);
  EXPECT_EQ(from("::ffff:192.0.2.1", "f"), Reason::kRateLimited);
}

TEST_F(SessionTest, WhoGuessesCodesIsNotListenedTo) {
  configure(", failures_per_minute: 2");
  platformSays(R"({"errcode":40029})");
  logIn("a");
  logIn("b");
  EXPECT_EQ(logIn("c")->reason(), Reason::kRateLimited);
  EXPECT_EQ(questions(), 2u);
}

TEST_F(SessionTest, TakesNoOtherMethods) {
  configure();
  const auto passage = login_.send({.method = "GET"});
  EXPECT_EQ(passage->reason(), Reason::kMethodNotAllowed);
  EXPECT_EQ(passage->replyHeader("Allow"), "POST, DELETE");
}

TEST_F(SessionTest, WhatAClientProvesMustBeOfItsSession) {
  configure(", failures_per_minute: 0");
  // sha1 of `{"a":1}` and the session key's text.
  const std::string good = "\"rawData\":\"{\\\"a\\\":1}\",\"signature\":\"";
  Digest digest(DigestKind::kSha1);
  digest.update("{\"a\":1}HyVFkGl5F5OQWJZZaNzBBg==");
  std::string hex = hexEncode(digest.finish().view());
  EXPECT_EQ(post("{\"code\":\"p1\"," + good + hex + "\"}")->reason(), Reason::kAllowed);
  hex[0] = hex[0] == '0' ? '1' : '0';
  EXPECT_EQ(post("{\"code\":\"p2\"," + good + hex + "\"}")->reason(), Reason::kSignatureInvalid);
  EXPECT_EQ(post(R"({"code":"p3","encryptedData":"AAAA","iv":"AAAA"})")->reason(),
            Reason::kSignatureInvalid);
}

TEST_F(SessionTest, RunsOutWhenItIdlesAndAtTheLatestAtItsEnd) {
  configure(", idle: 10m, absolute: 15m");
  const std::string token = newToken();
  login_.loop.advance(10min - 1s);
  const auto renewed = ask(token);
  ASSERT_TRUE(renewed->isAllowed());
  const std::string next(renewed->exchange.renewed_token);
  ASSERT_FALSE(next.empty());
  login_.loop.advance(1s);
  EXPECT_EQ(ask(token)->reason(), Reason::kSessionExpired);
  ASSERT_TRUE(ask(next)->isAllowed());
  login_.loop.advance(5min - 1s);
  const auto late = ask(next);
  ASSERT_TRUE(late->isAllowed());
  login_.loop.advance(1s);
  EXPECT_EQ(ask(next)->reason(), Reason::kSessionExpired);
}

TEST_F(SessionTest, IsRenewedWithTheAnswerOnceAQuarterOfItsIdleTimeIsUsed) {
  configure(", idle: 40m, absolute: 10h");
  const std::string token = newToken();
  login_.loop.advance(10min - 1s);
  EXPECT_TRUE(ask(token)->exchange.renewed_token.empty());
  login_.loop.advance(1s);
  const auto passage = ask(token);
  ASSERT_FALSE(passage->exchange.renewed_token.empty());
  ResponseHead head;
  auth_.chain().entries()[0].filter->onResponseHead(passage->exchange, head);
  EXPECT_EQ(head.headers.find("X-Edgehold-Session"), passage->exchange.renewed_token);
  EXPECT_EQ(head.headers.find("Cache-Control"), "no-store");
}

TEST_F(SessionTest, RefusesEveryChangedCharacterOfAToken) {
  configure({}, ", failures_per_minute: 0");
  const std::string token = newToken();
  ASSERT_TRUE(ask(token)->isAllowed());
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string changed = token;
    changed[i] = changed[i] == 'A' ? 'B' : 'A';
    EXPECT_EQ(ask(changed)->reason(), Reason::kCredentialsInvalid) << i;
  }
  for (const std::string& foreign :
       {std::string("ehs_"), token.substr(4), token + "A", token + token, std::string(2000, 'A'),
        token.substr(0, token.size() - 1)}) {
    EXPECT_EQ(ask(foreign)->reason(), Reason::kCredentialsInvalid) << foreign;
  }
  EXPECT_EQ(auth_.send()->reason(), Reason::kCredentialsInvalid);
}

TEST_F(SessionTest, ATokenCountsForItsAppAlone) {
  configure();
  ExchangeFixture other;
  other.secrets.secrets = auth_.secrets.secrets;
  other.add("session_auth", R"({app_id: wx2, keys: "${env:KEY}"})");
  EXPECT_EQ(ask(other, newToken())->reason(), Reason::kCredentialsInvalid);
}

TEST_F(SessionTest, KeysRotateWithoutEndingSessions) {
  configure();
  const std::string token = newToken();
  ExchangeFixture rotated;
  rotated.secrets.secrets["${env:KEY}"] = {std::string(40, 'n'), std::string(40, 'k')};
  rotated.add("session_auth", R"({app_id: wx1, keys: "${env:KEY}"})");
  EXPECT_TRUE(ask(rotated, token)->isAllowed());
  ExchangeFixture replaced;
  replaced.secrets.secrets["${env:KEY}"] = {std::string(40, 'n')};
  replaced.add("session_auth", R"({app_id: wx1, keys: "${env:KEY}"})");
  EXPECT_EQ(ask(replaced, token)->reason(), Reason::kCredentialsInvalid);
}

TEST_F(SessionTest, AnEndedSessionStaysEnded) {
  configure();
  const std::string token = newToken();
  const std::string other = newToken();
  EXPECT_EQ(records().size(), 2u);
  const auto ended = logOut(token);
  EXPECT_EQ(ended->reason(), Reason::kAllowed);
  EXPECT_EQ(ended->verdict->status(), 204);
  EXPECT_EQ(ask(token)->reason(), Reason::kSessionExpired);
  EXPECT_TRUE(ask(other)->isAllowed());
  EXPECT_EQ(records().size(), 1u);
  login_.loop.advance(1h);
  EXPECT_EQ(ask(token)->reason(), Reason::kSessionExpired);
  EXPECT_EQ(logOut("ehs_AAAA")->reason(), Reason::kCredentialsInvalid);
}

TEST_F(SessionTest, ANewLoginEndsTheOldOneWhereAUserHasOneSession) {
  configure(", single: true");
  const std::string first = newToken();
  ASSERT_TRUE(ask(first)->isAllowed());
  const std::string second = newToken();
  EXPECT_EQ(ask(first)->reason(), Reason::kSessionExpired);
  EXPECT_TRUE(ask(second)->isAllowed());
  platformSays(R"({"openid":"oUser-2","session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})");
  const std::string stranger = newToken();
  EXPECT_TRUE(ask(second)->isAllowed());
  EXPECT_TRUE(ask(stranger)->isAllowed());
  EXPECT_EQ(records().size(), 2u);
  // Who logs out late ends only what is his.
  logOut(first);
  EXPECT_TRUE(ask(second)->isAllowed());
  EXPECT_EQ(records().size(), 2u);
}

TEST_F(SessionTest, NoTokenIsGivenForWhatCannotBeKept) {
  configure(", single: true");
  login_.ledger.setUnavailable(true);
  EXPECT_EQ(logIn("code")->reason(), Reason::kStoreUnavailable);
}

TEST_F(SessionTest, RecordsOfSessionsThatRanOutAreSwept) {
  configure(", idle: 1m, absolute: 2m");
  newToken();
  newToken();
  EXPECT_EQ(records().size(), 2u);
  login_.loop.advance(3min);
  newToken();
  EXPECT_EQ(records().size(), 1u);
}

TEST_F(SessionTest, ClosesWithoutItsSecrets) {
  login_.secrets.secrets.clear();
  auth_.secrets.secrets.clear();
  configure();
  EXPECT_EQ(logIn("code")->reason(), Reason::kSecretUnavailable);
  EXPECT_EQ(ask("ehs_AAAA")->reason(), Reason::kSecretUnavailable);
  EXPECT_EQ(questions(), 0u);
}

TEST_F(SessionTest, AShadowSpendsNoCodeAndStripsNothing) {
  ExchangeFixture f;
  f.secrets.secrets = login_.secrets.secrets;
  f.add("session_login", R"({app_id: wx1, app_secret: "${env:SECRET}", upstream: platform,
                             keys: "${env:KEY}"})",
        FilterMode::kShadow);
  f.add("session_auth", R"({app_id: wx1, keys: "${env:KEY}"})", FilterMode::kShadow);
  const auto passage =
      f.send({.headers = {{"Authorization", "Bearer x"}}, .body = R"({"code":"a"})"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_TRUE(f.calls.asked.empty());
  EXPECT_TRUE(passage->exchange.request.headers.find("Authorization").has_value());
  EXPECT_EQ(passage->shadowReason(), Reason::kCredentialsInvalid);
}

class WecomSessionTest : public SessionTest {
 protected:
  static constexpr std::string_view kTokenPath = "/cgi-bin/gettoken";
  static constexpr std::string_view kCodePath = "/cgi-bin/miniprogram/jscode2session";
  void wecomSays(std::string_view path, std::string_view body) {
    login_.calls.answers.insert_or_assign(std::string(path),
                                          CallAnswer{200, "application/json", std::string(body)});
  }
  WecomSessionTest() {
    configure(", platform: wecom, logins_per_minute: 1000");
    wecomSays(kTokenPath, R"({"errcode":0,"errmsg":"ok","access_token":"at/1","expires_in":7200})");
    wecomSays(kCodePath, R"({"errcode":0,"userid":"li.ming@x","corpid":"wx1",)"
                         R"("session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})");
  }
};

TEST_F(WecomSessionTest, AsksWithAnAccessTokenThatIsKept) {
  const auto passage = logIn("c1");
  ASSERT_EQ(passage->reason(), Reason::kAllowed) << passage->verdict->why();
  ASSERT_EQ(questions(), 2u);
  EXPECT_EQ(login_.calls.asked[0].request.target,
            "/cgi-bin/gettoken?corpid=wx1&corpsecret=app%20secret%26");
  EXPECT_EQ(login_.calls.asked[1].request.target,
            "/cgi-bin/miniprogram/jscode2session?access_token=at%2F1&js_code=c1"
            "&grant_type=authorization_code");
  EXPECT_EQ(ask(tokenOf(*passage))->exchange.facts.principal, "wx1:li.ming@x");
  logIn("c2");
  EXPECT_EQ(questions(), 3u);
  login_.loop.advance(2h);
  logIn("c3");
  EXPECT_EQ(questions(), 5u);
}

TEST_F(WecomSessionTest, FetchesOnceMoreWhatThePlatformEndedEarly) {
  logIn("c1");
  wecomSays(kCodePath, R"({"errcode":42001,"errmsg":"access_token expired"})");
  EXPECT_EQ(logIn("c2")->reason(), Reason::kSecretUnavailable);
  EXPECT_EQ(questions(), 5u);  // code, token, code, and no more
}

TEST_F(WecomSessionTest, RefusesAUserOfAnotherCorporation) {
  wecomSays(kCodePath, R"({"errcode":0,"userid":"li","corpid":"ww2",)"
                       R"("session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})");
  EXPECT_EQ(logIn("c1")->reason(), Reason::kLoginRefused);
}

TEST(SessionConfig, MistakesAreTold) {
  const std::string good =
      R"(app_id: wx1, app_secret: "${env:S}", upstream: platform, keys: "${env:K}")";
  for (const std::string& config :
       {std::string("{}"), std::string(R"({app_id: wx1})"), "{" + good + ", upstrem: x}",
        std::string(
            R"({app_id: "wx 1", app_secret: "${env:S}", upstream: platform, keys: "${env:K}"})"),
        std::string(R"({app_id: wx1, app_secret: "${env:S}", upstream: agent, keys: "${env:K}"})"),
        std::string(R"({app_id: wx1, app_secret: literal, upstream: platform, keys: "${env:K}"})"),
        std::string(
            R"({app_id: wx1, app_secret: "${env:S}", upstream: platform, keys: "${env:SHORT}"})"),
        "{" + good + ", idle: 59s}", "{" + good + ", idle: 169h, absolute: 200h}",
        "{" + good + ", idle: 2h, absolute: 1h}", "{" + good + ", absolute: 721h}",
        "{" + good + ", platform: qq}", "{" + good + ", logins_per_minute: 0}"}) {
    ExchangeFixture f;
    f.secrets.secrets["${env:K}"] = {std::string(32, 'k')};
    f.secrets.secrets["${env:S}"] = {"secret"};
    f.secrets.secrets["${env:SHORT}"] = {std::string(31, 'k')};
    f.add("session_login", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
  ExchangeFixture f;
  f.secrets.secrets["${env:K}"] = {std::string(32, 'k')};
  f.secrets.secrets["${env:S}"] = {"secret"};
  f.add("session_login", "{" + good + ", idle: 168h, absolute: 720h}");
  EXPECT_TRUE(f.mistakes.empty()) << f.mistakes.front();
}

}  // namespace
}  // namespace edgehold
