// SPDX-License-Identifier: Apache-2.0
// Feishu, beside the vectors.
// Thread: main only.
#include "filters/channels/platform_cipher.h"
#include "proxy/base/base64.h"
#include "tests/filters/sealed_channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const std::string kConfig = R"(dialect: feishu, encrypt_keys: "${env:SECRET}",
                               verification_tokens: "${env:TOKEN}", app_id: cli_1)";

std::string eventOf(const std::string& id, const std::string& token = "t0ken",
                    const std::string& app = "cli_1") {
  return R"({"schema":"2.0","header":{"event_id":")" + id +
         R"(","event_type":"im.message.receive_v1","token":")" + token + R"(","app_id":")" + app +
         R"("},"event":{"message":{"chat_id":"c"},"sender":{"sender_id":{"open_id":"o"}}}})";
}
std::string oldEventOf(const std::string& id, const std::string& token = "t0ken",
                       const std::string& app = "cli_1") {
  return R"({"uuid":")" + id + R"(","token":")" + token +
         R"(","ts":"1700000000.5","type":"event_callback","event":{"type":"message","app_id":")" +
         app + R"(","open_id":"o","open_chat_id":"c"}})";
}

class FeishuTest : public SealedChannelTest {
 protected:
  // `body` as it is, signed by who has the key.
  RequestText signedBody(const std::string& body) {
    Digest digest(DigestKind::kSha256);
    for (const std::string_view piece : {"1700000000", "nonce", "s3cret", body.c_str()}) {
      digest.update(piece);
    }
    return {.headers = {{"X-Lark-Request-Timestamp", "1700000000"},
                        {"X-Lark-Request-Nonce", "nonce"},
                        {"X-Lark-Signature", hexEncode(digest.finish().view())}},
            .body = body};
  }
  // Whole blocks, encrypted without any padding, signed.
  RequestText encrypted(std::string plain) {
    const auto key = AesCbcKey::make(digestOf(DigestKind::kSha256, "s3cret").view()).value();
    const std::string iv(16, 'i');
    EXPECT_TRUE(key.encrypt(iv, plain, plain.data()));
    return signedBody(R"({"encrypt":")" + base64Encode(iv + plain, Base64::kStandard) + "\"}");
  }
};

TEST_F(FeishuTest, EveryBitCounts) {
  use(kConfig + ", failures_per_minute: 0");
  const RequestText genuine = event(eventOf("1"));
  expectEveryBitCounts(genuine, 0, genuine.body.size());
}

TEST_F(FeishuTest, RefusesOnTheHeadWhatTheHeadTells) {
  use(kConfig);
  const RequestText genuine = event(eventOf("1"));
  const auto reason_with = [&](auto change) {
    RequestText request = genuine;
    change(request.headers);
    passage = f.passage(request);
    passage->runHead();
    return passage->reason();
  };
  using Fields = std::vector<std::pair<std::string, std::string>>;  // type, time, nonce, signature
  EXPECT_EQ(reason_with([](Fields&) {}), Reason::kAllowed);
  EXPECT_EQ(reason_with([](Fields& all) { all.pop_back(); }), Reason::kSignatureMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all.push_back(all[3]); }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all[3].second += "00"; }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all.erase(all.begin() + 1); }),
            Reason::kTimestampMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all.push_back(all[1]); }), Reason::kTimestampMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all[1].second += "0"; }), Reason::kTimestampMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all.erase(all.begin() + 2); }),
            Reason::kSignatureMissing);
  EXPECT_EQ(reason_with([](Fields& all) { all.push_back(all[2]); }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all[2].second = ""; }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all[2].second = "a b"; }), Reason::kSignatureInvalid);
  EXPECT_EQ(reason_with([](Fields& all) { all[2].second = std::string(65, 'a'); }),
            Reason::kSignatureInvalid);
}

TEST_F(FeishuTest, KeepsToItsWindowEitherWay) {
  use(kConfig);
  EXPECT_EQ(send(event(eventOf("1"), 300s)), Reason::kAllowed);
  EXPECT_EQ(send(event(eventOf("2"), -300s)), Reason::kAllowed);
  EXPECT_EQ(send(event(eventOf("3"), 301s)), Reason::kTimestampOutsideWindow);
  EXPECT_EQ(send(event(eventOf("4"), -301s)), Reason::kTimestampOutsideWindow);
}

TEST_F(FeishuTest, ReadsBothVersionsOfEvents) {
  use(kConfig);
  EXPECT_EQ(say(eventOf("1")), Reason::kAllowed);
  EXPECT_EQ(facts().event_type, "im.message.receive_v1");
  EXPECT_EQ(facts().group, "c");
  EXPECT_EQ(facts().sender, "o");
  EXPECT_EQ(say(oldEventOf("2")), Reason::kAllowed);
  EXPECT_EQ(facts().event_type, "message");
  EXPECT_EQ(facts().event_id, "2");
  EXPECT_EQ(facts().timestamp_ms, 1'700'000'000'000);
}

