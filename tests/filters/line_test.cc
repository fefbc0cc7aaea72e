// SPDX-License-Identifier: Apache-2.0
// LINE, beside the vectors: several events in one body.
// Thread: main only.
#include "filters/channels/channel.h"
#include "proxy/base/limits.h"
#include "tests/support/channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig = R"(dialect: line, secrets: "${env:LINE}", failures_per_minute: 0)";
constexpr const char* kSignature = "X-Line-Signature";

class LineTest : public ChannelTest {
 protected:
  LineTest() { f.secrets.secrets["${env:LINE}"] = {"95f2cb2b4a33179bfcbb8d4ae25e557c"}; }
  static std::string eventOf(const std::string& id, const std::string& more = {}) {
    return R"({"type":"message","webhookEventId":")" + id + "\"" + more + "}";
  }
  static std::string bodyOf(const std::string& events) { return R"({"events":[)" + events + "]}"; }
};

TEST_F(LineTest, RefusesEveryChange) {
  use(kConfig);
  expectEveryChangeRefused(signedRequest(), kSignature);
}

TEST_F(LineTest, TakesItsFieldOnceAndInOneForm) {
  use(kConfig);
  expectOneStrictField(signedRequest(), kSignature, Reason::kSignatureMissing,
                       Reason::kSignatureInvalid);
}

TEST_F(LineTest, TakesEitherSecretWhileTheyAreRotated) {
  f.secrets.secrets["${env:LINE}"] = {"one", "two"};
  use(kConfig);
  ExchangeFixture other;
  other.secrets.secrets["${env:TWO}"] = {"two"};
  other.add("channel", R"({dialect: line, secrets: "${env:TWO}"})");
  const SampleWish wish{"line", bodyOf(eventOf("1")), "/hook", f.loop.clock().wallNow(), f.random};
  const auto sample = other.chain().entries().front().filter->sample(wish);
  EXPECT_EQ(send({.headers = (*sample)->headers, .body = (*sample)->body}), Reason::kAllowed);
  EXPECT_EQ(sendSigned(bodyOf(eventOf("2"))), Reason::kAllowed);
}

TEST_F(LineTest, TellsEveryEventOfABody) {
  use(kConfig);
  const Facts facts = factsOf(
      bodyOf(eventOf("a", R"(,"timestamp":1700000000123,"source":{"roomId":"r","userId":"u"})") +
             "," + eventOf("b") + "," + eventOf("b") + "," + eventOf("a") + "," + eventOf("c")));
  EXPECT_EQ(facts.event_id, "a");
  EXPECT_EQ(facts.group, "r");
  EXPECT_EQ(facts.sender, "u");
  EXPECT_EQ(facts.timestamp_ms, 1'700'000'000'123);
  const std::vector<std::string_view> others = {"b", "c"};
  EXPECT_EQ(facts.batch_ids, others);
}

TEST_F(LineTest, RefusesABodyForAnyOneOfItsEvents) {
  use(kConfig);
  EXPECT_EQ(sendSigned(bodyOf(eventOf("a") + R"(,{"type":"new","webhookEventId":"b"})")),
            Reason::kEventUnknown);
  for (const std::string& second :
       {std::string("{}"), std::string("1"), std::string(R"({"type":"message"})"), eventOf("")}) {
    EXPECT_EQ(sendSigned(bodyOf(eventOf("a") + "," + second)), Reason::kEventMissing) << second;
  }
  EXPECT_EQ(sendSigned(bodyOf(eventOf("a") + "," + eventOf("b", R"(,"timestamp":1600000000000)"))),
            Reason::kTimestampOutsideWindow);
  EXPECT_EQ(sendSigned(bodyOf(eventOf("a") + "," + eventOf("b\\u0007"))),
            Reason::kMalformedRequest);
}

TEST_F(LineTest, TakesABoundedNumberOfEvents) {
  use(kConfig);
  std::string events = eventOf("0");
  for (std::size_t i = 1; i < limits::kBatchEventsMax; ++i) {
    events += "," + eventOf(std::to_string(i));
  }
  EXPECT_EQ(sendSigned(bodyOf(events)), Reason::kAllowed);
  EXPECT_EQ(sendSigned(bodyOf(events + "," + eventOf("more"))), Reason::kPayloadTooLarge);
}

TEST_F(LineTest, AnswersTheConsolesVerificationOnlyWhenItIsSigned) {
  use(kConfig);
  const RequestText request = signedRequest(R"({"destination":"U","events":[]})");
  const auto passage = f.send(request);
  ASSERT_TRUE(passage->verdict && passage->verdict->reply() != nullptr);
  EXPECT_EQ(passage->verdict->reply()->status, 200);
  EXPECT_EQ(sendChanged(request, [](RequestText& r) { drop(r, kSignature); }),
            Reason::kSignatureMissing);
  for (const char* body : {"{}", R"({"events":{}})", R"({"events":null})"}) {
    EXPECT_EQ(sendSigned(body), Reason::kEventMissing) << body;
  }
}

// A batch of which all was seen is a duplicate; of which some is new, passes whole.
TEST_F(LineTest, ForgetsNoEventOfABatch) {
  use(kConfig);
  f.add("dedupe", "{}");
  f.send(signedRequest(bodyOf(eventOf("a") + "," + eventOf("b"))))->commit(f.loop.clock().now());
  EXPECT_EQ(sendSigned(bodyOf(eventOf("b"))), Reason::kDuplicate);
  const auto mixed = f.send(signedRequest(bodyOf(eventOf("b") + "," + eventOf("c"))));
  EXPECT_TRUE(mixed->isAllowed());
  EXPECT_EQ(mixed->exchange.facts.seen_ids, "b");
}

TEST_F(LineTest, RefusesWhatIsOlderThanItsIdIsRemembered) {
  use(kConfig);
  const RequestText request = signedRequest();
  f.loop.advance(24h);
  EXPECT_EQ(send(request), Reason::kAllowed);
  f.loop.advance(1s);
  EXPECT_EQ(send(request), Reason::kTimestampOutsideWindow);
}

}  // namespace
}  // namespace edgehold
