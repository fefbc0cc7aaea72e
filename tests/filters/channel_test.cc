// SPDX-License-Identifier: Apache-2.0
// The laws of the channel filter with the `hmac` dialect.
// Thread: main only.
#include <gtest/gtest.h>

#include "filters/channels/signed_text.h"
#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/hmac.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/signed_samples.h"

namespace edgehold {
namespace {

constexpr std::string_view kSecret = "s3cret";
constexpr std::string_view kTime = "1700000000";
constexpr std::string_view kBody =
    R"({"event":{"id":"e1","type":"message"},"group":{"id":42},"sender":{"id":"u"}})";
constexpr std::string_view kConfig =
    R"({dialect: hmac, name: my-bot, secrets: ["${env:HOOK}"],
       signature: {header: X-Signature, prefix: "sha256=", encoding: hex},
       signed: "{timestamp}.{body}", timestamp: {header: X-Timestamp},
       facts: {event_id: /event/id, event_type: /event/type, group: /group/id,
               sender: /sender/id}})";

std::string macOf(std::string_view secret, std::string_view text,
                  DigestKind digest = DigestKind::kSha256) {
  return std::string(HmacKey(digest, secret).sign(text).view());
}

RequestText signedRequest(std::string_view secret = kSecret, std::string_view body = kBody) {
  const std::string text = std::string(kTime) + "." + std::string(body);
  return {.headers = {{"X-Signature", "sha256=" + hexEncode(macOf(secret, text))},
                      {"X-Timestamp", std::string(kTime)}},
          .body = std::string(body)};
}

class ChannelTest : public ::testing::Test {
 protected:
  ChannelTest() { f.secrets.secrets["${env:HOOK}"] = {std::string(kSecret)}; }
  void use(std::string_view config = kConfig) {
    f.add("channel", config);
    ASSERT_TRUE(f.mistakes.empty()) << f.mistakes.front();
  }
  ExchangeFixture f;
};

TEST_F(ChannelTest, FillsTheFactsOfAGenuineEvent) {
  use();
  const auto passage = f.send(signedRequest());
  ASSERT_TRUE(passage->isAllowed()) << reasonCode(passage->reason());
  const Facts& facts = passage->exchange.facts;
  EXPECT_EQ(facts.channel, "my-bot");
  EXPECT_EQ(facts.principal, "my-bot");
  EXPECT_EQ(facts.event_id, "e1");
  EXPECT_EQ(facts.event_type, "message");
  EXPECT_EQ(facts.group, "42");
  EXPECT_EQ(facts.sender, "u");
  EXPECT_EQ(facts.timestamp_ms, 1'700'000'000'000);
}

TEST_F(ChannelTest, RefusesAForgeryAndLearnsNothingOfIt) {
  use();
  const auto passage = f.send(signedRequest("other"));
  EXPECT_EQ(passage->reason(), Reason::kSignatureInvalid);
  EXPECT_TRUE(passage->exchange.facts.principal.empty());
  EXPECT_TRUE(passage->exchange.facts.event_id.empty());
}

TEST_F(ChannelTest, RefusesEveryChangedBit) {
  use();
  const RequestText genuine = signedRequest();
  for (std::size_t i = 0; i < genuine.body.size(); ++i) {
    RequestText changed = genuine;
    changed.body[i] = static_cast<char>(changed.body[i] ^ 1);
    EXPECT_EQ(f.send(changed)->reason(), Reason::kSignatureInvalid) << i;
  }
  RequestText later = genuine;
  later.headers[1].second = "1700000001";
  EXPECT_EQ(f.send(later)->reason(), Reason::kSignatureInvalid);
  RequestText longer = genuine;
  longer.body += " ";
  EXPECT_EQ(f.send(longer)->reason(), Reason::kSignatureInvalid);
}

