// SPDX-License-Identifier: Apache-2.0
// WeCom apps and AI bots, beside the vectors.
// Thread: main only.
#include "tests/filters/sealed_channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const std::string kApp =
    R"(dialect: wecom, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: corp1)";
const std::string kBot =
    R"(dialect: wecom_bot, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: "")";

std::string message(const std::string& more = "<MsgId>1</MsgId>") {
  return "<xml><FromUserName>u</FromUserName><CreateTime>1700000000</CreateTime>"
         "<MsgType><![CDATA[text]]></MsgType>" +
         more + "</xml>";
}
std::string contactChange(const std::string& user, const std::string& change = "delete_user") {
  return "<xml><FromUserName>sys</FromUserName><CreateTime>1700000000</CreateTime>"
         "<MsgType>event</MsgType><Event>change_contact</Event><ChangeType>" +
         change + "</ChangeType><UserID>" + user + "</UserID></xml>";
}

class WecomTest : public SealedChannelTest {
 protected:
  // The set-up request: its `echostr` is what an event of `text` would have encrypted.
  RequestText setUp(const std::string& text) {
    RequestText request = event(text);
    const std::size_t begin = request.body.find("<Encrypt><![CDATA[") + 18;
    std::string encrypted = request.body.substr(begin, request.body.find("]]>", begin) - begin);
    for (const auto& [from, to] : {std::pair("+", "%2B"), {"/", "%2F"}, {"=", "%3D"}}) {
      for (auto at = encrypted.find(from); at != std::string::npos; at = encrypted.find(from)) {
        encrypted.replace(at, 1, to);
      }
    }
    return {.method = "GET", .target = request.target + "&echostr=" + encrypted};
  }
};

TEST_F(WecomTest, EveryBitCounts) {
  use(kApp + ", failures_per_minute: 0");
  const RequestText genuine = event(message());
  const std::size_t begin = genuine.body.find("CDATA[", genuine.body.find("<Encrypt>")) + 6;
  expectEveryBitCounts(genuine, begin, genuine.body.find("]]></Encrypt>"));
}