struct Told {
  const char* type;
  const char* event;  // its members
  const char* group;
  const char* sender;
};

TEST_F(FeishuTest, LearnsWhoActedAndWhereOfEveryKindOfEvent) {
  const Told all[] = {
      {"card.action.trigger",
       R"("operator":{"tenant_key":"t","user_id":"u","open_id":"o"},"action":{"open_id":"x"},
          "context":{"open_message_id":"om","open_chat_id":"c"})",
       "c", "o"},
      {"card.action.trigger_v1", R"("open_id":"o","user_id":"u","open_chat_id":"c")", "c", "o"},
      {"im.chat.member.bot.added_v1", R"("chat_id":"c","operator_id":{"open_id":"o"})", "c", "o"},
      {"im.chat.member.user.added_v1",
       R"("chat_id":"c","operator_id":{"open_id":"o"},"users":[{"user_id":{"open_id":"x"}}])", "c",
       "o"},
      {"im.chat.disbanded_v1", R"("chat_id":"c","operator_id":{"open_id":"o"})", "c", "o"},
      {"im.message.reaction.created_v1",
       R"("message_id":"om","operator_type":"user","user_id":{"open_id":"o"})", "", "o"},
      {"im.message.message_read_v1", R"("reader":{"reader_id":{"open_id":"o"}})", "", "o"},
      {"im.message.recalled_v1", R"("message_id":"om","chat_id":"c")", "c", ""},
      {"application.bot.menu_v6", R"("operator":{"operator_id":{"open_id":"o"}})", "", "o"},
      {"contact.user.updated_v3", R"("object":{"open_id":"x"})", "", ""},
      {"im.chat.updated_v1", R"("chat_id":["c"],"operator_id":"o")", "", ""},
  };
  use(kConfig);
  int count = 0;
  for (const Told& one : all) {
    SCOPED_TRACE(one.type);
    EXPECT_EQ(say(R"({"schema":"2.0","header":{"event_id":")" + std::to_string(count++) +
                  R"(","create_time":"1700000000123456","token":"t0ken","app_id":"cli_1",)" +
                  R"("event_type":")" + one.type + R"("},"event":{)" + one.event + "}}"),
              Reason::kAllowed);
    EXPECT_EQ(facts().group, one.group);
    EXPECT_EQ(facts().sender, one.sender);
    EXPECT_EQ(facts().timestamp_ms, 1'700'000'000'123);
  }
  const Told old[] = {
      {"p2p_chat_create", R"("chat_id":"c","operator":{"open_id":"o"},"user":{"open_id":"x"})", "c",
       "o"},
      {"add_bot", R"("open_chat_id":"c","operator_open_id":"o","chat_owner_open_id":"x")", "c",
       "o"},
      {"message_read", R"("open_chat_id":"c","open_id":"o")", "c", "o"},
  };
  for (const Told& one : old) {
    SCOPED_TRACE(one.type);
    EXPECT_EQ(say(R"({"uuid":")" + std::to_string(count++) + R"(","token":"t0ken","event":{)" +
                  R"("app_id":"cli_1","type":")" + one.type + R"(",)" + one.event + "}}"),
              Reason::kAllowed);
    EXPECT_EQ(facts().group, one.group);
    EXPECT_EQ(facts().sender, one.sender);
  }
}

// A message is where it says it is, whatever else the event has.
TEST_F(FeishuTest, BelievesTheMessageItselfFirst) {
  use(kConfig);
  const std::string text = eventOf("1");
  const std::string more =
      R"("chat_id":"x","operator_id":{"open_id":"x"},"operator":{"open_id":"x"},"open_id":"x",)";
  const std::size_t at = text.find(R"("message")");
  EXPECT_EQ(say(text.substr(0, at) + more + text.substr(at)), Reason::kAllowed);
  EXPECT_EQ(facts().group, "c");
  EXPECT_EQ(facts().sender, "o");
}

TEST_F(FeishuTest, TakesOneObjectOnly) {
  use(kConfig);
  EXPECT_EQ(say("[" + eventOf("1") + "]"), Reason::kMalformedRequest);
}

// Else what stands beside it in the envelope would be read in its place.
TEST_F(FeishuTest, RefusesAnEncryptedTextOfNothing) {
  use(kConfig);
  std::string body = encrypted(std::string(16, '\x10')).body;
  body.pop_back();
  EXPECT_EQ(send(signedBody(body + "," + eventOf("1").substr(1))), Reason::kSignatureInvalid);
}

