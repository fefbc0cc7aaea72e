// SPDX-License-Identifier: Apache-2.0
// Slack, beside the vectors: three kinds of bodies under one signature.
// Thread: main only.
#include "filters/channels/channel.h"
#include "tests/support/channel_fixture.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    R"(dialect: slack, secrets: "${env:SLACK}", failures_per_minute: 0)";
constexpr const char* kSignature = "X-Slack-Signature";
constexpr const char* kTimestamp = "X-Slack-Request-Timestamp";
constexpr const char* kForm = "application/x-www-form-urlencoded";

class SlackTest : public ChannelTest {
 protected:
  SlackTest() { f.secrets.secrets["${env:SLACK}"] = {"8f742231b10e8888abcd99yyyzzz85a5"}; }
  RequestText withType(RequestText request, const std::string& type) {
    field(request, "Content-Type") = type;
    return request;
  }
};

TEST_F(SlackTest, RefusesEveryChange) {
  use(kConfig);
  expectEveryChangeRefused(signedRequest(), kSignature);
  expectEveryChangeRefused(signedRequest(), kTimestamp);
}

TEST_F(SlackTest, TakesItsFieldsOnceAndInOneForm) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  expectOneStrictField(genuine, kSignature, Reason::kSignatureMissing, Reason::kSignatureInvalid);
  expectOneStrictField(genuine, kTimestamp, Reason::kTimestampMissing, Reason::kTimestampMissing);
  const auto of = [&](const char* prefix) {
    return [prefix](RequestText& r) { field(r, kSignature).replace(0, 3, prefix); };
  };
  for (const char* prefix : {"v1=", "V0=", "v0:", "", "sha256="}) {
    EXPECT_EQ(sendChanged(genuine, of(prefix)), Reason::kSignatureInvalid) << prefix;
  }
}

TEST_F(SlackTest, KeepsToTheWindowBothWays) {
  use(kConfig);
  expectWindow(300);
}

TEST_F(SlackTest, TakesEitherSecretWhileTheyAreRotatedAndEachInItsTimeOnly) {
  f.secrets.secrets["${env:NEW}"] = {"new"};
  use(R"(dialect: slack, failures_per_minute: 0, secrets: [
      {secret: "${env:NEW}", from: "2023-11-14T22:14:00Z"},
      {secret: "${env:SLACK}", until: "2023-11-14T22:15:00Z"}])");  // 40 s and 100 s from now
  const RequestText old = signedRequest();
  EXPECT_EQ(send(old), Reason::kAllowed);
  f.loop.advance(50s);
  const RequestText fresh = signedRequest();
  EXPECT_EQ(send(old), Reason::kAllowed);
  EXPECT_EQ(send(fresh), Reason::kAllowed);
  f.loop.advance(50s);
  EXPECT_EQ(send(old), Reason::kSignatureInvalid);
  EXPECT_EQ(send(fresh), Reason::kAllowed);
}

TEST_F(SlackTest, RefusesAllWithoutASecret) {
  f.secrets.secrets["${env:SLACK}"] = {""};
  use(kConfig);
  EXPECT_EQ(send({.body = "{}"}), Reason::kSecretUnavailable);
}

