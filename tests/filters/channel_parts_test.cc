// SPDX-License-Identifier: Apache-2.0
// What the dialects of platforms share: dated secrets, strict forms, facts out of JSON, signatures
// that are used once.
// Thread: main only.
#include <gtest/gtest.h>

#include "filters/channels/credentials.h"
#include "filters/channels/event_batch.h"
#include "filters/channels/form.h"
#include "filters/channels/form_body.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/mac_field.h"
#include "filters/channels/static_token.h"
#include "proxy/base/limits.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

WallTime at(std::int64_t seconds) { return WallTime(std::chrono::seconds(seconds)); }

// --- dated secrets

struct ReadSecrets {
  std::vector<DatedSecret> secrets;
  std::vector<std::string> mistakes;
};

ReadSecrets readFrom(std::string_view config_text) {
  ExchangeFixture f;
  f.secrets.secrets = {{"${env:A}", {"a1", "a2"}}, {"${env:B}", {"b"}}, {"${env:EMPTY}", {""}}};
  const ConfigNode node = configLiteral(config_text);
  ConfigErrors errors;
  ConfigReader config(node, "here", errors);
  const FilterBuild build{.secrets = f.secrets, .files = f.files, .route = "bot"};
  ReadSecrets read{readSecrets(config, "secrets", build), {}};
  config.finish();
  read.mistakes = errors.messages();
  return read;
}

TEST(DatedSecrets, ReadEveryVersionOfEveryReference) {
  EXPECT_EQ(readFrom(R"({secrets: "${env:A}"})").secrets.size(), 2u);
  EXPECT_EQ(readFrom(R"({secrets: ["${env:A}", "${env:LOST}", "${env:B}"]})").secrets.size(), 3u);
  EXPECT_TRUE(readFrom(R"({secrets: "${env:LOST}"})").mistakes.empty());
}

TEST(DatedSecrets, LeaveOutEmptyOnesAsAnybodyCanSignWithThem) {
  const ReadSecrets read = readFrom(R"({secrets: "${env:EMPTY}"})");
  EXPECT_TRUE(read.secrets.empty());
  EXPECT_TRUE(read.mistakes.empty());
}

TEST(DatedSecrets, CountFromTheirFirstInstantToBeforeTheirLast) {
  const ReadSecrets read = readFrom(
      R"({secrets: [{secret: "${env:B}", from: "2026-01-01T00:00:00Z", until: "2026-02-01"}]})");
  ASSERT_TRUE(read.mistakes.empty()) << read.mistakes.front();
  ASSERT_EQ(read.secrets.size(), 1u);
  const Validity validity = read.secrets[0].validity;
  EXPECT_FALSE(validity.includes(at(1767225599)));
  EXPECT_TRUE(validity.includes(at(1767225600)));
  EXPECT_TRUE(validity.includes(at(1769903999)));
  EXPECT_FALSE(validity.includes(at(1769904000)));
}

TEST(DatedSecrets, TellMistakes) {
  for (const char* text :
       {"{}", "{secrets: []}", "{secrets: hunter2}", R"({secrets: [["${env:A}"]]})",
        R"({secrets: [{from: "2026-01-01"}]})", R"({secrets: [{secret: "${env:A}", until: soon}]})",
        R"({secrets: [{secret: "${env:A}", from: "2026-02-01", until: "2026-02-01"}]})",
        R"({secrets: [{secret: "${env:A}", til: "2026-02-01"}]})"}) {
    EXPECT_EQ(readFrom(text).mistakes.size(), 1u) << text;
  }
}

TEST(Credentials, AreAllTriedAndTheFirstThatIsLiveFits) {
  const Credentials<int> keys = {{1, {at(0), at(10)}}, {2, {}}, {2, {}}};
  int tries = 0;
  const auto fits = [&](int wanted) {
    return [&tries, wanted](int key) {
      ++tries;
      return key == wanted;
    };
  };
  EXPECT_EQ(fittingKey(keys, at(5), fits(2)), 1u);
  EXPECT_EQ(tries, 3);
  EXPECT_EQ(fittingKey(keys, at(5), fits(1)), 0u);
  EXPECT_EQ(fittingKey(keys, at(10), fits(1)), std::nullopt);
  EXPECT_EQ(tries, 9);
  EXPECT_TRUE(requireLive(keys, at(10)));
  EXPECT_EQ(requireLive(Credentials<int>{{1, {at(0), at(10)}}}, at(10)).error().reason,
            Reason::kSecretUnavailable);
}

// --- forms

