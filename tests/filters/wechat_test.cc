// SPDX-License-Identifier: Apache-2.0
// WeChat official accounts and mini programs, beside the vectors.
// Thread: main only.
#include "tests/filters/sealed_channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const std::string kPlain = R"(dialect: wechat, encryption: plain, tokens: "${env:TOKEN}")";
const std::string kSafe = R"(dialect: wechat, encryption: safe, tokens: "${env:TOKEN}",
                             aes_keys: "${env:AES_KEY}", receive_id: wxapp)";
const std::string kXml =
    "<xml><FromUserName>u</FromUserName><CreateTime>1700000000</CreateTime>"
    "<MsgType>text</MsgType><MsgId>1</MsgId></xml>";
const std::string kJson =
    R"({"FromUserName":"u","CreateTime":1700000000,"MsgType":"text","MsgId":9223372036854775809})";
const std::string kMenu =
    R"({"FromUserName":"u","CreateTime":1700000000,"MsgType":"event","Event":"CLICK"})";

std::string upperCase(std::string text) {
  for (char& c : text) c = c >= 'a' && c <= 'z' ? static_cast<char>(c - 0x20) : c;
  return text;
}

class WechatTest : public SealedChannelTest {
 protected:
  // The set-up request that is signed as a message would be; in either mode.
  RequestText setUp(const std::string& echo) {
    const auto signer = channelOf(kPlain);
    RequestText request = requestOf(*signer, "x");
    request.method = "GET";
    request.target += "&echostr=" + echo;
    request.body.clear();
    request.headers.clear();
    return request;
  }
};

TEST_F(WechatTest, OfSafeModeEveryBitCounts) {
  use(kSafe + ", failures_per_minute: 0");
  const RequestText genuine = event(kXml);
  const std::size_t begin = genuine.body.find("CDATA[", genuine.body.find("<Encrypt>")) + 6;
  expectEveryBitCounts(genuine, begin, genuine.body.find("]]></Encrypt>"));
}

TEST_F(WechatTest, OfPlainModeEveryBitOfTheQueryCounts) {
  use(kPlain + ", failures_per_minute: 0");
  expectEveryBitCounts(event(kXml), 0, 0);
}

TEST_F(WechatTest, OfPlainModeTheTimeIsTheOneThatWasSigned) {
  use(kPlain);
  EXPECT_EQ(send(event("<xml><FromUserName>u</FromUserName><CreateTime>1600000000</CreateTime>"
                       "<MsgType>text</MsgType><MsgId>1</MsgId></xml>",
                       60s)),
            Reason::kAllowed);
  EXPECT_EQ(facts().timestamp_ms, 1'699'999'940'000);
}

// Encrypted with the message, it is as true as the message: an event that comes again is as old.
TEST_F(WechatTest, OfSafeModeTheTimeIsTheMessagesOwn) {
  use(kSafe);
  EXPECT_EQ(send(event("<xml><FromUserName>u</FromUserName><CreateTime>1600000000</CreateTime>"
                       "<MsgType>text</MsgType><MsgId>1</MsgId></xml>")),
            Reason::kAllowed);
  EXPECT_EQ(facts().timestamp_ms, 1'600'000'000'000);
}

TEST_F(WechatTest, AnswersTheSetUpInEitherMode) {
  for (const std::string& config : {kPlain, kSafe}) {
    SCOPED_TRACE(config);
    ExchangeFixture other;
    other.secrets.secrets = f.secrets.secrets;
    other.add("channel", "{" + config + "}");
    const auto passage_of_set_up = other.send(setUp("4375120948345356249"));
    ASSERT_TRUE(passage_of_set_up->verdict && passage_of_set_up->verdict->reply());
    EXPECT_EQ(passage_of_set_up->verdict->reply()->body, "4375120948345356249");
    EXPECT_EQ(passage_of_set_up->verdict->reply()->content_type, "text/plain");
  }
}

TEST_F(WechatTest, EchoesPlainWordsOnlyAsNobodySignedThem) {
  use(kPlain + ", failures_per_minute: 0");
  EXPECT_EQ(send(setUp(std::string(64, 'a'))), Reason::kAllowed);
  for (const std::string& echo :
       {std::string(), std::string(65, 'a'), std::string("%3Cscript%3E"), std::string("a+b"),
        std::string("a<b"), std::string("a%41"), std::string("1&echostr=1")}) {
    EXPECT_EQ(send(setUp(echo)), Reason::kMalformedRequest) << echo;
    EXPECT_EQ(reply(), nullptr);
  }
  RequestText forged = setUp("1");
  setParameter(forged, "nonce", "x");
  EXPECT_EQ(send(forged), Reason::kSignatureInvalid);
}

// A set-up request is signed as a message of plain mode is.
TEST_F(WechatTest, TheSignatureOfASetUpSignsNoMessage) {
  use(kPlain);
  RequestText request = setUp("123");
  EXPECT_EQ(send(request), Reason::kAllowed);
  EXPECT_EQ(send(request), Reason::kAllowed) << "it may come again";
  request.method = "POST";
  request.body = kXml;
  EXPECT_EQ(send(request), Reason::kSignatureInvalid);
}