TEST_F(ChannelTest, RefusesOnTheHeadWhatTheHeadTells) {
  use();
  struct Case {
    std::vector<std::pair<std::string, std::string>> headers;
    Reason reason;
  };
  const std::string mac = "sha256=" + std::string(64, 'a');
  const std::string time(kTime);
  const Case cases[] = {
      {{{"X-Timestamp", time}}, Reason::kSignatureMissing},
      {{{"X-Signature", ""}, {"X-Timestamp", time}}, Reason::kSignatureInvalid},
      {{{"X-Signature", std::string(64, 'a')}, {"X-Timestamp", time}}, Reason::kSignatureInvalid},
      {{{"X-Signature", mac + "a"}, {"X-Timestamp", time}}, Reason::kSignatureInvalid},
      {{{"X-Signature", mac.substr(0, 70)}, {"X-Timestamp", time}}, Reason::kSignatureInvalid},
      {{{"X-Signature", "sha256=" + std::string(64, 'g')}, {"X-Timestamp", time}},
       Reason::kSignatureInvalid},
      {{{"X-Signature", mac}, {"x-signature", mac}, {"X-Timestamp", time}},
       Reason::kSignatureInvalid},
      {{{"X-Signature", mac}}, Reason::kTimestampMissing},
      {{{"X-Signature", mac}, {"X-Timestamp", "now"}}, Reason::kTimestampMissing},
      {{{"X-Signature", mac}, {"X-Timestamp", time}, {"X-Timestamp", time}},
       Reason::kTimestampMissing},
  };
  for (const Case& one : cases) {
    const auto passage = f.passage({.headers = one.headers, .body = "x"});
    passage->runHead();
    EXPECT_EQ(passage->reason(), one.reason);
  }
}

TEST_F(ChannelTest, SignsSamplesThatItAccepts) {
  for (const char* more :
       {R"(signature: {header: X-Signature, prefix: "sha256=", encoding: hex},
           timestamp: {header: X-Timestamp})",
        R"(signature: {header: X-Signature, encoding: base64}, signed: "{method}{path}|{body}")",
        R"(signature: {header: X-Signature, encoding: base64url}, digest: sha512,
           signed: "{timestamp}|{target}|{body}",
           timestamp: {header: X-Timestamp, unit: milliseconds})"}) {
    ExchangeFixture other;
    other.secrets.secrets["${env:HOOK}"] = {std::string(kSecret)};
    other.add("channel", R"({dialect: hmac, secrets: "${env:HOOK}", )" + std::string(more) + "}");
    ASSERT_TRUE(other.mistakes.empty()) << other.mistakes.front();
    const SampleWish wish{"hmac", "{}", "/hook", other.loop.clock().wallNow(), other.random};
    const auto sample = other.chain().entries().front().filter->sample(wish);
    ASSERT_TRUE(sample && *sample) << more;
    EXPECT_TRUE(other.send(requestTextOf(**sample))->isAllowed()) << more;
    const SampleWish elsewhere{"slack", "{}", "/hook", wish.now, other.random};
    EXPECT_FALSE(other.chain().entries().front().filter->sample(elsewhere));
    const SampleWish empty{"hmac", "", "/hook", wish.now, other.random};
    EXPECT_FALSE(*other.chain().entries().front().filter->sample(empty));
  }
}

TEST_F(ChannelTest, AcceptsEveryLiveSecret) {
  f.secrets.secrets["${env:HOOK}"] = {"new", std::string(kSecret)};
  f.secrets.secrets["${env:OLD}"] = {"old"};
  use(R"({dialect: hmac, secrets: ["${env:HOOK}", "${env:OLD}", "${env:LOST}"],
         signature: {header: X-Signature, prefix: "sha256="}, timestamp: {header: X-Timestamp}})");
  for (const std::string_view secret : {"new", "old", "s3cret"}) {
    EXPECT_TRUE(f.send(signedRequest(secret))->isAllowed()) << secret;
  }
  EXPECT_EQ(f.send(signedRequest("older"))->reason(), Reason::kSignatureInvalid);
}

TEST_F(ChannelTest, RefusesEverythingWithoutALiveSecretWhateverOnErrorSays) {
  f.secrets.secrets["${env:HOOK}"] = {""};  // resolved to nothing: anybody could sign with it
  f.add("channel", kConfig, FilterMode::kEnforce, OnError::kAllow);
  const auto passage = f.passage(signedRequest(""));
  passage->runHead();
  EXPECT_EQ(passage->reason(), Reason::kSecretUnavailable);
  EXPECT_EQ(passage->verdict->status(), 503);
}