TEST_F(WecomTest, KeepsToItsWindowEitherWay) {
  use(kApp);
  EXPECT_EQ(send(event(message("<MsgId>1</MsgId>"), 300s)), Reason::kAllowed);
  EXPECT_EQ(send(event(message("<MsgId>2</MsgId>"), -300s)), Reason::kAllowed);
  EXPECT_EQ(send(event(message("<MsgId>3</MsgId>"), 301s)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(send(event(message("<MsgId>4</MsgId>"), -301s)), Reason::kTimestampOutsideWindow);
}

// What a stranger wrote of the envelope is nothing that was signed.
TEST_F(WecomTest, ForwardsTheMessageInTheEnvelopesPlaceAsWhatItIs) {
  use(kApp + ", forward: decrypted");
  RequestText request = event(message());
  request.headers = {{"content-type", "application/json"}, {"Content-Encoding", "gzip"}};
  ASSERT_EQ(send(request), Reason::kAllowed);
  EXPECT_EQ(passage->exchange.body.view(), message());
  const Headers& headers = passage->exchange.request.headers;
  EXPECT_EQ(headers.count("Content-Type"), 1u);
  EXPECT_EQ(headers.find("Content-Type"), "text/xml");
  EXPECT_EQ(headers.count("Content-Encoding"), 0u);
}

TEST_F(WecomTest, LeavesTheEnvelopeAsItCameUnlessToldOtherwise) {
  use(kApp);
  RequestText request = event(message());
  request.headers = {{"content-type", "application/json"}, {"Content-Digest", "x"}};
  ASSERT_EQ(send(request), Reason::kAllowed);
  EXPECT_EQ(passage->exchange.body.view(), request.body);
  EXPECT_EQ(passage->exchange.request.headers.find("Content-Type"), "application/json");
  EXPECT_EQ(passage->exchange.request.headers.count("Content-Digest"), 1u);
}

// The event's id is remembered for as long as its signature could come again.
TEST_F(WecomTest, AReplayIsADuplicateForAsLongAsTheWindowIs) {
  use(kApp + ", window: 2h");
  const RequestText genuine = event(message(), -7200s);
  EXPECT_EQ(send(genuine), Reason::kAllowed);
  f.loop.advance(4h - 1s);
  EXPECT_EQ(send(genuine), Reason::kDuplicate);
  f.loop.advance(2s);
  EXPECT_EQ(send(genuine), Reason::kTimestampOutsideWindow);
}

TEST_F(WecomTest, ADuplicateIsToldNothingAsASuccess) {
  use(kApp);
  EXPECT_EQ(say(message()), Reason::kAllowed);
  EXPECT_EQ(say(message()), Reason::kDuplicate);  // signed anew, as retries may be
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(reply()->status, 200);
  EXPECT_TRUE(reply()->has_body);
  EXPECT_EQ(reply()->body, "");
}

TEST_F(WecomTest, EventsOfOneSecondAreToldApartThoughTheirIdsAreTheSame) {
  use(kApp);
  EXPECT_EQ(say(contactChange("a")), Reason::kAllowed);
  EXPECT_EQ(facts().event_id, "sys:1700000000");
  EXPECT_EQ(facts().event_type, "change_contact.delete_user");
  EXPECT_EQ(say(contactChange("b")), Reason::kAllowed);
  EXPECT_EQ(facts().event_id, "sys:1700000000");
  EXPECT_EQ(say(contactChange("a")), Reason::kDuplicate);
  EXPECT_EQ(say(contactChange("b")), Reason::kDuplicate);
}

TEST_F(WecomTest, WhatOperatorsChoseAsAnIdNamesTheEventAlone) {
  f.add("channel", "{" + kApp + "}");
  f.add("dedupe", "{id: sender}");
  const auto signer = channelOf(kApp);
  EXPECT_EQ(send(requestOf(*signer, contactChange("a"))), Reason::kAllowed);
  EXPECT_EQ(send(requestOf(*signer, contactChange("b"))), Reason::kDuplicate);
}

TEST_F(WecomTest, ReadsWhatItIsAboutFromTheEncryptedTextOnly) {
  use(kApp);
  RequestText request = event(message());
  const std::size_t at = request.body.find("SAMPLE");
  request.body.replace(at, 6, "other!");
  EXPECT_EQ(send(request), Reason::kAllowed);
  EXPECT_EQ(facts().sender, "u");
  EXPECT_EQ(facts().timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(passage->exchange.content, message());
}

TEST_F(WecomTest, TakesNothingUnsignedBesideTheEncryptedText) {
  use(kApp);
  for (const char* more : {"<MsgType>text</MsgType>", "<Content>rm</Content>",
                           "<Encrypt>AAAA</Encrypt>", "<encrypt>AAAA</encrypt>", "text"}) {
    RequestText request = event(message());
    request.body.insert(request.body.find("<Encrypt>"), more);
    EXPECT_NE(send(request), Reason::kAllowed) << more;
  }
  RequestText request = event(message());
  request.body.replace(request.body.find("<xml>"), 5, "<abc>");
  request.body.replace(request.body.find("</xml>"), 6, "</abc>");
  EXPECT_NE(send(request), Reason::kAllowed);
}

TEST_F(WecomTest, RefusesDoctypesInsideToo) {
  use(kApp);
  EXPECT_EQ(say("<!DOCTYPE xml [<!ENTITY e \"x\">]>" + message()), Reason::kMalformedRequest);
  EXPECT_EQ(say(message("<MsgId>1</MsgId><MsgId>2</MsgId>")), Reason::kMalformedRequest);
  EXPECT_EQ(say(R"({"MsgType":"text","MsgId":"1"})"), Reason::kMalformedRequest);
  EXPECT_EQ(say("<abc><MsgType>text</MsgType><MsgId>1</MsgId></abc>"), Reason::kMalformedRequest);
  EXPECT_EQ(say("success"), Reason::kMalformedRequest);
}

TEST_F(WecomTest, KnowsItsEvents) {
  use(kApp);
  EXPECT_EQ(say(message("")), Reason::kAllowed);
  EXPECT_EQ(say("<xml><MsgId>9</MsgId></xml>"), Reason::kEventMissing);
  EXPECT_EQ(say("<xml><MsgType>event</MsgType></xml>"), Reason::kEventMissing);
  EXPECT_EQ(say("<xml><MsgType>none</MsgType></xml>"), Reason::kEventUnknown);
  EXPECT_EQ(say(contactChange("a", "fly_away")), Reason::kEventUnknown);
  EXPECT_EQ(say("<xml><SuiteId>s</SuiteId><InfoType>suite_ticket</InfoType></xml>"),
            Reason::kAllowed);
  EXPECT_EQ(facts().event_type, "suite_ticket");
  EXPECT_EQ(facts().event_id.size(), 64u);  // nobody sent it, so it has no other
}

TEST_F(WecomTest, LongNamesKeepTheirDifferences) {
  use(kApp);
  const std::string name(300, 'n');
  const auto from = [&](const std::string& who) {
    return "<xml><FromUserName>" + who + "</FromUserName><MsgType>text</MsgType><MsgId>" + who +
           "</MsgId></xml>";
  };
  EXPECT_EQ(say(from(name + "1")), Reason::kAllowed);
  const std::string first(facts().event_id);
  EXPECT_EQ(say(from(name + "2")), Reason::kAllowed);
  EXPECT_NE(facts().event_id, first);
  EXPECT_LE(facts().sender.size(), limits::kFactBytesMax);
}

TEST_F(WecomTest, SetUpIsToldWhatItEncrypted) {
  use(kApp);
  EXPECT_EQ(send(setUp("1616140317555161061")), Reason::kAllowed);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(reply()->body, "1616140317555161061");
  EXPECT_EQ(reply()->content_type, "text/plain");
}

// Or whoever saw an event could have it decrypted.
TEST_F(WecomTest, SetUpDecryptsNoEvent) {
  use(kApp);
  for (const std::string& text : {message(), std::string(R"({"msgid":"1"})"), std::string("a b"),
                                  std::string("<x>"), std::string(65, '1')}) {
    EXPECT_EQ(send(setUp(text)), Reason::kMalformedRequest) << text;
    EXPECT_EQ(reply(), nullptr);
  }
  EXPECT_EQ(send(setUp(std::string(64, '1'))), Reason::kAllowed);
}

TEST_F(WecomTest, SetUpIsDecodedOnceAndAPlusIsABlank) {
  use(kApp + ", failures_per_minute: 0");
  for (int i = 0; i < 50; ++i) {
    RequestText request = setUp("123");
    const std::size_t plus = request.target.find("%2B");
    if (plus == std::string::npos) continue;
    EXPECT_EQ(send(request), Reason::kAllowed);
    request.target.replace(plus, 3, "+");
    EXPECT_EQ(send(request), Reason::kSignatureInvalid);
    request.target.replace(plus, 1, "%252B");
    EXPECT_EQ(send(request), Reason::kSignatureInvalid);
    return;
  }
  FAIL() << "no text with a plus";
}

TEST_F(WecomTest, SetUpNeedsEachPartOnce) {
  use(kApp + ", failures_per_minute: 0");
  const RequestText genuine = setUp("123");
  ASSERT_EQ(send(genuine), Reason::kAllowed);
  RequestText twice = genuine;
  twice.target += "&echostr=" + parameter(genuine, "echostr");
  EXPECT_EQ(send(twice), Reason::kMalformedRequest);
  RequestText without = genuine;
  without.target.erase(without.target.find("&echostr"));
  EXPECT_EQ(send(without), Reason::kMalformedRequest);
  RequestText late = genuine;
  f.loop.advance(301s);
  EXPECT_EQ(send(late), Reason::kTimestampOutsideWindow);
  RequestText other = setUp("123");
  setParameter(other, "nonce", "x");
  EXPECT_EQ(send(other), Reason::kSignatureInvalid);
}

TEST_F(WecomTest, TakesOldAndNewSecretsWhileTheyAreReplaced) {
  const auto old_signer = channelOf(kApp);
  f.secrets.secrets["${env:NEW_TOKEN}"] = {"new"};
  f.secrets.secrets["${env:NEW_KEY}"] = {std::string(kSampleOtherAesKey)};
  const auto new_signer = channelOf(
      R"(dialect: wecom, tokens: "${env:NEW_TOKEN}", aes_keys: "${env:NEW_KEY}", receive_id: corp1)");
  use(R"(dialect: wecom, receive_id: corp1,
         tokens: [{secret: "${env:NEW_TOKEN}"}, {secret: "${env:TOKEN}", until: "2023-11-14T22:14:00Z"}],
         aes_keys: [{secret: "${env:NEW_KEY}"}, {secret: "${env:AES_KEY}", until: "2023-11-14T22:14:00Z"}])");
  EXPECT_EQ(send(requestOf(*old_signer, message("<MsgId>1</MsgId>"))), Reason::kAllowed);
  EXPECT_EQ(send(requestOf(*new_signer, message("<MsgId>2</MsgId>"))), Reason::kAllowed);
  f.loop.advance(40s);
  EXPECT_EQ(send(requestOf(*old_signer, message("<MsgId>3</MsgId>"))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(requestOf(*new_signer, message("<MsgId>4</MsgId>"))), Reason::kAllowed);
}

TEST_F(WecomTest, RefusesEverythingWithoutLiveSecrets) {
  use(R"(dialect: wecom, tokens: "${env:LOST}", aes_keys: "${env:AES_KEY}", receive_id: corp1)");
  const auto signer = channelOf(kApp);
  EXPECT_EQ(send(requestOf(*signer, message())), Reason::kSecretUnavailable);
}

TEST_F(WecomTest, TellsMistakesOfTheConfiguration) {
  f.secrets.secrets["${env:BAD}"] = {"too-short"};
  EXPECT_EQ(mistakesOf(kApp), 0u);
  EXPECT_EQ(mistakesOf(kApp + ", colour: red"), 1u);
  EXPECT_EQ(mistakesOf(R"(dialect: wecom, tokens: "${env:TOKEN}", aes_keys: "${env:BAD}",
                          receive_id: corp1)"),
            1u);
  EXPECT_EQ(mistakesOf(R"(dialect: wecom, tokens: "${env:TOKEN}", receive_id: corp1)"), 1u);
  EXPECT_EQ(mistakesOf(R"(dialect: wecom, aes_keys: "${env:AES_KEY}", receive_id: corp1)"), 1u);
  EXPECT_EQ(mistakesOf(R"(dialect: wecom, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}")"), 1u)
      << "whom it is meant for must be said";
}

// --- AI bots

class WecomBotTest : public WecomTest {};

TEST_F(WecomBotTest, ForwardsTheMessageInTheEnvelopesPlaceAsJson) {
  use(kBot + ", forward: decrypted");
  const std::string text = R"({"msgid":"1","aibotid":"b","msgtype":"text"})";
  RequestText request = event(text);
  request.headers.clear();
  ASSERT_EQ(send(request), Reason::kAllowed);
  EXPECT_EQ(passage->exchange.body.view(), text);
  EXPECT_EQ(passage->exchange.request.headers.find("Content-Type"), "application/json");
}

TEST_F(WecomBotTest, TakesOneObjectOnly) {
  use(kBot);
  EXPECT_EQ(say(R"([{"msgid":"1","from":{"userid":"u"},"msgtype":"text"}])"),
            Reason::kMalformedRequest);
}

TEST_F(WecomBotTest, TellsGroupsFromSingleChats) {
  use(kBot);
  const auto chat = [](const std::string& kind) {
    return R"({"msgid":")" + kind + R"(","chatid":"c","chattype":")" + kind +
           R"(","from":{"userid":"u"},"msgtype":"text"})";
  };
  EXPECT_EQ(say(chat("group")), Reason::kAllowed);
  EXPECT_EQ(facts().group, "c");
  EXPECT_EQ(facts().sender, "u");
  EXPECT_EQ(say(chat("single")), Reason::kAllowed);
  EXPECT_EQ(facts().group, "");
}

TEST_F(WecomBotTest, AskingForTheRestOfAnAnswerIsNoDuplicateButItsReplayIs) {
  use(kBot);
  const std::string stream = R"({"msgid":"1","from":{"userid":"u"},"msgtype":"stream",)"
                             R"("stream":{"id":"s"}})";
  EXPECT_EQ(say(stream), Reason::kAllowed);
  const RequestText second = event(stream);
  EXPECT_EQ(send(second), Reason::kAllowed);
  EXPECT_EQ(send(second), Reason::kDuplicate);
  RequestText spaced = second;  // the envelope is not signed
  spaced.body.insert(1, " ");
  EXPECT_EQ(send(spaced), Reason::kDuplicate);
  const std::string text = R"({"msgid":"2","from":{"userid":"u"},"msgtype":"text"})";
  EXPECT_EQ(say(text), Reason::kAllowed);
  EXPECT_EQ(say(text), Reason::kDuplicate);
}

TEST_F(WecomBotTest, TakesNothingUnsignedBesideTheEncryptedText) {
  use(kBot);
  const std::string text = R"({"msgid":"2","from":{"userid":"u"},"msgtype":"text"})";
  for (const char* more : {R"("msgtype":"text",)", R"("Encrypt":"AAAA",)", R"("encrypt":"",)"}) {
    RequestText request = event(text);
    request.body.insert(1, more);
    EXPECT_NE(send(request), Reason::kAllowed) << more;
  }
  RequestText request = event(text);
  for (const std::string& body :
       {std::string("{}"), std::string("[]"), std::string(R"({"encrypt":1})"),
        std::string(R"({"encrypt":""})"), request.body + "x", text}) {
    request.body = body;
    EXPECT_NE(send(request), Reason::kAllowed) << body;
  }
}

TEST_F(WecomBotTest, IsMeantForNobodyInParticularOnly) {
  use(kBot);
  const auto other = channelOf(
      R"(dialect: wecom_bot, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: corp)");
  EXPECT_EQ(send(requestOf(*other, R"({"msgid":"2","msgtype":"text"})")),
            Reason::kSignatureInvalid);
}

}  // namespace
}  // namespace edgehold
