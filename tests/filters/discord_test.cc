// SPDX-License-Identifier: Apache-2.0
// Discord, beside the vectors: it sends forgeries itself to see them refused with 401.
// Thread: main only.
#include <gmock/gmock.h>

#include "filters/channels/channel.h"
#include "proxy/crypto/ed25519.h"
#include "tests/support/channel_fixture.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

constexpr const char* kSignature = "X-Signature-Ed25519";
constexpr const char* kTimestamp = "X-Signature-Timestamp";
constexpr std::int64_t kNow = 1'700'000'000;
constexpr const char* kBody = R"({"id":"1","type":2,"guild_id":"g","member":{"user":{"id":"u"}}})";

class DiscordTest : public ChannelTest {
 protected:
  static std::string hex(const Ed25519Key& key) {
    const auto bytes = key.publicBytes();
    return hexEncode({bytes.data(), bytes.size()});
  }
  std::string config() const { return "dialect: discord, public_keys: \"" + hex(key) + "\""; }
  static RequestText made(const Ed25519Key& by, const std::string& body, std::int64_t time = kNow) {
    const auto signature = by.sign(std::to_string(time) + body).value();
    return {.headers = {{"Content-Type", "application/json"},
                        {kSignature, hexEncode({signature.data(), signature.size()})},
                        {kTimestamp, std::to_string(time)}},
            .body = body};
  }
  Reason sendBody(const std::string& body) { return send(made(key, body)); }
  const Ed25519Key key = Ed25519Key::fromSeed(std::string(32, 'd')).value();
  const Ed25519Key other = Ed25519Key::fromSeed(std::string(32, 'o')).value();
};

TEST_F(DiscordTest, RefusesEveryChange) {
  use(config());
  expectEveryChangeRefused(made(key, kBody), kSignature);
  expectEveryChangeRefused(made(key, kBody), kTimestamp);
}

TEST_F(DiscordTest, TakesItsFieldsOnceAndInOneForm) {
  use(config());
  const RequestText genuine = made(key, kBody);
  expectOneStrictField(genuine, kSignature, Reason::kSignatureMissing, Reason::kSignatureInvalid);
  expectOneStrictField(genuine, kTimestamp, Reason::kTimestampMissing, Reason::kTimestampMissing);
}

TEST_F(DiscordTest, KeepsToTheWindowBothWays) {
  use(config());
  for (const int age : {-300, 300}) {
    EXPECT_EQ(send(made(key, kBody, kNow + age)), Reason::kAllowed);
  }
  for (const int age : {-301, 301}) {
    EXPECT_EQ(send(made(key, kBody, kNow + age)), Reason::kTimestampOutsideWindow);
  }
}

TEST_F(DiscordTest, AnswersForgeriesWith401AsOftenAsTheyCome) {
  use(config());
  for (int i = 0; i < 200; ++i) {
    const auto passage = f.send(made(other, kBody));
    ASSERT_EQ(passage->reason(), Reason::kSignatureInvalid);
    ASSERT_EQ(passage->verdict->status(), 401);
  }
  EXPECT_EQ(sendBody(kBody), Reason::kAllowed);
  EXPECT_EQ(f.send({.body = kBody})->verdict->status(), 401);
}

TEST_F(DiscordTest, AnswersBothKindsOfPings) {
  use(config());
  const auto interaction = f.send(made(key, R"({"id":"1","type":1,"version":1})"));
  ASSERT_TRUE(interaction->verdict && interaction->verdict->reply() != nullptr);
  EXPECT_EQ(interaction->verdict->reply()->body, R"({"type":1})");
  EXPECT_EQ(interaction->verdict->reply()->content_type, "application/json");
  const auto event = f.send(made(key, R"({"version":1,"type":0})"));
  ASSERT_TRUE(event->verdict && event->verdict->reply() != nullptr);
  EXPECT_EQ(event->verdict->reply()->status, 204);
  EXPECT_NE(event->verdict->reply()->content_type, "");
  EXPECT_EQ(send(made(other, R"({"type":1})")), Reason::kSignatureInvalid);
}