TEST(Form, GivesTheOnlyParameterOfAName) {
  EXPECT_EQ(onlyParameter("a=1&b=2&c", "b").value(), "2");
  EXPECT_EQ(onlyParameter("a=1&b=2&c", "c").value(), "");
  EXPECT_EQ(onlyParameter("a=1&bb=2", "b").value(), std::nullopt);
  EXPECT_EQ(onlyParameter("", "b").value(), std::nullopt);
  EXPECT_EQ(onlyParameter("b=x=y", "b").value(), "x=y");
}

TEST(Form, RefusesTwoOfANameHoweverTheyAreSpelled) {
  for (const char* form : {"b=1&b=1", "b=1&a=2&b", "b=1&%62=2", "%62=1", "%62&b", "b&b"}) {
    EXPECT_FALSE(onlyParameter(form, "b")) << form;
  }
  EXPECT_FALSE(onlyParameter("a+b=1", "a b"));
}

TEST(Form, LetsOtherNamesBeWrittenWithEscapes) {
  for (const char* form : {"b=1&x+y=2", "b=1&%63=2", "a%5Bb%5D=2&b=1", "b%62=2&b=1", "100%=2&b=1",
                           "%6=2&b=1", "b=1&+=2", "%zz&b=1", "%&b=1"}) {
    const auto found = onlyParameter(form, "b");
    ASSERT_TRUE(found) << form;
    EXPECT_EQ(*found, "1") << form;
  }
}

TEST(FormBody, OfAPayloadLivesLongerThanTheBody) {
  ExchangeFixture f;
  for (const std::string body : {"payload={}", "payload=%7B%7D"}) {
    auto passage = f.passage();
    passage->exchange.body.append(body);
    const auto payload = formPayload(passage->exchange);
    ASSERT_TRUE(payload && *payload);
    EXPECT_EQ(**payload, "{}");
    const std::string_view whole = passage->exchange.body.view();
    EXPECT_FALSE((*payload)->data() >= whole.data() &&
                 (*payload)->data() < whole.data() + whole.size());
  }
}

TEST(FormBody, AsJsonRefusesNamesThatAreWrittenWithEscapes) {
  ExchangeFixture f;
  for (const char* body : {"a=1&%75ser=2", "a+b=1"}) {
    auto passage = f.passage();
    passage->exchange.body.append(body);
    EXPECT_FALSE(formAsJson(passage->exchange)) << body;
  }
}

TEST(Form, DecodesOnceAndStrictly) {
  Arena arena;
  EXPECT_EQ(onlyDecoded("e=a%2Bb+c%252B", "e", arena).value(), "a+b c%2B");
  EXPECT_EQ(onlyDecoded("e=%E4%BD%A0", "e", arena).value(), "你");
  EXPECT_EQ(onlyDecoded("a=1", "e", arena).value(), std::nullopt);
  for (const char* form : {"e=%", "e=%2", "e=%2G", "e=a%", "e=%00", "e=%FF", "e=%zz", "e=1&e=1"}) {
    EXPECT_FALSE(onlyDecoded(form, "e", arena)) << form;
  }
}

// --- strict forms of heads

TEST(HeadForms, AreStrict) {
  EXPECT_TRUE(isEpochTime("1795176000", 10));
  for (const char* text : {"", "795176000", "0795176000", "17951760000", "+795176000", "179517600 ",
                           "1795176000\n", "179517600a"}) {
    EXPECT_FALSE(isEpochTime(text, 10)) << text;
  }
  EXPECT_TRUE(isPlainWord("aZ09", 4));
  EXPECT_TRUE(isPlainWord("a-b_", 4, "_-"));
  for (const char* text : {"", "aZ091", "a b", "a-", "\xC3\xA9", "a\n"}) {
    EXPECT_FALSE(isPlainWord(text, 4)) << text;
  }
  std::array<char, 2> out{};
  EXPECT_TRUE(decodeHexInto("0aFF", out));
  for (const char* text : {"", "0a", "0aFF0", "0aFF00", "0aFg", " aFF"}) {
    EXPECT_FALSE(decodeHexInto(text, out)) << text;
  }
  EXPECT_TRUE(decodeBase64Into("AAA=", Base64::kStandard, out));
  for (const char* text : {"", "AAA", "AAB=", "AAAA", "AA==", "AAAAAAAA"}) {
    EXPECT_FALSE(decodeBase64Into(text, Base64::kStandard, out)) << text;
  }
}

// --- public keys

struct ReadTexts {
  std::vector<Credential<std::string>> texts;
  std::vector<std::string> mistakes;
};
ReadTexts readTextsFrom(std::string_view config_text) {
  const ConfigNode node = configLiteral(config_text);
  ConfigErrors errors;
  ConfigReader config(node, "here", errors);
  ReadTexts read{readPublicTexts(config, "keys"), {}};
  config.finish();
  read.mistakes = errors.messages();
  return read;
}

