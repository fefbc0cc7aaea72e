// SPDX-License-Identifier: Apache-2.0
// QQ bots, beside the vectors: the laws of every platform's channel, and its signing oracle.
// Thread: main only.
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "proxy/crypto/ed25519.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr std::string_view kSecret = "naOC0ocQE3shWLAfffVLB1rhYPG7";
constexpr std::string_view kSeed = "naOC0ocQE3shWLAfffVLB1rhYPG7naOC";  // repeated, cut to 32
constexpr std::string_view kBody =
    R"({"op":0,"id":"e1","t":"C2C_MESSAGE_CREATE","d":{"author":{"user_openid":"u"}}})";
constexpr std::int64_t kNow = 1'700'000'000;

std::string signatureOf(std::string_view seed, std::string_view text) {
  const auto signature = Ed25519Key::fromSeed(seed)->sign(text).value();
  return hexEncode({signature.data(), signature.size()});
}

RequestText signedRequest(std::string_view body = kBody, std::int64_t time = kNow,
                          std::string_view seed = kSeed) {
  const std::string timestamp = std::to_string(time);
  return {.headers = {{"X-Signature-Ed25519", signatureOf(seed, timestamp + std::string(body))},
                      {"X-Signature-Timestamp", timestamp}},
          .body = std::string(body)};
}

class QqTest : public ::testing::Test {
 protected:
  QqTest() { f.secrets.secrets["${env:QQ}"] = {std::string(kSecret)}; }
  void use(std::string_view more = {}) {
    f.add("channel", R"({dialect: qq, secrets: "${env:QQ}")" + std::string(more) + "}");
    ASSERT_TRUE(f.mistakes.empty()) << f.mistakes.front();
  }
  Reason send(const RequestText& request) { return f.send(request)->reason(); }
  ExchangeFixture f;
};

TEST_F(QqTest, RefusesWhatIsStaleEitherWayAndTakesTheBorders) {
  use();
  EXPECT_EQ(send(signedRequest(kBody, kNow - 300)), Reason::kAllowed);
  EXPECT_EQ(send(signedRequest(kBody, kNow + 300)), Reason::kAllowed);
  EXPECT_EQ(send(signedRequest(kBody, kNow - 301)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(send(signedRequest(kBody, kNow + 301)), Reason::kTimestampOutsideWindow);
}

TEST_F(QqTest, KeepsToTheWindowThatOperatorsChoose) {
  use(", window: 10s");
  EXPECT_EQ(send(signedRequest(kBody, kNow - 10)), Reason::kAllowed);
  EXPECT_EQ(send(signedRequest(kBody, kNow - 11)), Reason::kTimestampOutsideWindow);
}

TEST_F(QqTest, RefusesOnTheHeadWhatTheHeadTells) {
  use();
  const RequestText genuine = signedRequest();
  const auto reasonWith = [&](auto change) {
    RequestText request = genuine;
    change(request);
    const auto passage = f.passage(request);
    passage->runHead();
    return passage->reason();
  };
  EXPECT_EQ(reasonWith([](RequestText&) {}), Reason::kAllowed);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.method = "PUT"; }), Reason::kMethodNotAllowed);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.method = "GET"; }), Reason::kMethodNotAllowed);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.headers.erase(r.headers.begin()); }),
            Reason::kSignatureMissing);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.headers.pop_back(); }), Reason::kTimestampMissing);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.headers.push_back(r.headers[0]); }),
            Reason::kSignatureInvalid);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.headers.push_back(r.headers[1]); }),
            Reason::kTimestampMissing);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.headers[0].second.pop_back(); }),
            Reason::kSignatureInvalid);
  EXPECT_EQ(reasonWith([](RequestText& r) { r.headers[1].second += "0"; }),
            Reason::kTimestampMissing);
}

