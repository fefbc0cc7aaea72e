// SPDX-License-Identifier: Apache-2.0
// Telegram, beside the vectors: a token that never changes, and what it does not prove.
// Thread: main only.
#include "filters/channels/channel.h"
#include "tests/support/channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    R"(dialect: telegram, secrets: "${env:TG}", failures_per_minute: 0)";
constexpr const char* kField = "X-Telegram-Bot-Api-Secret-Token";
constexpr const char* kToken = "FG6AgmfoLT_LoXuUF5hqnTmMgoWeGakMS0Ph9RcL";

class TelegramTest : public ChannelTest {
 protected:
  TelegramTest() { f.secrets.secrets["${env:TG}"] = {kToken}; }
  static RequestText request(const std::string& body, const std::string& token = kToken) {
    return {.headers = {{kField, token}}, .body = body};
  }
  static std::string update(int id, const std::string& more = R"("message":{})") {
    return R"({"update_id":)" + std::to_string(id) + "," + more + "}";
  }
};

TEST_F(TelegramTest, TakesTheWholeTokenOnly) {
  use(kConfig);
  EXPECT_EQ(send(request(update(1))), Reason::kAllowed);
  const std::string token = kToken;
  for (std::size_t i = 0; i < token.size(); ++i) {
    std::string other = token;
    other[i] = other[i] == 'x' ? 'y' : 'x';
    EXPECT_EQ(send(request(update(1), other)), Reason::kSignatureInvalid) << other;
    EXPECT_EQ(send(request(update(1), token.substr(0, i))), Reason::kSignatureInvalid) << i;
  }
  for (const std::string& other :
       {token + "x", token + " ", " " + token, token + "\n", std::string(257, 'a'),
        std::string("a b"), token + "," + token}) {
    EXPECT_EQ(send(request(update(1), other)), Reason::kSignatureInvalid) << other;
  }
  EXPECT_EQ(send({.body = update(1)}), Reason::kSignatureMissing);
  RequestText twice = request(update(1));
  twice.headers.push_back(twice.headers[0]);
  EXPECT_EQ(send(twice), Reason::kSignatureInvalid);
}

TEST_F(TelegramTest, TakesEveryTokenThatIsLive) {
  f.secrets.secrets["${env:NEW}"] = {"new"};
  use(R"(dialect: telegram, failures_per_minute: 0, secrets: ["${env:NEW}",
      {secret: "${env:TG}", until: "2023-11-14T22:14:00Z"}])");
  EXPECT_EQ(send(request(update(1), "new")), Reason::kAllowed);
  EXPECT_EQ(send(request(update(2))), Reason::kAllowed);
  f.loop.advance(40s);
  EXPECT_EQ(send(request(update(3))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(request(update(3), "new")), Reason::kAllowed);
}

TEST_F(TelegramTest, RefusesASecretThatCouldNeverBeSent) {
  for (const std::string& secret : {std::string("a b"), std::string("a$"), std::string(257, 'a')}) {
    f.secrets.secrets["${env:TG}"] = {secret};
    EXPECT_EQ(mistakesOf(kConfig).size(), 1u) << secret;
  }
  f.secrets.secrets["${env:TG}"] = {""};
  use(kConfig);
  EXPECT_EQ(send(request(update(1), "")), Reason::kSecretUnavailable);
}

// Whoever learned the token cannot put another body in the place of an update.
TEST_F(TelegramTest, BindsAnUpdateToItsFirstBody) {
  use(kConfig);
  EXPECT_EQ(send(request(update(7))), Reason::kAllowed);
  EXPECT_EQ(send(request(update(7, R"("message":{"text":"forged"})"))), Reason::kSignatureInvalid);
  EXPECT_EQ(send(request(update(7))), Reason::kAllowed);  // dedupe's business
  EXPECT_EQ(send(request(update(6))), Reason::kAllowed);  // a set, no high-water mark
}