TEST(PublicKeys, AreReadAloneInListsAndInTheirTime) {
  EXPECT_EQ(readTextsFrom("{keys: abc}").texts.size(), 1u);
  const ReadTexts read =
      readTextsFrom(R"({keys: [abc, {key: def, from: "2026-01-01", until: "2026-02-01"}]})");
  ASSERT_TRUE(read.mistakes.empty()) << read.mistakes.front();
  ASSERT_EQ(read.texts.size(), 2u);
  EXPECT_EQ(read.texts[0].key, "abc");
  EXPECT_TRUE(read.texts[0].validity.includes(at(0)));
  EXPECT_EQ(read.texts[1].key, "def");
  EXPECT_FALSE(read.texts[1].validity.includes(at(1767225599)));
  EXPECT_TRUE(read.texts[1].validity.includes(at(1767225600)));
}

TEST(PublicKeys, TellMistakes) {
  std::string most = "{keys: [k";
  for (std::size_t i = 1; i < limits::kSecretsMax; ++i) most += ", k";
  EXPECT_TRUE(readTextsFrom(most + "]}").mistakes.empty());
  EXPECT_EQ(readTextsFrom(most + ", k]}").mistakes.size(), 1u);
  for (const char* text : {"{}", "{keys: []}", "{keys: [[a]]}", "{keys: [{from: \"2026-01-01\"}]}",
                           R"({keys: {key: a, from: "2026-02-01", until: "2026-02-01"}})"}) {
    EXPECT_EQ(readTextsFrom(text).mistakes.size(), 1u) << text;
  }
}

// --- tokens and MACs

TEST(StaticToken, IsTheWholeTextAndLive) {
  const auto tokenOf = [](std::string_view text) {
    return StaticToken{digestOf(DigestKind::kSha256, text),
                       std::make_shared<const SecretString>(text)};
  };
  StaticTokens tokens;
  tokens.push_back({tokenOf("old"), {at(0), at(10)}});
  tokens.push_back({tokenOf("new"), {}});
  EXPECT_EQ(fittingToken(tokens, at(5), "old"), 0u);
  EXPECT_EQ(fittingToken(tokens, at(5), "new"), 1u);
  EXPECT_EQ(fittingToken(tokens, at(10), "old"), std::nullopt);
  for (const char* text : {"", "ne", "new ", "newnew", "NEW"}) {
    EXPECT_EQ(fittingToken(tokens, at(5), text), std::nullopt) << text;
  }
}

TEST(MacKey, InBase64IsCanonicalAndNotEmpty) {
  EXPECT_TRUE(macKeyFromBase64("AAAA"));
  EXPECT_TRUE(macKeyFromBase64("whsec_AAAA", "whsec_"));
  EXPECT_TRUE(macKeyFromBase64("AAAA", "whsec_"));
  for (const char* text : {"", "AAA", "AAB=", "AA_A", " AAAA", "whsec_AAAA"}) {
    EXPECT_FALSE(macKeyFromBase64(text)) << text;
  }
  EXPECT_FALSE(macKeyFromBase64("whsec_", "whsec_"));
}

// --- bodies

TEST(FormBody, IsToldByWhatIsSignedAndContentTypeMustAgree) {
  constexpr const char* kForm = "application/x-www-form-urlencoded";
  const auto kindOf = [](const std::string& type, const std::string& body) {
    ExchangeFixture f;
    RequestText request{.body = body};
    if (!type.empty()) request.headers = {{"Content-Type", type}};
    auto passage = f.passage(request);
    passage->exchange.body.append(body);
    const auto is_form = isFormBody(passage->exchange);
    return is_form ? (*is_form ? "form" : "json") : "neither";
  };
  EXPECT_STREQ(kindOf("application/json", "{}"), "json");
  EXPECT_STREQ(kindOf("Application/JSON ;charset=utf-8", " \r\n{}"), "json");
  EXPECT_STREQ(kindOf("", "{}"), "json");
  EXPECT_STREQ(kindOf(kForm, "a=1"), "form");
  EXPECT_STREQ(kindOf(std::string(kForm) + "; charset=UTF-8", "a=1"), "form");
  EXPECT_STREQ(kindOf(kForm, " {\"a\":\"&payload=1\"}"), "neither");
  EXPECT_STREQ(kindOf("application/json", "a=1"), "neither");
  EXPECT_STREQ(kindOf("application/json", ""), "neither");
  EXPECT_STREQ(kindOf("application/json", "[]"), "neither");
  EXPECT_STREQ(kindOf("text/plain", "{}"), "neither");
  EXPECT_STREQ(kindOf("multipart/form-data", "a=1"), "neither");
}