TEST_F(DiscordTest, TellsTheFactsOfInteractionsAndEvents) {
  use(config());
  const std::pair<int, const char*> kinds[] = {{2, "APPLICATION_COMMAND"},
                                               {3, "MESSAGE_COMPONENT"},
                                               {4, "APPLICATION_COMMAND_AUTOCOMPLETE"},
                                               {5, "MODAL_SUBMIT"}};
  for (const auto& [type, name] : kinds) {
    const Facts facts = factsOf(
        made(key, R"({"id":"7","type":)" + std::to_string(type) + R"(,"user":{"id":"u"}})"));
    EXPECT_EQ(facts.event_type, name);
    EXPECT_EQ(facts.event_id, "7");
    EXPECT_EQ(facts.sender, "u");
    EXPECT_EQ(facts.group, "");
  }
  EXPECT_EQ(factsOf(made(key, kBody)).group, "g");
  const std::string event =
      R"({"type":1,"event":{"type":"ENTITLEMENT_CREATE","data":{"user_id":"u"}}})";
  const Facts facts = factsOf(made(key, event));
  EXPECT_EQ(facts.event_type, "ENTITLEMENT_CREATE");
  EXPECT_EQ(facts.event_id.size(), 64u);
  EXPECT_EQ(facts.sender, "u");
}

TEST_F(DiscordTest, RefusesWhatIsNoEventOfIts) {
  use(config());
  for (const char* body : {R"({"type":6})", R"({"type":-1})", R"({"type":9223372036854775807})",
                           R"({"type":1,"event":{"type":"NEW"}})"}) {
    EXPECT_EQ(sendBody(body), Reason::kEventUnknown) << body;
  }
  for (const char* body : {"{}", R"({"type":"2"})", R"({"type":1,"event":{}})"}) {
    EXPECT_EQ(sendBody(body), Reason::kEventMissing) << body;
  }
  EXPECT_EQ(sendBody("[]"), Reason::kMalformedRequest);
  EXPECT_EQ(sendBody("{"), Reason::kJsonInvalid);
}

TEST_F(DiscordTest, TakesKeysInTheirTime) {
  use("dialect: discord, public_keys: [\"" + hex(other) + "\", {key: \"" + hex(key) +
      "\", until: \"2023-11-14T22:14:00Z\"}]");
  EXPECT_EQ(send(made(key, kBody)), Reason::kAllowed);
  EXPECT_EQ(send(made(other, kBody)), Reason::kAllowed);
  f.loop.advance(std::chrono::seconds(40));
  EXPECT_EQ(send(made(key, kBody)), Reason::kSignatureInvalid);
  EXPECT_EQ(send(made(other, kBody)), Reason::kAllowed);
}

TEST_F(DiscordTest, TellsMistakesOfTheConfiguration) {
  for (const char* keys : {"\"\"", "abc", "[]", "[[a]]", "{until: \"2026-01-01\"}",
                           "{key: abc, til: \"2026-01-01\"}"}) {
    EXPECT_FALSE(mistakesOf("dialect: discord, public_keys: " + std::string(keys)).empty()) << keys;
  }
  EXPECT_EQ(mistakesOf("dialect: discord").size(), 1u);
}

// --- samples

TEST_F(DiscordTest, SamplesAreSignedByAKeyThatIsListedAndPass) {
  const JwsSigner signer(JwsAlgorithm::kEdDsa);
  signing_key = SigningKey::fromPem(signer.privatePem()).value();
  const std::string mine = hexEncode(signing_key->publicHalf().bytes);
  use(R"(dialect: discord, public_keys: [")" + hex(key) + R"(", ")" + mine + "\"]");
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
  const Facts facts = factsOf(std::string(kBody));
  EXPECT_EQ(facts.event_type, "APPLICATION_COMMAND");
  EXPECT_EQ(facts.group, "g");
  expectWindow(300);
  expectEveryChangeRefused(signedRequest(), kSignature);
}

TEST_F(DiscordTest, ASampleSaysWhatIsMissing) {
  use(config());
  EXPECT_THAT(sampleMistake(), testing::HasSubstr("--signing-key"));
  signing_key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kRs256).privatePem()).value();
  EXPECT_THAT(sampleMistake(), testing::HasSubstr("none of Ed25519"));
  signing_key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEdDsa).privatePem()).value();
  EXPECT_THAT(sampleMistake(),
              testing::HasSubstr("list `" + hexEncode(signing_key->publicHalf().bytes) + "`"));
}

TEST_F(DiscordTest, ASampleIsSignedByAKeyThatCountsNow) {
  signing_key = SigningKey::fromPem(JwsSigner(JwsAlgorithm::kEdDsa).privatePem()).value();
  use(R"(dialect: discord, public_keys: [{key: ")" + hexEncode(signing_key->publicHalf().bytes) +
      R"(", until: "2020-01-01T00:00:00Z"}])");
  EXPECT_THAT(sampleMistake(), testing::HasSubstr("fits none of `public_keys` that counts now"));
}

}  // namespace
}  // namespace edgehold