TEST_F(QqTest, NeverSignsWhatCouldBeAnEvent) {
  use();
  for (const char* challenge : {R"({"plain_token":"{\"op\":0}","event_ts":"1700000000"})",
                                R"({"plain_token":"","event_ts":"1700000000"})",
                                R"({"plain_token":"a b","event_ts":"1700000000"})",
                                R"({"plain_token":"abc","event_ts":"1700000000{"})",
                                R"({"plain_token":"abc","event_ts":"170000000"})",
                                R"({"plain_token":"abc","event_ts":"17000000001"})",
                                R"({"plain_token":"abc","event_ts":"170000000012"})",
                                R"({"plain_token":"abc","event_ts":"17000000001234"})",
                                R"({"plain_token":"abc","event_ts":" 1700000000"})",
                                R"({"plain_token":"abc","event_ts":"1700000000 "})",
                                R"({"plain_token":"abc","event_ts":17000000001})",
                                R"({"plain_token":"abc","event_ts":1700000000.0})",
                                R"({"plain_token":"abc","event_ts":["1700000000"]})",
                                R"({"plain_token":"abc"})", R"({"event_ts":"1700000000"})"}) {
    const std::string body = R"({"op":13,"d":)" + std::string(challenge) + "}";
    EXPECT_EQ(send(signedRequest(body)), Reason::kMalformedRequest) << body;
  }
  const std::string longest(64, 'a');
  const auto bodyWith = [](const std::string& token) {
    return R"({"op":13,"d":{"plain_token":")" + token + R"(","event_ts":"1700000000"}})";
  };
  EXPECT_EQ(send(signedRequest(bodyWith(longest))), Reason::kAllowed);
  EXPECT_EQ(send(signedRequest(bodyWith(longest + "a"))), Reason::kMalformedRequest);
}

TEST_F(QqTest, AnswersAChallengeThatNobodySignedOnlyDuringSetUp) {
  const RequestText unsigned_request{
      .body = R"({"op":13,"d":{"plain_token":"abc","event_ts":"1700000000"}})"};
  use(R"(, setup_until: "2023-11-14T22:14:00Z")");  // 40 s from now
  const auto passage = f.send(unsigned_request);
  ASSERT_NE(passage->verdict->reply(), nullptr);
  EXPECT_EQ(passage->verdict->reply()->body,
            R"({"plain_token":"abc","signature":")" + signatureOf(kSeed, "1700000000abc") + "\"}");
  EXPECT_EQ(send({.body = std::string(kBody)}), Reason::kSignatureMissing);
  EXPECT_EQ(send({.body = "{"}), Reason::kJsonInvalid);
  f.loop.advance(40s);
  EXPECT_EQ(send(unsigned_request), Reason::kSignatureMissing);
}

TEST_F(QqTest, SignsATimeAsItIsWritten) {
  use();
  for (const char* time : {"1700000000", "1700000000123"}) {
    for (const std::string& written : {std::string(time), '"' + std::string(time) + '"'}) {
      const auto passage = f.send(
          signedRequest(R"({"op":13,"d":{"plain_token":"abc","event_ts":)" + written + "}}"));
      ASSERT_TRUE(passage->verdict && passage->verdict->reply() != nullptr) << written;
      EXPECT_NE(passage->verdict->reply()->body.find(signatureOf(kSeed, time + std::string("abc"))),
                std::string::npos);
    }
  }
}

TEST_F(QqTest, TakesTheSignatureThatIsAskedForOnlyOfTheTimeThatTheHeadTells) {
  use();
  const auto withTimes = [&](std::int64_t head, const std::string& event) {
    RequestText request =
        signedRequest(R"({"op":13,"d":{"plain_token":"abc","event_ts":)" + event + "}}", head);
    const std::string signed_time =
        event.front() == '"' ? event.substr(1, event.size() - 2) : event;
    request.headers[0].second = signatureOf(kSeed, signed_time + "abc");
    return send(request);
  };
  EXPECT_EQ(withTimes(kNow, "\"1700000000\""), Reason::kAllowed);
  EXPECT_EQ(withTimes(kNow, "1700000000"), Reason::kAllowed);
  EXPECT_EQ(withTimes(kNow + 1, "\"1700000000\""), Reason::kSignatureInvalid);
  EXPECT_EQ(withTimes(kNow, "\"1700000000000\""), Reason::kSignatureInvalid);
  EXPECT_EQ(withTimes(kNow, "\"17000000000\""), Reason::kSignatureInvalid);
}

TEST_F(QqTest, TakesOneObjectOnly) {
  use();
  EXPECT_EQ(send(signedRequest("[" + std::string(kBody) + "]")), Reason::kMalformedRequest);
}