TEST_F(SlackTest, TellsTheFactsOfEachKindOfBody) {
  use(kConfig);
  Facts facts = factsOf(R"({"type":"event_callback","event_id":"Ev1","event_time":1700000000,
      "event":{"type":"message","user":"U1","channel":"C1"}})");
  EXPECT_EQ(facts.event_type, "message");
  EXPECT_EQ(facts.event_id, "Ev1");
  EXPECT_EQ(facts.group, "C1");
  EXPECT_EQ(facts.sender, "U1");
  EXPECT_EQ(facts.timestamp_ms, 1'700'000'000'000);
  facts = factsOf(R"({"type":"event_callback","event_id":"Ev2",
      "event":{"type":"channel_created","channel":{"id":"C2"},"user":{"id":"U2"}}})");
  EXPECT_EQ(facts.group, "C2");
  EXPECT_EQ(facts.sender, "U2");
  facts = factsOf("token=t&command=%2Fask&text=a%20b%26c&trigger_id=1.2&channel_id=C3&user_id=U3");
  EXPECT_EQ(facts.event_type, "slash_command");
  EXPECT_EQ(facts.event_id, "1.2");
  EXPECT_EQ(facts.group, "C3");
  EXPECT_EQ(facts.sender, "U3");
  facts = factsOf(
      "payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%224.5%22%2C"
      "%22channel%22%3A%7B%22id%22%3A%22C4%22%7D%2C%22user%22%3A%7B%22id%22%3A%22U4%22"
      "%7D%7D");
  EXPECT_EQ(facts.event_type, "block_actions");
  EXPECT_EQ(facts.event_id, "4.5");
  EXPECT_EQ(facts.group, "C4");
  EXPECT_EQ(facts.sender, "U4");
  EXPECT_EQ(factsOf(R"({"type":"app_rate_limited","token":"t"})").event_id.size(), 64u);
}

TEST_F(SlackTest, ShowsRulesWhatAFormSaysAsJson) {
  use(kConfig);
  const auto passage = f.send(signedRequest("command=%2Fask&text=a+%22b%22&trigger_id=1"));
  EXPECT_EQ(passage->exchange.content, R"({"command":"/ask","text":"a \"b\"","trigger_id":"1"})");
}

// The field is not signed, and the upstream goes by it.
TEST_F(SlackTest, RefusesAContentTypeThatTheSignedBytesContradict) {
  use(kConfig);
  const RequestText json = signedRequest(
      R"({"type":"event_callback","event_id":"e","event":{"type":"message","text":"&payload={}"}})");
  EXPECT_EQ(send(json), Reason::kAllowed);
  EXPECT_EQ(send(withType(json, "application/json; charset=utf-8")), Reason::kAllowed);
  EXPECT_EQ(send(withType(json, kForm)), Reason::kMalformedRequest);
  EXPECT_EQ(send(withType(json, "text/plain")), Reason::kMalformedRequest);
  const RequestText form = signedRequest("command=%2Fa&trigger_id=1");
  EXPECT_EQ(send(form), Reason::kAllowed);
  EXPECT_EQ(send(withType(form, std::string(kForm) + ";charset=UTF-8")), Reason::kAllowed);
  EXPECT_EQ(send(withType(form, "application/json")), Reason::kMalformedRequest);
  EXPECT_EQ(sendChanged(form, [](RequestText& r) { r.headers.push_back(r.headers[0]); }),
            Reason::kMalformedRequest);
  EXPECT_EQ(sendChanged(form, [](RequestText& r) { drop(r, "Content-Type"); }),
            Reason::kMalformedRequest);
}

TEST_F(SlackTest, RefusesFormsThatTwoReadersWouldReadDifferently) {
  use(kConfig);
  const std::string payload = "payload=%7B%22type%22%3A%22shortcut%22%7D";
  EXPECT_EQ(sendSigned(payload), Reason::kAllowed);
  for (const std::string& form :
       {payload + "&payload=%7B%7D", payload + "&command=%2Fa", "command=%2Fa&" + payload,
        std::string("command=a&command=b"), std::string("command=a&%63ommand=b"),
        std::string("command=%ZZ"), std::string("command=%00"), std::string("command=%FF")}) {
    EXPECT_EQ(sendSigned(form), Reason::kMalformedRequest) << form;
  }
  std::string most = "command=a";
  for (int i = 1; i < 64; ++i) most += "&f" + std::to_string(i) + "=1";
  EXPECT_EQ(sendSigned(most), Reason::kAllowed);
  EXPECT_EQ(sendSigned(most + "&g=1"), Reason::kMalformedRequest);
}

