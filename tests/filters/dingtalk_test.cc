// SPDX-License-Identifier: Apache-2.0
// DingTalk robots and event subscriptions, beside the vectors.
// Thread: main only.
#include "filters/channels/platform_cipher.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/crypto/hmac.h"
#include "tests/filters/sealed_channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// --- robots

const std::string kRobot = R"(dialect: dingtalk_robot, secrets: "${env:SECRET}")";

std::string message(const std::string& id, const std::string& more = {}) {
  return R"({"msgId":")" + id + R"(","conversationType":"2","conversationId":"c","senderId":"s",)" +
         more + R"("msgtype":"text","text":{"content":"hi"}})";
}

class DingtalkRobotTest : public SealedChannelTest {
 protected:
  int count_ = 0;
};

TEST_F(DingtalkRobotTest, EveryBitOfItsFieldsCounts) {
  use(kRobot + ", failures_per_minute: 0");
  const RequestText genuine = event(message("1"));
  expectEveryBitCounts(genuine, 0, genuine.body.size());
}

TEST_F(DingtalkRobotTest, RefusesOnTheHeadWhatTheHeadTells) {
  use(kRobot);
  const RequestText genuine = event(message("1"));
  const auto reason_with = [&](auto change) {
    RequestText request = genuine;
    change(request.headers);
    passage = f.passage(request);
    passage->runHead();
    return passage->reason();
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;  // type, timestamp, sign
  EXPECT_EQ(reason_with([](Fields&) {}), Reason::kAllowed);
  EXPECT_EQ(reason_with([](Fields& all) { all.pop_back(); }), Reason::kSignatureMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all.push_back(all[2]); }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all[2].second.pop_back(); }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all[2].second += "AAAA"; }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all.erase(all.begin() + 1); }),
            Reason::kTimestampMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all.push_back(all[1]); }), Reason::kTimestampMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all[1].second.resize(10); }), Reason::kTimestampMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all[1].second += "0"; }), Reason::kTimestampMissing);
}