TEST_F(QqTest, SignsAChallengeWithTheSecretThatAskedForIt) {
  f.secrets.secrets["${env:QQ}"] = {"new", std::string(kSecret)};
  use();
  const std::string body = R"({"op":13,"d":{"plain_token":"abc","event_ts":"1700000000"}})";
  const auto passage = f.send(signedRequest(body));
  ASSERT_TRUE(passage->verdict && passage->verdict->reply() != nullptr);
  EXPECT_NE(passage->verdict->reply()->body.find(signatureOf(kSeed, "1700000000abc")),
            std::string::npos);
}

TEST_F(QqTest, TakesKnownEventsOnlyUnlessOperatorsSayOtherwise) {
  use(", known_events: [NEW_ONE]");
  const auto bodyOf = [](std::string_view type) {
    return R"({"op":0,"id":"e1","t":")" + std::string(type) + R"("})";
  };
  EXPECT_EQ(send(signedRequest(bodyOf("C2C_MESSAGE_CREATE"))), Reason::kAllowed);
  EXPECT_EQ(send(signedRequest(bodyOf("NEW_ONE"))), Reason::kAllowed);
  EXPECT_EQ(send(signedRequest(bodyOf("NEWER_ONE"))), Reason::kEventUnknown);
  EXPECT_EQ(send(signedRequest(bodyOf(""))), Reason::kEventMissing);
  EXPECT_EQ(send(signedRequest(R"({"op":7})")), Reason::kEventUnknown);
  EXPECT_EQ(send(signedRequest("{}")), Reason::kEventMissing);
}

TEST_F(QqTest, LetsAnyEventPassWhereOperatorsSaySo) {
  use(", unknown_events: pass");
  EXPECT_EQ(send(signedRequest(R"({"op":0,"id":"e1","t":"NEWER_ONE"})")), Reason::kAllowed);
}

TEST_F(QqTest, RefusesFactsThatCouldNotStandInAField) {
  use();
  const std::string body = R"({"op":0,"id":"e\r\nX: y","t":"C2C_MESSAGE_CREATE"})";
  EXPECT_EQ(send(signedRequest(body)), Reason::kMalformedRequest);
}

TEST_F(QqTest, ChargesFailuresToTheAddressAndListensNoMoreWhenThereAreTooMany) {
  use(", failures_per_minute: 3");
  RequestText forged = signedRequest(kBody, kNow, std::string(32, 'x'));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(forged), Reason::kSignatureInvalid);
  EXPECT_EQ(send(forged), Reason::kRateLimited);
  EXPECT_EQ(send(signedRequest()), Reason::kRateLimited);
  RequestText elsewhere = signedRequest();
  elsewhere.address = "192.0.2.2";
  EXPECT_EQ(send(elsewhere), Reason::kAllowed);
  f.loop.advance(20s);
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
}

TEST_F(QqTest, AnswersADuplicateInThePlatformsWords) {
  use();
  f.add("dedupe", "{}");
  f.send(signedRequest())->commit(f.loop.clock().now());
  const auto again = f.send(signedRequest());
  EXPECT_EQ(again->reason(), Reason::kDuplicate);
  EXPECT_EQ(again->verdict->reply()->body, R"({"op":12,"d":0})");
  f.loop.advance(59min);
  EXPECT_EQ(send(signedRequest(kBody, kNow + 3540)), Reason::kDuplicate);  // signed anew
  f.loop.advance(2min);
  EXPECT_EQ(send(signedRequest(kBody, kNow + 3660)), Reason::kAllowed);
}

TEST_F(QqTest, TellsMistakesOfTheConfiguration) {
  for (const char* more : {", window: 0s", ", failures_per_minute: often", ", unknown_events: drop",
                           ", setup_until: soon", ", colour: red"}) {
    ExchangeFixture other;
    other.secrets.secrets = f.secrets.secrets;
    other.add("channel", R"({dialect: qq, secrets: "${env:QQ}")" + std::string(more) + "}");
    EXPECT_EQ(other.mistakes.size(), 1u) << more;
  }
}

}  // namespace
}  // namespace edgehold
