// SPDX-License-Identifier: Apache-2.0
// Outgoing webhooks of Teams, beside the vectors.
// Thread: main only.
#include "filters/channels/channel.h"
#include "tests/support/channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    R"(dialect: teams_outgoing, secrets: "${env:TOKEN}", failures_per_minute: 0)";
constexpr const char* kField = "Authorization";

class TeamsOutgoingTest : public ChannelTest {
 protected:
  TeamsOutgoingTest() {
    f.secrets.secrets["${env:TOKEN}"] = {"0sZHIHhdnavc9K53W021/RxS3rBfpdGUQ5i4FaeFM7o="};
  }
  static std::string activity(const std::string& id, const std::string& conversation) {
    return R"({"type":"message","id":")" + id + R"(","conversation":{"id":")" + conversation +
           R"("},"from":{"id":"29:1","aadObjectId":"a"}})";
  }
};

TEST_F(TeamsOutgoingTest, RefusesEveryChange) {
  use(kConfig);
  expectEveryChangeRefused(signedRequest(), kField);
}

TEST_F(TeamsOutgoingTest, TakesItsFieldOnceAndInOneForm) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  expectOneStrictField(genuine, kField, Reason::kSignatureMissing, Reason::kSignatureInvalid);
  for (const char* scheme : {"", "Bearer ", "HMAC", "hmac "}) {
    const auto with = [&](RequestText& r) { field(r, kField).replace(0, 5, scheme); };
    EXPECT_EQ(sendChanged(genuine, with), Reason::kSignatureInvalid) << scheme;
  }
}

TEST_F(TeamsOutgoingTest, DecodesTheToken) {
  for (const char* token : {"not base64", "AAA", "0sZHIHhdnavc9K53W021/RxS3rBfpdGUQ5i4FaeFM7p="}) {
    f.secrets.secrets["${env:TOKEN}"] = {token};
    EXPECT_EQ(mistakesOf(kConfig).size(), 1u) << token;
  }
}

TEST_F(TeamsOutgoingTest, TellsItsFactsAndIdsAreOfOneConversation) {
  use(kConfig);
  f.add("dedupe", "{}");
  const auto passage = f.send(signedRequest(activity("1", "c1")));
  EXPECT_EQ(passage->exchange.facts.event_type, "message");
  EXPECT_EQ(passage->exchange.facts.event_id, "1");
  EXPECT_EQ(passage->exchange.facts.group, "c1");
  EXPECT_EQ(passage->exchange.facts.sender, "a");
  passage->commit(f.loop.clock().now());
  EXPECT_EQ(sendSigned(activity("1", "c1")), Reason::kDuplicate);
  EXPECT_EQ(sendSigned(activity("1", "c2")), Reason::kAllowed);
}

TEST_F(TeamsOutgoingTest, RefusesWhatIsOlderThanItsIdIsRemembered) {
  use(kConfig);
  const RequestText request =
      signedRequest(R"({"type":"message","id":"1","timestamp":"2023-11-14T22:13:20.000Z"})");
  f.loop.advance(1h);
  EXPECT_EQ(send(request), Reason::kAllowed);
  f.loop.advance(1s);
  EXPECT_EQ(send(request), Reason::kTimestampOutsideWindow);
}

}  // namespace
}  // namespace edgehold
