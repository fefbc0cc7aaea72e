// SPDX-License-Identifier: Apache-2.0
// Standard Webhooks, beside the vectors: lists of signatures, two sets of names, two kinds of keys.
// Thread: main only.
#include "filters/channels/channel.h"
#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/crypto/ed25519.h"
#include "tests/support/channel_fixture.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    R"(dialect: standard_webhooks, secrets: "${env:SW}", failures_per_minute: 0)";
constexpr const char* kId = "webhook-id";
constexpr const char* kTime = "webhook-timestamp";
constexpr const char* kSignature = "webhook-signature";

class StandardWebhooksTest : public ChannelTest {
 protected:
  StandardWebhooksTest() {
    f.secrets.secrets["${env:SW}"] = {"whsec_DhxnZIRDF7baseRpdjM1rvBIlhAcL6F0"};
  }
  // With `text` for the list; `V` in it is the genuine MAC.
  Reason sendList(const std::string& text) {
    RequestText request = signedRequest();
    const std::string mac = field(request, kSignature).substr(3);
    std::string made;
    for (const char c : text) {
      if (c == 'V') {
        made += mac;
      } else {
        made += c;
      }
    }
    field(request, kSignature) = made;
    return send(request);
  }
  static void rename(RequestText& request) {
    for (auto& [name, value] : request.headers) {
      if (name.starts_with("webhook-")) name.replace(0, 7, "svix");
    }
  }
};

TEST_F(StandardWebhooksTest, RefusesEveryChange) {
  use(kConfig);
  for (const char* name : {kId, kTime, kSignature}) {
    RequestText genuine = signedRequest();
    expectEveryChangeRefused(genuine, name);
  }
}

TEST_F(StandardWebhooksTest, TakesItsFieldsOnceAndInOneForm) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  expectOneStrictField(genuine, kTime, Reason::kTimestampMissing, Reason::kTimestampMissing);
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { drop(r, kSignature); }),
            Reason::kSignatureMissing);
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { r.headers.push_back(r.headers.back()); }),
            Reason::kSignatureInvalid);
  expectOneStrictField(genuine, kId, Reason::kSignatureMissing, Reason::kSignatureInvalid);
}

// `a.1` and `b` are signed as `a` and `1.b` are.
TEST_F(StandardWebhooksTest, RefusesAnIdWithADot) {
  use(kConfig);
  const auto withId = [&](const std::string& id) {
    return sendChanged(signedRequest(), [&](RequestText& r) { field(r, kId) = id; });
  };
  for (const std::string& id : {std::string("msg.1"), std::string("."), std::string("msg 1"),
                                std::string("\xC3\xA9"), std::string(257, 'a')}) {
    EXPECT_EQ(withId(id), Reason::kSignatureInvalid) << id;
  }
}

TEST_F(StandardWebhooksTest, TakesAnyOfAListAndPassesOverOtherVersions) {
  use(kConfig);
  const std::string other = std::string(43, 'A') + "=";
  for (const std::string& text : {std::string("v1,V"), "v1," + other + " v1,V", "v1,V v1," + other,
                                  std::string("v1a,x v1,V"), std::string("v2,V v1,V")}) {
    EXPECT_EQ(sendList(text), Reason::kAllowed) << text;
  }
  for (const std::string& text : {std::string("v1,"), std::string("v1,V,V"), "v1," + other,
                                  std::string("v1,V\tv1,V"), std::string("v2,V v1,x")}) {
    EXPECT_EQ(sendList(text), Reason::kSignatureInvalid) << text;
  }
  for (const char* text : {"", " ", "v2,V", "v1a,V", "V1,V", "v1V", "v1=V", "v1", "\"v1,V\""}) {
    EXPECT_EQ(sendList(text), Reason::kSignatureMissing) << text;
  }
}

TEST_F(StandardWebhooksTest, PassesOverWhatIsNoSignatureWhereAnotherFits) {
  use(kConfig);
  for (const char* text : {"v1,V v1", "v1 v1,V", "v1,V v1,x", "v1, v1,V", "x v1,V", "v1,V  v1,V",
                           " v1,V", "v1,V ", "v1,x  v1,V v1=V"}) {
    EXPECT_EQ(sendList(text), Reason::kAllowed) << text;
  }
}

TEST_F(StandardWebhooksTest, TakesABoundedList) {
  use(kConfig);
  std::string text = "v1,V";
  for (std::size_t i = 1; i < limits::kSignaturesMax; ++i) text += " v2,x";
  EXPECT_EQ(sendList(text), Reason::kAllowed);
  EXPECT_EQ(sendList(text + " v2,x"), Reason::kSignatureInvalid);
}

TEST_F(StandardWebhooksTest, KeepsToTheWindowBothWays) {
  use(kConfig);
  expectWindow(300);
}

// The upstream may read the other set than the one that was verified.
TEST_F(StandardWebhooksTest, TakesTheNamesOfSvixAndBothSetsOnlyWhenTheyAgree) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  EXPECT_EQ(sendChanged(genuine, rename), Reason::kAllowed);
  RequestText both = genuine;
  rename(both);
  both.headers.insert(both.headers.end(), genuine.headers.begin() + 1, genuine.headers.end());
  EXPECT_EQ(send(both), Reason::kAllowed);
  for (const char* name : {"svix-id", kId, "svix-signature"}) {
    EXPECT_EQ(sendChanged(both, [&](RequestText& r) { field(r, name) += "x"; }),
              Reason::kSignatureInvalid)
        << name;
  }
  EXPECT_EQ(sendChanged(both, [&](RequestText& r) { drop(r, "svix-id"); }),
            Reason::kSignatureMissing);
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { r.headers.emplace_back("svix-id", "x"); }),
            Reason::kSignatureMissing);
}