TEST(EventBatch, KeepsItsFirstApartAndIsBounded) {
  ExchangeFixture f;
  auto passage = f.passage();
  EventBatch batch;
  EXPECT_EQ(batch.received(passage->exchange).error().reason, Reason::kEventMissing);
  EXPECT_EQ(batch.add({}).error().reason, Reason::kEventMissing);
  std::vector<std::string> ids;
  for (std::size_t i = 0; i < limits::kBatchEventsMax; ++i) ids.push_back(std::to_string(i));
  for (const std::string& id : ids) {
    ChannelEvent event;
    event.id = id;
    EXPECT_TRUE(batch.add(event));
  }
  ChannelEvent surplus;
  surplus.id = "surplus";
  EXPECT_EQ(batch.add(surplus).error().reason, Reason::kPayloadTooLarge);
  const auto received = batch.received(passage->exchange);
  ASSERT_TRUE(received);
  EXPECT_EQ(received->event.id, "0");
  ASSERT_EQ(received->more.size(), limits::kBatchEventsMax - 1);
  EXPECT_EQ(received->more.back().id, ids.back());
}

// --- facts

class JsonFactsTest : public ::testing::Test {
 protected:
  JsonFacts facts(std::string_view text) {
    documents_.push_back(std::make_unique<JsonDocument>(f.json.parse(text).value()));
    return {documents_.back()->root(), passage->exchange};
  }
  ExchangeFixture f;
  std::unique_ptr<Passage> passage = f.passage();

 private:
  std::vector<std::unique_ptr<JsonDocument>> documents_;
};

TEST_F(JsonFactsTest, AreTextsAndIntegersWithoutBlanksAround) {
  const JsonFacts it = facts(R"({"a":{"b":" x\t"},"n":18446744073709551615,"f":1.5,"z":null})");
  EXPECT_EQ(it.fact({"a", "b"}), "x");
  EXPECT_EQ(it.fact({"n"}), "18446744073709551615");
  EXPECT_EQ(it.fact({"f"}), "");
  EXPECT_EQ(it.fact({"z"}), "");
  EXPECT_EQ(it.fact({"a", "b", "c"}), "");
  EXPECT_EQ(it.firstFact({{"q"}, {"a"}, {"a", "b"}, {"n"}}), "x");
}

TEST_F(JsonFactsTest, OfArraysAreThoseOfTheFirst) {
  EXPECT_EQ(facts(R"({"e":[{"c":[{"x":"1"}]},{"c":[{"x":"2"}]}]})").fact({"e", "c", "x"}), "1");
  EXPECT_EQ(facts(R"({"e":[]})").fact({"e", "c"}), "");
}

TEST_F(JsonFactsTest, AreBoundedAndIdsKeepTheirDifferences) {
  const std::string most(limits::kFactBytesMax, 'x');
  const std::string text =
      R"({"a":")" + most + R"(","b":")" + most + R"(1","c":")" + most + R"(2"})";
  const JsonFacts it = facts(text);
  EXPECT_EQ(it.id({"a"}), most);
  EXPECT_EQ(it.fact({"b"}), most);
  EXPECT_EQ(it.id({"b"}).size(), 64u);
  EXPECT_NE(it.id({"b"}), it.id({"c"}));
}

TEST_F(JsonFactsTest, TellTimesHoweverTheyAreWritten) {
  const JsonFacts it = facts(R"({"s":1795176000,"ms":1795176000123,"t":"1795176000",
      "d":"1795176000.000100","r":"2026-11-20T12:00:00+08:00","z":"2026-11-20T12:00:00.5Z",
      "us":1795176000123456,"many":17951760001234567,
      "old":12,"neg":-1795176000,"huge":9223372036854775807,"word":"soon"})");
  EXPECT_EQ(it.time({"s"}), 1795176000000);
  EXPECT_EQ(it.time({"ms"}), 1795176000123);
  EXPECT_EQ(it.time({"us"}), 1795176000123);
  EXPECT_EQ(it.time({"t"}), 1795176000000);
  EXPECT_EQ(it.time({"d"}), 1795176000000);
  EXPECT_EQ(it.time({"r"}), 1795147200000);
  EXPECT_EQ(it.time({"z"}), 1795176000500);
  for (const char* key : {"old", "neg", "huge", "many", "word", "none"}) {
    EXPECT_EQ(it.time({key}), std::nullopt) << key;
  }
}

}  // namespace
}  // namespace edgehold