TEST_F(ChannelTest, ParsesNothingBeforeItIsVerified) {
  use();
  EXPECT_EQ(f.send(signedRequest("other", "{"))->reason(), Reason::kSignatureInvalid);
  EXPECT_EQ(f.send(signedRequest(kSecret, "{"))->reason(), Reason::kJsonInvalid);
  EXPECT_EQ(f.send(signedRequest(kSecret, ""))->reason(), Reason::kJsonInvalid);
  EXPECT_EQ(f.send(signedRequest(kSecret, "{}"))->reason(), Reason::kAllowed);
}

TEST_F(ChannelTest, LeavesFactsEmptyThatAreNotThere) {
  use();
  const auto passage = f.send(signedRequest(kSecret, R"({"event":[],"group":{"id":null}})"));
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_TRUE(passage->exchange.facts.event_id.empty());
  EXPECT_TRUE(passage->exchange.facts.group.empty());
}

TEST_F(ChannelTest, KeepsFactsBounded) {
  use();
  const std::string body = R"({"event":{"id":")" + std::string(10'000, 'i') + R"("}})";
  const auto passage = f.send(signedRequest(kSecret, body));
  EXPECT_EQ(passage->exchange.facts.event_id.size(), limits::kFactBytesMax);
}

TEST_F(ChannelTest, TakesTheTimeFromTheBody) {
  use(R"({dialect: hmac, secrets: ["${env:HOOK}"], signature: {header: X-Sig, encoding: base64},
         timestamp: {pointer: /ts, unit: milliseconds}})");
  const auto send = [&](const std::string& body) {
    return f.send({.headers = {{"X-Sig", base64Encode(macOf(kSecret, body), Base64::kStandard)}},
                   .body = body});
  };
  const auto passage = send(R"({"ts":1700000000123})");
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->exchange.facts.timestamp_ms, 1'700'000'000'123);
  EXPECT_EQ(send("{}")->reason(), Reason::kTimestampMissing);
  EXPECT_EQ(send(R"({"ts":-5})")->reason(), Reason::kTimestampMissing);
}

TEST_F(ChannelTest, VerifiesOtherDigestsAndEncodings) {
  struct Case {
    std::string_view name;
    DigestKind kind;
  };
  for (const Case& one : {Case{"sha1", DigestKind::kSha1}, Case{"sha256", DigestKind::kSha256},
                          Case{"sha512", DigestKind::kSha512}}) {
    ExchangeFixture g;
    g.secrets.secrets["${env:HOOK}"] = {std::string(kSecret)};
    g.add("channel", R"({dialect: hmac, secrets: ["${env:HOOK}"], digest: )" +
                         std::string(one.name) +
                         ", signature: {header: X-Sig, encoding: base64url}}");
    const std::string mac = base64Encode(macOf(kSecret, "x", one.kind), Base64::kUrlUnpadded);
    EXPECT_TRUE(g.send({.headers = {{"X-Sig", mac}}, .body = "x"})->isAllowed()) << one.name;
    EXPECT_EQ(g.send({.headers = {{"X-Sig", mac + "="}}, .body = "x"})->reason(),
              Reason::kSignatureInvalid);
  }
}

TEST_F(ChannelTest, AnswersADuplicateInItsOwnWords) {
  use(R"({dialect: hmac, secrets: ["${env:HOOK}"], signature: {header: X-Signature,
         prefix: "sha256="}, timestamp: {header: X-Timestamp}, facts: {event_id: /event/id},
         reply: {body: "{\"ok\":true}"}})");
  f.add("dedupe", "{}");
  f.send(signedRequest())->commit(f.loop.clock().now());
  const auto second = f.send(signedRequest());
  EXPECT_EQ(second->reason(), Reason::kDuplicate);
  EXPECT_EQ(second->verdict->reply()->body, R"({"ok":true})");
  EXPECT_EQ(second->verdict->status(), 200);
}

TEST_F(ChannelTest, OnlyRecordsInShadowMode) {
  f.add("channel", kConfig, FilterMode::kShadow);
  const auto passage = f.send(signedRequest("other"));
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kSignatureInvalid);
  EXPECT_TRUE(passage->exchange.facts.principal.empty());
}