TEST_F(DingtalkRobotTest, KeepsToOneHourEitherWay) {
  use(kRobot);
  EXPECT_EQ(send(event(message("1"), 3600s)), Reason::kAllowed);
  EXPECT_EQ(send(event(message("2"), -3600s)), Reason::kAllowed);
  EXPECT_EQ(send(event(message("3"), 3601s)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(send(event(message("4"), -3601s)), Reason::kTimestampOutsideWindow);
}

TEST_F(DingtalkRobotTest, ASignatureIsGoodForOneBodyForAsLongAsItLives) {
  use(kRobot);
  const RequestText genuine = event(message("1"), -3600s);
  RequestText forged = genuine;
  forged.body = message("2");
  EXPECT_EQ(send(genuine), Reason::kAllowed);
  EXPECT_EQ(send(forged), Reason::kSignatureInvalid);
  f.loop.advance(7200s);
  EXPECT_EQ(send(forged), Reason::kSignatureInvalid);
  EXPECT_EQ(send(genuine), Reason::kDuplicate);
  f.loop.advance(1s);
  EXPECT_EQ(send(genuine), Reason::kTimestampOutsideWindow);
}

TEST_F(DingtalkRobotTest, ItsTimeIsTheOneThatWasSigned) {
  use(kRobot);
  EXPECT_EQ(send(event(message("1", R"("createAt":1600000000000,)"), 60s)), Reason::kAllowed);
  EXPECT_EQ(facts().timestamp_ms, 1'699'999'940'000);
}

TEST_F(DingtalkRobotTest, ADuplicateIsToldNothingAsABodyWouldBeAMessage) {
  use(kRobot);
  EXPECT_EQ(say(message("1")), Reason::kAllowed);
  f.loop.advance(1s);
  EXPECT_EQ(say(message("1")), Reason::kDuplicate);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(reply()->body, "");
}

TEST_F(DingtalkRobotTest, AnAnswerGoesToThePlatformOnly) {
  use(kRobot);
  const auto hooked = [&](const std::string& hook) {
    f.loop.advance(1ms);
    return say(message("x" + std::to_string(++count_), R"("sessionWebhook":)" + hook + ","));
  };
  EXPECT_EQ(hooked(R"("https://oapi.dingtalk.com/robot/sendBySession?session=1")"),
            Reason::kAllowed);
  for (const char* other :
       {R"("http://oapi.dingtalk.com/robot")", R"("https://oapi.dingtalk.com.evil.example/")",
        R"("https://oapi.dingtalk.com@evil.example/")", R"("https://evil.example/")", R"("")", "1",
        "null", R"(["https://oapi.dingtalk.com/"])"}) {
    EXPECT_EQ(hooked(other), Reason::kMalformedRequest) << other;
  }
}

TEST_F(DingtalkRobotTest, TakesOneObjectOnly) {
  use(kRobot);
  EXPECT_EQ(say("[" + message("1") + "]"), Reason::kMalformedRequest);
}

TEST_F(DingtalkRobotTest, TakesOldAndNewSecretsWhileTheyAreReplaced) {
  const auto old_signer = channelOf(kRobot);
  f.secrets.secrets["${env:SECRET}"] = {"new", "s3cret"};
  use(kRobot);
  EXPECT_EQ(say(message("1")), Reason::kAllowed);
  f.loop.advance(1s);
  EXPECT_EQ(send(requestOf(*old_signer, message("2"))), Reason::kAllowed);
}

// --- events

const std::string kEvents = R"(dialect: dingtalk_event, tokens: "${env:TOKEN}",
                               aes_keys: "${env:AES_KEY}", receive_id: suite1)";
const std::string kEvent = R"({"EventType":"user_add_org","eventId":"1"})";

class DingtalkEventTest : public SealedChannelTest {
 protected:
  // What our answer decrypts to, by the platform's own rules; empty when it does not.
  std::string opened(const std::string& body, std::string_view token = "t0ken",
                     std::string_view aes_key = kSampleAesKey) {
    const auto tree = parseJsonTree(body);
    if (!tree || tree->size() != 4) return {};
    Tokens tokens;
    tokens.push_back({std::make_shared<const SecretString>(token), {}});
    Credentials<AesCbcKey> keys;
    keys.push_back({decodeAesKey(aes_key).value(), {}});
    const PlatformCipher cipher(std::move(tokens), std::move(keys), "suite1");
    time_ = textMember(*tree, "timeStamp");
    nonce_ = textMember(*tree, "nonce");
    const std::string query = "msg_signature=" + textMember(*tree, "msg_signature") +
                              "&timestamp=" + time_ + "&nonce=" + nonce_;
    const auto read =
        readSignedQuery(query, {.signature = "msg_signature", .unit = TimeUnit::kMilliseconds});
    if (!read) return {};
    const auto text = cipher.open(*read, textMember(*tree, "encrypt"), {}, arena_);
    return text ? std::string(text->text) : std::string();
  }
  std::string time_, nonce_;

 private:
  Arena arena_;
};

TEST_F(DingtalkEventTest, TakesOneObjectOnly) {
  use(kEvents);
  EXPECT_EQ(say("[" + kEvent + "]"), Reason::kMalformedRequest);
}

TEST_F(DingtalkEventTest, EveryBitCounts) {
  use(kEvents + ", failures_per_minute: 0");
  const RequestText genuine = event(kEvent);
  expectEveryBitCounts(genuine, 0, genuine.body.size());
}

TEST_F(DingtalkEventTest, KeepsToOneHourEitherWay) {
  use(kEvents);
  const auto event_of = [](const char* id) {
    return R"({"EventType":"user_add_org","eventId":")" + std::string(id) + "\"}";
  };
  EXPECT_EQ(send(event(event_of("1"), 3600s)), Reason::kAllowed);
  EXPECT_EQ(send(event(event_of("2"), -3600s)), Reason::kAllowed);
  EXPECT_EQ(send(event(event_of("3"), 3601s)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(send(event(event_of("4"), -3601s)), Reason::kTimestampOutsideWindow);
}

TEST_F(DingtalkEventTest, AnswersTheSetUpWithAnEncryptedSuccess) {
  use(kEvents);
  EXPECT_EQ(say(R"({"EventType":"check_url"})"), Reason::kAllowed);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(reply()->content_type, "application/json");
  EXPECT_EQ(opened(reply()->body), "success");
  EXPECT_EQ(time_, "1700000000000");
  const std::string first = reply()->body;
  EXPECT_EQ(say(R"({"EventType":"check_url"})"), Reason::kAllowed);
  EXPECT_NE(reply()->body, first) << "never the same twice";
  EXPECT_EQ(opened(reply()->body), "success");
}

TEST_F(DingtalkEventTest, ASuiteIsToldItsOwnWord) {
  use(kEvents);
  for (const char* type : {"check_create_suite_url", "check_update_suite_url"}) {
    const auto asking = [&](const std::string& word) {
      return R"({"EventType":")" + std::string(type) + R"(","Random":)" + word + "}";
    };
    EXPECT_EQ(say(asking(R"("LPIdSnlF")")), Reason::kAllowed);
    ASSERT_NE(reply(), nullptr);
    EXPECT_EQ(opened(reply()->body), "LPIdSnlF");
    for (const char* word :
         {R"("")", R"("{}")", R"("{\"EventType\":\"org_remove\"}")", "1", R"("a b")"}) {
      EXPECT_EQ(say(asking(word)), Reason::kMalformedRequest) << word;
      EXPECT_EQ(reply(), nullptr);
    }
  }
}

// Our own answers have the same form as events, with the same keys.
TEST_F(DingtalkEventTest, ItsAnswersAreNoEvents) {
  use(kEvents);
  EXPECT_EQ(say("success"), Reason::kJsonInvalid);
  EXPECT_EQ(say("123456"), Reason::kMalformedRequest);
}

TEST_F(DingtalkEventTest, ADuplicateIsToldTheEncryptedSuccess) {
  use(kEvents);
  EXPECT_EQ(say(kEvent), Reason::kAllowed);
  EXPECT_EQ(say(kEvent), Reason::kDuplicate);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(opened(reply()->body), "success");
}

TEST_F(DingtalkEventTest, AnswersWithTheKeysThatThePlatformStillHas) {
  const auto old_signer = channelOf(kEvents);
  f.secrets.secrets["${env:TOKEN}"] = {"new", "t0ken"};
  f.secrets.secrets["${env:AES_KEY}"] = {std::string(kSampleOtherAesKey),
                                         std::string(kSampleAesKey)};
  use(kEvents);
  EXPECT_EQ(send(requestOf(*old_signer, R"({"EventType":"check_url"})")), Reason::kAllowed);
  EXPECT_EQ(opened(reply()->body), "success");
  EXPECT_EQ(send(requestOf(*old_signer, kEvent)), Reason::kAllowed);
  const auto answer = passage->exchange.acknowledger->acknowledge(passage->exchange, f.random);
  EXPECT_EQ(opened(answer->body), "success");
  EXPECT_EQ(say(kEvent), Reason::kDuplicate);
  EXPECT_EQ(opened(reply()->body, "new", kSampleOtherAesKey), "success");
}

TEST_F(DingtalkEventTest, EventsWithoutAnIdAreToldApartByWhatTheySay) {
  use(kEvents);
  EXPECT_EQ(say(R"({"EventType":"chat_add_member","ChatId":"1"})"), Reason::kAllowed);
  EXPECT_EQ(facts().group, "1");
  EXPECT_EQ(say(R"({"EventType":"chat_add_member","ChatId":"2"})"), Reason::kAllowed);
  EXPECT_EQ(say(R"({"EventType":"chat_add_member","ChatId":"1"})"), Reason::kDuplicate);
}

// --- the data push of a suite

std::string row(const std::string& id, const std::string& corp = "ding1",
                const std::string& says = "{}") {
  return R"({"gmt_create":1652846332000,"biz_type":13,"open_cursor":0,"subscribe_id":"2530_0","id":)" +
         id + R"(,"gmt_modified":1652846332000,"biz_id":"0851","biz_data":")" + says +
         R"(","corp_id":")" + corp + R"(","status":0})";
}
std::string push(const std::string& rows, const std::string& type = "SYNC_HTTP_PUSH_HIGH") {
  return R"({"EventType":")" + type +
         R"(","EventTime":1700000000001,"ChatId":"c","Operator":"o",)" + R"("bizData":)" + rows +
         "}";
}

