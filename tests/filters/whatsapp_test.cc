// SPDX-License-Identifier: Apache-2.0
// WhatsApp, beside the vectors: the subscription, and bodies of many events.
// Thread: main only.
#include "filters/channels/channel.h"
#include "proxy/base/limits.h"
#include "tests/support/channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    R"(dialect: whatsapp, secrets: "${env:WA}", verify_tokens: "${env:VERIFY}",
       failures_per_minute: 0)";
constexpr const char* kSignature = "X-Hub-Signature-256";

class WhatsappTest : public ChannelTest {
 protected:
  WhatsappTest() {
    f.secrets.secrets["${env:WA}"] = {"41e5b68f01d97b12b6bc34e8704ec1a1"};
    f.secrets.secrets["${env:VERIFY}"] = {"EygHAssm06xWH4iWQDuK", "a b+"};
  }
  static RequestText subscription(const std::string& query) {
    return {.method = "GET", .target = "/hook?" + query};
  }
  static std::string changeOf(const std::string& value, const std::string& field = "messages") {
    return R"({"field":")" + field + R"(","value":{)" + value + "}}";
  }
  static std::string bodyOf(const std::string& changes) {
    return R"({"entry":[{"changes":[)" + changes + "]}]}";
  }
};

TEST_F(WhatsappTest, RefusesEveryChange) {
  use(kConfig);
  expectEveryChangeRefused(signedRequest(), kSignature);
}

TEST_F(WhatsappTest, TakesItsFieldOnceAndInOneForm) {
  use(kConfig);
  expectOneStrictField(signedRequest(), kSignature, Reason::kSignatureMissing,
                       Reason::kSignatureInvalid);
}

TEST_F(WhatsappTest, EchoesTheChallengeToWhoKnowsAVerifyToken) {
  use(kConfig);
  for (const char* token : {"EygHAssm06xWH4iWQDuK", "a+b%2B", "a%20b%2B"}) {
    const auto passage =
        f.send(subscription("hub.mode=subscribe&hub.challenge=7476399592&"
                            "hub.verify_token=" +
                            std::string(token)));
    ASSERT_TRUE(passage->verdict && passage->verdict->reply() != nullptr) << token;
    EXPECT_EQ(passage->reason(), Reason::kAllowed);
    EXPECT_EQ(passage->verdict->reply()->body, "7476399592");
    EXPECT_EQ(passage->verdict->reply()->content_type, "text/plain");
  }
}

TEST_F(WhatsappTest, RefusesEveryOtherSubscription) {
  use(kConfig);
  const std::string good =
      "hub.mode=subscribe&hub.challenge=1&hub.verify_token=EygHAssm06xWH4iWQDuK";
  EXPECT_EQ(send(subscription(good)), Reason::kAllowed);
  for (const std::string& query :
       {std::string(), good + "x", good + "&hub.challenge=2", good + "&hub.verify_token=x",
        good + "&%68ub.challenge=2",
        std::string("hub.mode=unsubscribe&hub.challenge=1&hub.verify_token=EygHAssm06xWH4iWQDuK"),
        std::string("hub.challenge=1&hub.verify_token=EygHAssm06xWH4iWQDuK"),
        std::string("hub.mode=subscribe&hub.verify_token=EygHAssm06xWH4iWQDuK"),
        std::string("hub.mode=subscribe&hub.challenge=1"),
        std::string("hub.mode=subscribe&hub.challenge=1&hub.verify_token="),
        std::string("hub.mode=subscribe&hub.challenge=1&hub.verify_token=eyghAssm06xWH4iWQDuK")}) {
    EXPECT_NE(send(subscription(query)), Reason::kAllowed) << query;
  }
  for (const std::string& challenge :
       {std::string(), std::string("%3Cscript%3E"), std::string("1a"), std::string("-1"),
        std::string("1+2"), std::string(33, '1')}) {
    EXPECT_EQ(send(subscription("hub.mode=subscribe&hub.verify_token=EygHAssm06xWH4iWQDuK&"
                                "hub.challenge=" +
                                challenge)),
              Reason::kMalformedRequest)
        << challenge;
  }
}

TEST_F(WhatsappTest, TakesNoEventByGetAndNoSubscriptionByPost) {
  use(kConfig);
  RequestText event = signedRequest();
  event.method = "GET";
  EXPECT_NE(send(event), Reason::kAllowed);
  RequestText post =
      subscription("hub.mode=subscribe&hub.challenge=1&hub.verify_token=EygHAssm06xWH4iWQDuK");
  post.method = "POST";
  EXPECT_EQ(send(post), Reason::kSignatureMissing);
  post.method = "HEAD";
  EXPECT_EQ(send(post), Reason::kMethodNotAllowed);
}