TEST_F(WechatTest, OfPlainModeASignatureIsGoodForOneBody) {
  use(kPlain);
  const RequestText genuine = event(kXml);
  EXPECT_EQ(send(genuine), Reason::kAllowed);
  EXPECT_EQ(send(genuine), Reason::kDuplicate);
  RequestText forged = genuine;
  forged.body = kJson;
  EXPECT_EQ(send(forged), Reason::kSignatureInvalid);
  setParameter(forged, "signature", upperCase(parameter(genuine, "signature")));
  EXPECT_EQ(send(forged), Reason::kSignatureInvalid) << "in another spelling";
  EXPECT_EQ(send(genuine), Reason::kDuplicate);
}

TEST_F(WechatTest, SafeModeIsNotTalkedIntoPlainMode) {
  use(kSafe + ", failures_per_minute: 0");
  const auto plain = channelOf(kPlain);
  const RequestText unencrypted = requestOf(*plain, kXml);
  EXPECT_EQ(send(unencrypted), Reason::kSignatureInvalid);
  for (const char* more : {"&encrypt_type=raw", "&encrypt_type=", "&encrypt_type",
                           "&encrypt_type=AES", "&encrypt_type=aes"}) {
    RequestText request = unencrypted;
    request.target += more;
    EXPECT_NE(send(request), Reason::kAllowed) << more;
    request.target += "&msg_signature=" + parameter(request, "signature");
    EXPECT_NE(send(request), Reason::kAllowed) << more;
  }
  RequestText twice = event(kXml);
  twice.target += "&encrypt_type=aes";
  EXPECT_EQ(send(twice), Reason::kMalformedRequest);
  RequestText without = event(kXml);
  without.target.replace(without.target.find("encrypt_type=aes"), 16, "x=y");
  EXPECT_EQ(send(without), Reason::kSignatureInvalid);
}

TEST_F(WechatTest, PlainModeTakesNothingEncrypted) {
  use(kPlain);
  const auto safe = channelOf(kSafe);
  RequestText request = requestOf(*safe, kXml);
  request.target += "&signature=" + parameter(request, "msg_signature");
  EXPECT_EQ(send(request), Reason::kSignatureInvalid);
}

TEST_F(WechatTest, TakesNothingUnsignedBesideTheEncryptedText) {
  use(kSafe);
  for (const char* more : {"<MsgType>text</MsgType>", "<FromUserName>u</FromUserName>"}) {
    RequestText request = event(kXml);
    request.body.insert(request.body.find("<Encrypt>"), more);
    EXPECT_NE(send(request), Reason::kAllowed) << more;
  }
}

TEST_F(WechatTest, ReadsXmlAndJsonAlike) {
  use(kPlain);
  EXPECT_EQ(say(kXml), Reason::kAllowed);
  EXPECT_EQ(facts().event_id, "1");
  EXPECT_EQ(say(kJson), Reason::kAllowed);
  EXPECT_EQ(facts().event_id, "9223372036854775809") << "more than a double holds";
  EXPECT_EQ(facts().sender, "u");
  EXPECT_EQ(facts().timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(say(kMenu), Reason::kAllowed);
  EXPECT_EQ(facts().event_type, "CLICK");
  EXPECT_EQ(facts().event_id, "u:1700000000");
  EXPECT_EQ(say("[1]"), Reason::kMalformedRequest);
  EXPECT_EQ(say("x"), Reason::kMalformedRequest);
  EXPECT_EQ(say(R"({"action":"CheckContainerPath"})"), Reason::kEventMissing);
}

TEST_F(WechatTest, TakesOneFormatWhereOperatorsSaySo) {
  use(kPlain + ", format: json");
  EXPECT_EQ(say(kXml), Reason::kMalformedRequest);
  EXPECT_EQ(say(kJson), Reason::kAllowed);
}

TEST_F(WechatTest, TheQueriesOpenidIsWhoSentIt) {
  use(kPlain);
  RequestText request = event(kXml);
  request.target += "&openid=u";
  EXPECT_EQ(send(request), Reason::kAllowed);
  for (const char* openid : {"&openid=v", "&openid=", "&openid=u&openid=u", "&openid=U"}) {
    RequestText other = event(kXml);
    other.target += openid;
    EXPECT_EQ(send(other), Reason::kMalformedRequest) << openid;
  }
}

TEST_F(WechatTest, TwoEventsOfOneSecondAreNoDuplicates) {
  use(kSafe);
  std::string view = kMenu;
  view.replace(view.find("CLICK"), 5, "VIEW");
  EXPECT_EQ(say(kMenu), Reason::kAllowed);
  EXPECT_EQ(say(view), Reason::kAllowed);
  EXPECT_EQ(say(kMenu), Reason::kDuplicate);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(reply()->status, 200);
  EXPECT_EQ(reply()->body, "");
}

TEST_F(WechatTest, TellsMistakesOfTheConfiguration) {
  EXPECT_EQ(mistakesOf(kPlain), 0u);
  EXPECT_EQ(mistakesOf(kSafe), 0u);
  EXPECT_EQ(mistakesOf(kPlain + ", format: yaml"), 1u);
  EXPECT_EQ(mistakesOf(kPlain + R"(, aes_keys: "${env:AES_KEY}")"), 1u) << "plain has none";
  for (const char* mode : {"", "encryption: compat,", "encryption: mixed,"}) {
    EXPECT_EQ(mistakesOf("dialect: wechat, " + std::string(mode) +
                         R"(tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}", receive_id: a)"),
              1u)
        << mode;
  }
}

}  // namespace
}  // namespace edgehold