TEST_F(DingtalkEventTest, APushIsAnEventForEachOfItsRows) {
  use(kEvents);
  for (const char* type : {"SYNC_HTTP_PUSH_HIGH", "SYNC_HTTP_PUSH_MEDIUM"}) {
    SCOPED_TRACE(type);
    const std::string number = std::to_string(std::string_view(type).size());
    EXPECT_EQ(say(push("[" + row(number) + "," + row(number, "ding2") + "]", type)),
              Reason::kAllowed);
    EXPECT_EQ(facts().event_type, type);
    EXPECT_EQ(facts().event_id, "2530_0:ding1:13:0851:" + number);
    ASSERT_EQ(facts().batch_ids.size(), 1u);
    EXPECT_EQ(facts().batch_ids[0], "2530_0:ding2:13:0851:" + number);
    EXPECT_EQ(facts().group, "c");
    EXPECT_EQ(facts().sender, "o");
    EXPECT_EQ(facts().timestamp_ms, 1'700'000'000'001);
  }
}

TEST_F(DingtalkEventTest, APushIsADuplicateWhenAllOfItCameBefore) {
  use(kEvents);
  EXPECT_EQ(say(push("[" + row("1") + "," + row("2") + "]")), Reason::kAllowed);
  EXPECT_EQ(say(push("[" + row("2") + "]")), Reason::kDuplicate);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(opened(reply()->body), "success");
  EXPECT_EQ(say(push("[" + row("2") + "," + row("1") + "," + row("1") + "]")), Reason::kDuplicate);
  EXPECT_EQ(say(push("[" + row("2") + "," + row("3") + "]")), Reason::kAllowed);
  EXPECT_EQ(facts().seen_ids, "2530_0:ding1:13:0851:2");
  EXPECT_EQ(say(push("[" + row("3", "ding2") + "]")), Reason::kAllowed) << "another company's";
}