TEST_F(WhatsappTest, SubscribesNothingWithoutAVerifyToken) {
  use(R"(dialect: whatsapp, secrets: "${env:WA}")");
  EXPECT_EQ(send(subscription("hub.mode=subscribe&hub.challenge=1&hub.verify_token=")),
            Reason::kSecretUnavailable);
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
}

TEST_F(WhatsappTest, TellsEveryEventOfEveryChange) {
  use(kConfig);
  const Facts facts = factsOf(bodyOf(
      changeOf(R"("messages":[{"id":"m1","from":"5","timestamp":"1700000000"},{"id":"m2"}])") +
      "," +
      changeOf(R"("statuses":[{"id":"m0","status":"sent","recipient_id":"6"},)"
               R"({"id":"m0","status":"read"}])") +
      "," + changeOf(R"("event":"FLOW")", "flows")));
  EXPECT_EQ(facts.event_type, "messages");
  EXPECT_EQ(facts.event_id, "m1");
  EXPECT_EQ(facts.sender, "5");
  EXPECT_EQ(facts.timestamp_ms, 1'700'000'000'000);
  ASSERT_EQ(facts.batch_ids.size(), 4u);
  EXPECT_EQ(facts.batch_ids[0], "m2");
  EXPECT_EQ(facts.batch_ids[1], "m0:sent");
  EXPECT_EQ(facts.batch_ids[2], "m0:read");
  EXPECT_EQ(facts.batch_ids[3].size(), 66u);  // the hash of the body, and which change
}

TEST_F(WhatsappTest, ReadsEveryEntry) {
  use(kConfig);
  const std::string change = changeOf(R"("messages":[{"id":"m1"}])");
  const std::string other = changeOf(R"("messages":[{"id":"m2"}])");
  EXPECT_EQ(factsOf(R"({"entry":[{"changes":[)" + change + R"(]},{"changes":[)" + other + "]}]}")
                .batch_ids.size(),
            1u);
  for (const std::string& body :
       {std::string("{}"), std::string(R"({"entry":[]})"), std::string(R"({"entry":[{}]})"),
        std::string(R"({"entry":[{"changes":[]}]})"), std::string(R"({"entry":{}})"),
        R"({"entry":[{"changes":[)" + change + "]},{}]}",
        bodyOf(changeOf(R"("messages":[{"from":"1"}])")), bodyOf("1")}) {
    EXPECT_EQ(sendSigned(body), Reason::kEventMissing) << body;
  }
  EXPECT_EQ(sendSigned(bodyOf(change + "," + changeOf("", "new_field"))), Reason::kEventUnknown);
}

TEST_F(WhatsappTest, TakesABoundedNumberOfEventsAndIds) {
  use(kConfig);
  std::string messages = R"({"id":"m"})";
  for (std::size_t i = 1; i < limits::kBatchEventsMax; ++i) messages += R"(,{"id":"m"})";
  EXPECT_EQ(sendSigned(bodyOf(changeOf(R"("messages":[)" + messages + "]"))), Reason::kAllowed);
  EXPECT_EQ(sendSigned(bodyOf(changeOf(R"("messages":[)" + messages + R"(,{"id":"n"}])"))),
            Reason::kPayloadTooLarge);
  const std::string longest(limits::kFactBytesMax, 'i');
  const Facts facts =
      factsOf(bodyOf(changeOf(R"("statuses":[{"id":")" + longest + R"(","status":"read"}])")));
  EXPECT_EQ(facts.event_id.size(), 64u);
}

TEST_F(WhatsappTest, RefusesWhatIsOlderThanItsIdIsRemembered) {
  use(kConfig);
  const RequestText request = signedRequest();
  f.loop.advance(7 * 24h);
  EXPECT_EQ(send(request), Reason::kAllowed);
  f.loop.advance(1s);
  EXPECT_EQ(send(request), Reason::kTimestampOutsideWindow);
}

TEST_F(WhatsappTest, ChargesGuessesOfTheVerifyToken) {
  use(R"(dialect: whatsapp, secrets: "${env:WA}", verify_tokens: "${env:VERIFY}",
         failures_per_minute: 3)");
  const RequestText guess =
      subscription("hub.mode=subscribe&hub.challenge=1&hub.verify_token=guess");
  for (int i = 0; i < 3; ++i) EXPECT_EQ(send(guess), Reason::kSignatureInvalid);
  EXPECT_EQ(send(guess), Reason::kRateLimited);
}

}  // namespace
}  // namespace edgehold