TEST_F(TelegramTest, IsAnIdAndOneKind) {
  use(kConfig);
  for (const char* body : {R"({"message":{}})", R"({"update_id":"1","message":{}})",
                           R"({"update_id":-1,"message":{}})", R"({"update_id":1.5,"message":{}})",
                           R"({"update_id":null,"message":{}})", R"({"update_id":1})", "{}"}) {
    EXPECT_EQ(send(request(body)), Reason::kEventMissing) << body;
  }
  EXPECT_EQ(send(request(R"({"update_id":1,"message":{},"poll":{}})")), Reason::kMalformedRequest);
  EXPECT_EQ(send(request(R"([{"update_id":1,"message":{}}])")), Reason::kMalformedRequest);
  EXPECT_EQ(send(request(R"({"update_id":1,"update_id":1,"message":{}})")), Reason::kJsonInvalid);
  EXPECT_EQ(send(request(R"({"update_id":1,"hologram":{}})")), Reason::kEventUnknown);
}

TEST_F(TelegramTest, TellsTheFactsOfEachKind) {
  use(kConfig);
  const auto facts = [&](int id, const std::string& more) {
    return factsOf(request(update(id, more)));
  };
  Facts it = facts(1, R"("message":{"from":{"id":5},"chat":{"id":-100,"type":"group"},
                         "date":1699999990})");
  EXPECT_EQ(it.event_type, "message");
  EXPECT_EQ(it.event_id, "1");
  EXPECT_EQ(it.group, "-100");
  EXPECT_EQ(it.sender, "5");
  EXPECT_EQ(it.timestamp_ms, 1'699'999'990'000);
  it = facts(2, R"("message":{"from":{"id":5},"chat":{"id":5,"type":"private"}})");
  EXPECT_EQ(it.group, "");
  it = facts(3, R"("channel_post":{"sender_chat":{"id":-7},"chat":{"id":-7,"type":"channel"}})");
  EXPECT_EQ(it.sender, "-7");
  it = facts(4, R"("message_reaction":{"user":{"id":6},"chat":{"id":-8,"type":"group"}})");
  EXPECT_EQ(it.sender, "6");
  it = facts(5,
             R"("callback_query":{"from":{"id":5},"message":{"chat":{"id":9,"type":"private"}}})");
  EXPECT_EQ(it.group, "");
  it = facts(6, R"("edited_message":{"date":1600000000,"edit_date":1699999990})");
  EXPECT_EQ(it.timestamp_ms, 1'699'999'990'000);
}

// The date of a connection is that of its making, whenever it changes.
TEST_F(TelegramTest, TellsTheTimeOfAnUpdateOnlyWhereItIsOne) {
  use(kConfig);
  int id = 0;
  const auto timeOf = [&](const std::string& kind) {
    return factsOf(request(update(++id, "\"" + kind + R"(":{"date":1699999990})"))).timestamp_ms;
  };
  for (const char* kind : {"message", "edited_message", "channel_post", "edited_channel_post",
                           "business_message", "edited_business_message", "my_chat_member",
                           "chat_member", "chat_join_request", "message_reaction"}) {
    EXPECT_EQ(timeOf(kind), 1'699'999'990'000) << kind;
  }
  for (const char* kind : {"business_connection", "callback_query", "chat_boost", "poll"}) {
    EXPECT_EQ(timeOf(kind), std::nullopt) << kind;
  }
  const char* const old = R"("business_connection":{"id":"c","user":{"id":1},"date":1500000000})";
  EXPECT_EQ(send(request(update(++id, old))), Reason::kAllowed);
}

TEST_F(TelegramTest, RefusesWhatIsOlderThanItsIdIsRemembered) {
  use(kConfig);
  const auto sentAt = [&](int id, std::int64_t time) {
    return send(request(update(id, R"("message":{"date":)" + std::to_string(time) + "}")));
  };
  EXPECT_EQ(sentAt(1, 1'700'000'000 - 86'400), Reason::kAllowed);
  EXPECT_EQ(sentAt(2, 1'700'000'000 - 86'401), Reason::kTimestampOutsideWindow);
}

TEST_F(TelegramTest, AnswersADuplicateWithSuccess) {
  use(kConfig);
  f.add("dedupe", "{}");
  f.send(request(update(1)))->commit(f.loop.clock().now());
  const auto again = f.send(request(update(1)));
  EXPECT_EQ(again->reason(), Reason::kDuplicate);
  EXPECT_EQ(again->verdict->reply()->status, 200);
}

}  // namespace
}  // namespace edgehold