TEST_F(DingtalkEventTest, RowsWithoutAnIdAreToldApartByWhatTheySay) {
  use(kEvents);
  const std::string rows[] = {row(R"("")", "ding1", "one"),
                              row(R"("")", "ding1", "two"),
                              row("null", "ding1", "one"),
                              R"({"biz_id":"1"})",
                              R"({"biz_id":1})",
                              "{}"};
  for (const std::string& one : rows)
    EXPECT_EQ(say(push("[" + one + "]")), Reason::kAllowed) << one;
  for (const std::string& one : rows) {
    EXPECT_EQ(say(push("[" + one + "]")), Reason::kDuplicate) << one;
  }
  EXPECT_EQ(say(push(R"([ { "biz_id" : "\u0031" } ])")), Reason::kDuplicate) << "said otherwise";
}

TEST_F(DingtalkEventTest, ARowsIdIsBoundedAndKeepsItsDifferences) {
  use(kEvents);
  const std::string most = '"' + std::string(limits::kFactBytesMax - 21, '1') + '"';
  const std::string more = '"' + std::string(limits::kFactBytesMax - 20, '1') + '"';
  EXPECT_EQ(say(push("[" + row(most) + "]")), Reason::kAllowed);
  EXPECT_EQ(facts().event_id.size(), limits::kFactBytesMax);
  EXPECT_EQ(say(push("[" + row(more) + "]")), Reason::kAllowed);
  EXPECT_EQ(facts().event_id.size(), 64u);
}

TEST_F(DingtalkEventTest, APushHoldsABoundedNumberOfRows) {
  use(kEvents);
  std::string rows = row("0");
  for (std::size_t i = 1; i < limits::kBatchEventsMax; ++i) rows += "," + row(std::to_string(i));
  EXPECT_EQ(say(push("[" + rows + "," + row("1000") + "]")), Reason::kPayloadTooLarge);
  EXPECT_EQ(say(push("[" + rows + "]")), Reason::kAllowed);
  EXPECT_EQ(facts().batch_ids.size(), limits::kBatchEventsMax - 1);
}

TEST_F(DingtalkEventTest, APushIsAListOfObjectsOrIsRefused) {
  use(kEvents);
  for (const char* rows : {"{}", "null", "1", R"("[]")", "[1]", "[null]", R"(["{}"])", "[[]]"}) {
    EXPECT_EQ(say(push(rows)), Reason::kMalformedRequest) << rows;
  }
  EXPECT_EQ(say(push("[" + row("1") + ",[]]")), Reason::kMalformedRequest);
  EXPECT_EQ(say(push("[" + row("1") + "]")), Reason::kAllowed) << "nothing of it was kept";
}

TEST_F(DingtalkEventTest, APushWithoutRowsIsOneEvent) {
  use(kEvents);
  for (const std::string& text :
       {push("[]"), std::string(R"({"EventType":"SYNC_HTTP_PUSH_HIGH","eventId":"9"})")}) {
    EXPECT_EQ(say(text), Reason::kAllowed) << text;
    EXPECT_TRUE(facts().batch_ids.empty());
    EXPECT_EQ(say(text), Reason::kDuplicate) << text;
  }
}

TEST_F(DingtalkEventTest, TakesEitherSpellingOfItsParameters) {
  use(kEvents);
  RequestText request = event(kEvent);
  request.target.replace(request.target.find("msg_signature"), 13, "signature");
  request.target.replace(request.target.find("timestamp"), 9, "timeStamp");
  EXPECT_EQ(send(request), Reason::kAllowed);
}

TEST_F(DingtalkEventTest, TakesNoGet) {
  use(kEvents);
  RequestText request = event(kEvent);
  request.method = "GET";
  EXPECT_EQ(send(request), Reason::kMethodNotAllowed);
}

}  // namespace
}  // namespace edgehold