TEST_F(ChannelTest, RefusesMistakesInItsConfiguration) {
  const std::string secrets = R"(secrets: ["${env:HOOK}"], )";
  const std::string signature = "signature: {header: X-S}";
  const std::string configs[] = {
      "{}",
      "{dialect: nonsense}",
      "{dialect: hmac, " + signature + "}",
      "{dialect: hmac, secrets: [literal], " + signature + "}",
      "{dialect: hmac, " + secrets + "}",
      "{dialect: hmac, " + secrets + "signature: {header: \"X S\"}}",
      "{dialect: hmac, " + secrets + "signature: {header: X-S, encoding: rot13}}",
      "{dialect: hmac, " + secrets + signature + ", signed: \"no body\"}",
      "{dialect: hmac, " + secrets + signature + ", signed: \"{timestamp}{body}\"}",
      "{dialect: hmac, " + secrets + signature + ", timestamp: {header: X-T}, signed: \"{body}\"}",
      "{dialect: hmac, " + secrets + signature + ", timestamp: {}}",
      "{dialect: hmac, " + secrets + signature + ", timestamp: {header: X-T, pointer: /t}}",
      "{dialect: hmac, " + secrets + signature + ", digest: md5}",
      "{dialect: hmac, " + secrets + signature + ", facts: {event_id: id}}",
      "{dialect: hmac, " + secrets + signature + ", facts: {room: /id}}",
      "{dialect: hmac, " + secrets + signature + ", unknown: 1}",
  };
  for (const std::string& config : configs) {
    f.add("channel", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
}

struct TextCase {
  std::string_view text;
  bool is_valid;
};

TEST(SignedText, RefusesTemplatesWithBlurredBorders) {
  const TextCase cases[] = {
      {"{body}", true},
      {"{timestamp}{body}", true},
      {"{timestamp}\\n{body}", true},
      {"{method}{path}.{timestamp}.{body}", true},
      {"v0:{timestamp}:{body}", true},
      {"{header:X-Id}.{timestamp}.{body}", true},
      {"{body}{header:X-Id}", false},
      {"{header:X-Id}{body}", false},
      {"{path}{body}", false},
      {"{body}{body}", false},
      {"", false},
      {"{timestamp}", false},
      {"{Body}", false},
      {"{body", false},
      {"{header:}{body}", false},
      {"{header:a b}.{body}", false},
      {"\\t{body}", false},
      {"{body}\\", false},
      {"a{timestamp}b{timestamp}c{timestamp}d{timestamp}e{timestamp}f{timestamp}g{timestamp}h"
       "{timestamp}{body}",
       false},
  };
  for (const TextCase& one : cases) {
    EXPECT_EQ(SignedText::compile(one.text).has_value(), one.is_valid) << one.text;
  }
}

TEST(SignedText, GivesThePiecesInTheirOrder) {
  const auto text = SignedText::compile("{method} {target}\\n{header:X-Id}.{timestamp}:{body}!");
  ASSERT_TRUE(text.has_value());
  Exchange exchange;
  exchange.request.method_token = "POST";
  exchange.request.target.text = "/a?b";
  exchange.request.headers.add("X-Id", "7");
  exchange.body.append("b.o:d!y");
  const auto pieces = text->evaluate(exchange, "12");
  ASSERT_TRUE(pieces.has_value());
  std::string joined;
  for (const ByteView piece : pieces->span()) joined += piece;
  EXPECT_EQ(joined, "POST /a?b\n7.12:b.o:d!y!");
}

TEST(SignedText, RefusesAValueThatHoldsTheSeparatorBehindIt) {
  const auto text = SignedText::compile("{header:X-Id}.{body}");
  Exchange exchange;
  exchange.request.headers.add("X-Id", "a.b");
  EXPECT_EQ(text->evaluate(exchange, "").error().reason, Reason::kSignatureInvalid);
}

TEST(SignedText, NeedsEveryHeaderExactlyOnce) {
  const auto text = SignedText::compile("{header:X-Id}.{body}");
  Exchange exchange;
  EXPECT_FALSE(text->evaluate(exchange, "").has_value());
  exchange.request.headers.add("X-Id", "a");
  EXPECT_TRUE(text->evaluate(exchange, "").has_value());
  exchange.request.headers.add("x-id", "a");
  EXPECT_FALSE(text->evaluate(exchange, "").has_value());
}

}  // namespace
}  // namespace edgehold