TEST_F(FeishuTest, ComparesTokenAndApplication) {
  use(kConfig);
  for (const std::string& text :
       {eventOf("1", "other"), eventOf("1", ""), eventOf("1", "t0ken", "cli_2"),
        eventOf("1", "t0ken", ""), oldEventOf("1", "other"), oldEventOf("1", "t0ken", "cli_2"),
        std::string("{}"), std::string(R"({"header":{}})"),
        std::string(R"({"header":{"token":1,"app_id":"cli_1"}})"),
        std::string(R"({"type":"url_verification","challenge":"c"})"),
        std::string(R"({"type":"url_verification","challenge":"c","token":"other"})")}) {
    EXPECT_EQ(say(text), Reason::kSignatureInvalid) << text;
    EXPECT_EQ(reply(), nullptr);
  }
}

TEST_F(FeishuTest, AnswersTheChallengeThatIsSignedAndHasItsToken) {
  use(kConfig);
  const auto challenge = [](const std::string& text) {
    return R"({"type":"url_verification","token":"t0ken","challenge":)" + text + "}";
  };
  EXPECT_EQ(say(challenge(R"("a\"b")")), Reason::kAllowed);
  ASSERT_NE(reply(), nullptr);
  EXPECT_EQ(reply()->body, R"({"challenge":"a\"b"})");
  EXPECT_EQ(reply()->content_type, "application/json");
  EXPECT_EQ(say(challenge("1")), Reason::kMalformedRequest);
  EXPECT_EQ(say(challenge(R"("")")), Reason::kMalformedRequest);
  EXPECT_EQ(say(challenge("\"" + std::string(256, 'x') + "\"")), Reason::kAllowed);
  EXPECT_EQ(say(challenge("\"" + std::string(257, 'x') + "\"")), Reason::kMalformedRequest);
  RequestText unsigned_request{.body = challenge(R"("abc")")};
  EXPECT_EQ(send(unsigned_request), Reason::kSignatureMissing);
  EXPECT_EQ(send(signedBody(challenge(R"("abc")"))), Reason::kSignatureInvalid) << "not encrypted";
}

// SHA-256 behind a key: who saw a signature has one for the same body with more behind it.
TEST_F(FeishuTest, RefusesBytesBehindTheBodyThoughTheyAreSigned) {
  use(kConfig);
  const std::string body = event(eventOf("1")).body;
  EXPECT_EQ(send(signedBody(body)), Reason::kAllowed);
  for (const std::string& behind : {std::string("x"), std::string("{}"), std::string("\x80"),
                                    std::string(R"({"encrypt":"AAAA"})")}) {
    EXPECT_EQ(send(signedBody(body + behind)), Reason::kJsonInvalid) << behind;
  }
}

TEST_F(FeishuTest, OpensOneBlockAfterTheIvAtLeastAndWholePaddingOnly) {
  use(kConfig);
  const std::string text = eventOf("1");
  const std::size_t pad = 16 - text.size() % 16;
  const std::string padded = text + std::string(pad, static_cast<char>(pad));
  EXPECT_EQ(send(encrypted(padded)), Reason::kAllowed);
  for (unsigned last = 0; last < 256; ++last) {
    if (last == pad) continue;
    std::string changed = padded;
    changed.back() = static_cast<char>(last);
    expectRefused(encrypted(changed));
  }
  expectRefused(encrypted(text + std::string(16 + pad, static_cast<char>(16 + pad))));
  for (const char* body : {R"({"encrypt":""})", R"({"encrypt":"AAAA"})", R"({"encrypt":1})", "{}",
                           R"({"encrypt":"aWlpaWlpaWlpaWlpaWlpaQ=="})", "[]"}) {
    expectRefused(signedBody(body));
  }
}

TEST_F(FeishuTest, TakesOldAndNewSecretsWhileTheyAreReplaced) {
  const auto old_signer = channelOf(kConfig);
  f.secrets.secrets["${env:SECRET}"] = {"new", "s3cret"};
  f.secrets.secrets["${env:TOKEN}"] = {"newtoken", "t0ken"};
  use(kConfig);
  EXPECT_EQ(send(requestOf(*old_signer, eventOf("1", "t0ken"))), Reason::kAllowed);
  EXPECT_EQ(say(eventOf("2", "newtoken")), Reason::kAllowed);
  EXPECT_EQ(say(eventOf("2", "newtoken")), Reason::kDuplicate);
  EXPECT_EQ(reply()->body, "{}");
}

TEST_F(FeishuTest, IsRefusedWithoutAKeyToEncryptWith) {
  EXPECT_EQ(mistakesOf(kConfig), 0u);
  EXPECT_EQ(mistakesOf(R"(dialect: feishu, verification_tokens: "${env:TOKEN}", app_id: a)"), 1u);
  EXPECT_EQ(mistakesOf(R"(dialect: feishu, encrypt_keys: "${env:SECRET}", app_id: a)"), 1u);
  EXPECT_EQ(mistakesOf(R"(dialect: feishu, encrypt_keys: "${env:SECRET}",
                          verification_tokens: "${env:TOKEN}")"),
            1u);
}

}  // namespace
}  // namespace edgehold