TEST_F(SlackTest, AnswersAChallengeThatIsSignedAndCanBeEchoed) {
  use(kConfig);
  const auto bodyOf = [](const std::string& challenge) {
    return R"({"token":"t","type":"url_verification","challenge":")" + challenge + "\"}";
  };
  const auto passage = f.send(signedRequest(bodyOf("3eZbrw1aB-_9")));
  ASSERT_TRUE(passage->verdict && passage->verdict->reply() != nullptr);
  EXPECT_EQ(passage->verdict->reply()->body, "3eZbrw1aB-_9");
  EXPECT_EQ(passage->verdict->reply()->content_type, "text/plain");
  for (const char* challenge : {"", "<script>", "a b", "a\\n"}) {
    EXPECT_EQ(sendSigned(bodyOf(challenge)), Reason::kMalformedRequest) << challenge;
  }
  EXPECT_EQ(sendSigned(bodyOf(std::string(256, 'a'))), Reason::kAllowed);
  EXPECT_EQ(sendSigned(bodyOf(std::string(257, 'a'))), Reason::kMalformedRequest);
  RequestText unsigned_one = signedRequest(bodyOf("abc"));
  drop(unsigned_one, kSignature);
  EXPECT_EQ(send(unsigned_one), Reason::kSignatureMissing);
}

TEST_F(SlackTest, AnswersAQuestionAfterItsCertificateHere) {
  use(kConfig);
  const auto answered = f.send(signedRequest("ssl_check=1&token=t"));
  ASSERT_TRUE(answered->verdict);
  EXPECT_EQ(answered->verdict->status(), 200);
  EXPECT_EQ(answered->verdict->why(), "handshake");
  EXPECT_EQ(sendSigned("ssl_check=2&token=t"), Reason::kEventMissing);
  EXPECT_EQ(sendSigned("ssl_check=1&command=%2Fa&trigger_id=1"), Reason::kAllowed);
  RequestText unsigned_one = signedRequest("ssl_check=1&token=t");
  drop(unsigned_one, kSignature);
  EXPECT_EQ(send(unsigned_one), Reason::kSignatureMissing);
}

TEST_F(SlackTest, RefusesWhatIsNoEventOfIts) {
  use(kConfig);
  EXPECT_EQ(sendSigned(R"({"type":"event_callback","event_id":"e"})"), Reason::kEventMissing);
  EXPECT_EQ(sendSigned(R"({"type":"event_callback","event_id":"e","event":{"type":"new"}})"),
            Reason::kEventUnknown);
  EXPECT_EQ(sendSigned(R"({"type":"newer"})"), Reason::kEventUnknown);
  EXPECT_EQ(sendSigned("{}"), Reason::kEventMissing);
  EXPECT_EQ(sendSigned(R"({"type":"event_callback"} x)"), Reason::kJsonInvalid);
  EXPECT_EQ(send(withType(signedRequest("[]"), "application/json")), Reason::kMalformedRequest);
}

TEST_F(SlackTest, TakesARetryThatIsTheFirstToArriveAndAnswersASecondOne) {
  use(kConfig);
  f.add("dedupe", "{}");
  RequestText request = signedRequest();
  request.headers.emplace_back("X-Slack-Retry-Num", "1");
  const auto first = f.send(request);
  EXPECT_TRUE(first->isAllowed());
  first->commit(f.loop.clock().now());
  const auto second = f.send(signedRequest(request.body, 60s));  // signed anew
  EXPECT_EQ(second->reason(), Reason::kDuplicate);
  EXPECT_EQ(second->verdict->reply()->status, 200);
  EXPECT_EQ(second->verdict->reply()->body, "");
}

// Or it would seem as if the key had been tried.
TEST_F(SlackTest, ASampleIsRefusedASigningKeyAsItsSecretIsShared) {
  use(kConfig);
  EXPECT_EQ(sampleMistake(), "");
  signing_key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEdDsa).privatePem()).value();
  EXPECT_EQ(sampleMistake(),
            "`slack` signs with the secret that the route has: take the signing key away");
}

}  // namespace
}  // namespace edgehold