TEST_F(StandardWebhooksTest, TakesPublicKeysBesideSecrets) {
  const Ed25519Key key = Ed25519Key::fromSeed(std::string(32, 'k')).value();
  const auto bytes = key.publicBytes();
  use("dialect: standard_webhooks, failures_per_minute: 0, secrets: \"${env:SW}\", public_keys: "
      "\"whpk_" +
      base64Encode({bytes.data(), bytes.size()}, Base64::kStandard) + "\"");
  RequestText request = signedRequest();
  EXPECT_EQ(send(request), Reason::kAllowed);
  const auto signature =
      key.sign(field(request, kId) + "." + field(request, kTime) + "." + request.body);
  field(request, kSignature) =
      "v1a," + base64Encode({signature->data(), signature->size()}, Base64::kStandard);
  expectEveryChangeRefused(request, kSignature);
}

TEST_F(StandardWebhooksTest, DecodesTheSecret) {
  f.secrets.secrets["${env:BARE}"] = {"DhxnZIRDF7baseRpdjM1rvBIlhAcL6F0"};
  use(R"(dialect: standard_webhooks, secrets: "${env:BARE}")");
  EXPECT_EQ(send({.headers = {{kId, "msg_p5jXN8AQM9LWM0D4loKWxJek"}, {kTime, "1700000000"}}}),
            Reason::kSignatureMissing);
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
  for (const char* secret : {"whsec_", "whsec_!", "whsec_DhxnZIRDF7baseRpdjM1rvBIlhAcL6F", "a"}) {
    f.secrets.secrets["${env:SW}"] = {secret};
    EXPECT_EQ(mistakesOf(kConfig).size(), 1u) << secret;
  }
  EXPECT_EQ(mistakesOf("dialect: standard_webhooks").size(), 1u);
  EXPECT_EQ(mistakesOf("dialect: standard_webhooks, public_keys: whpk_AAAA").size(), 1u);
}

TEST_F(StandardWebhooksTest, TakesAnyEventUnlessOperatorsListThem) {
  use(kConfig);
  EXPECT_EQ(sendSigned(R"({"type":"any.thing"})"), Reason::kAllowed);
  ExchangeFixture listed;
  listed.secrets.secrets = f.secrets.secrets;
  listed.add(
      "channel",
      R"({dialect: standard_webhooks, secrets: "${env:SW}", known_events: [contact.created]})");
  EXPECT_EQ(listed.send(signedRequest())->reason(), Reason::kAllowed);
  EXPECT_EQ(listed.send(signedRequest(R"({"type":"any.thing"})"))->reason(), Reason::kEventUnknown);
  EXPECT_EQ(listed.send(signedRequest("{}"))->reason(), Reason::kEventMissing);
}

TEST_F(StandardWebhooksTest, TellsItsFactsAndKnowsAnIdAgain) {
  use(kConfig);
  f.add("dedupe", "{}");
  const RequestText request = signedRequest(R"({"type":"a.b","timestamp":"2023-11-14T22:13:20Z"})");
  const auto passage = f.send(request);
  EXPECT_EQ(passage->exchange.facts.event_type, "a.b");
  RequestText same = request;
  EXPECT_EQ(passage->exchange.facts.event_id, field(same, kId));
  EXPECT_EQ(passage->exchange.facts.timestamp_ms, 1'700'000'000'000);
  passage->commit(f.loop.clock().now());
  EXPECT_EQ(send(request), Reason::kDuplicate);
}

TEST_F(StandardWebhooksTest, SamplesAreSignedByAKeyThatIsListedOrByTheSecret) {
  const auto key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEdDsa).privatePem()).value();
  const std::string mine = "whpk_" + base64Encode(key.publicHalf().bytes, Base64::kStandard);
  use("dialect: standard_webhooks, secrets: \"${env:SW}\", public_keys: \"" + mine +
      "\", failures_per_minute: 0");
  RequestText by_secret = signedRequest();
  EXPECT_TRUE(field(by_secret, kSignature).starts_with("v1,"));
  EXPECT_EQ(send(by_secret), Reason::kAllowed);
  signing_key = key;
  RequestText by_key = signedRequest();
  EXPECT_TRUE(field(by_key, kSignature).starts_with("v1a,"));
  expectEveryChangeRefused(by_key, kSignature);
}

TEST_F(StandardWebhooksTest, ASampleOfPublicKeysSaysWhatIsMissing) {
  const auto key = Ed25519Key::fromSeed(std::string(32, 'k')).value().publicBytes();
  use("dialect: standard_webhooks, public_keys: \"" +
      base64Encode({key.data(), key.size()}, Base64::kStandard) + "\"");
  EXPECT_NE(sampleMistake().find("--signing-key"), std::string::npos) << sampleMistake();
  signing_key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEdDsa).privatePem()).value();
  EXPECT_NE(sampleMistake().find("list `whpk_"), std::string::npos) << sampleMistake();
}

}  // namespace
}  // namespace edgehold
