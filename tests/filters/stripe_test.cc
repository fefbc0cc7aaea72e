// SPDX-License-Identifier: Apache-2.0
// Stripe, beside the vectors: one field of several parts.
// Thread: main only.
#include "filters/channels/channel.h"
#include "proxy/base/limits.h"
#include "tests/support/channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig =
    R"(dialect: stripe, secrets: "${env:STRIPE}", failures_per_minute: 0)";
constexpr const char* kField = "Stripe-Signature";

class StripeTest : public ChannelTest {
 protected:
  StripeTest() { f.secrets.secrets["${env:STRIPE}"] = {"whsec_pcnI6WZKU8Ne8HDrpgZcO80Xg9eeqUDp"}; }
  // With `field` for the genuine one; `T` and `V` in it are the genuine time and MAC.
  Reason sendField(const std::string& text) {
    RequestText request = signedRequest();
    const std::string genuine = field(request, kField);  // t=…,v1=…
    std::string made;
    for (const char c : text) {
      if (c == 'T') {
        made += genuine.substr(2, 10);
      } else if (c == 'V') {
        made += genuine.substr(16);
      } else {
        made += c;
      }
    }
    field(request, kField) = made;
    return send(request);
  }
};

TEST_F(StripeTest, RefusesEveryChange) {
  use(kConfig);
  expectEveryChangeRefused(signedRequest(), kField);
}

TEST_F(StripeTest, TakesItsFieldOnce) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { drop(r, kField); }),
            Reason::kSignatureMissing);
  EXPECT_EQ(sendChanged(genuine, [](RequestText& r) { r.headers.push_back(r.headers.back()); }),
            Reason::kSignatureInvalid);
}

TEST_F(StripeTest, TakesAnyOfSeveralSignaturesAndLooksAtNoOtherVersion) {
  use(kConfig);
  const std::string other(64, '0');
  for (const std::string& text :
       {std::string("t=T,v1=V"), std::string("v1=V,t=T"), "t=T,v1=" + other + ",v1=V",
        "t=T,v1=V,v1=" + other, "t=T,v1=V,v0=" + other, std::string("t=T,v0=x,v1=V"),
        std::string("t=T,v1=V,v2=V,scheme=")}) {
    EXPECT_EQ(sendField(text), Reason::kAllowed) << text;
  }
  EXPECT_EQ(sendField("t=T,v0=V"), Reason::kSignatureMissing);
  EXPECT_EQ(sendField("t=T"), Reason::kSignatureMissing);
  EXPECT_EQ(sendField("t=T,V1=V"), Reason::kSignatureMissing);
  EXPECT_EQ(sendField("t=T,v1=" + other), Reason::kSignatureInvalid);
}

TEST_F(StripeTest, RefusesWhatIsNoListOfOneTimeAndMacs) {
  use(kConfig);
  for (const char* text : {"t=T,t=T,v1=V", "t=T,v1=V,t=T", "t=T,v1= V", "t=T,v1=V ", "t=T,v1=V0",
                           "t=T,v1=", "t=T,v1=00,v1=x", "t=T,v1=V v1=V"}) {
    EXPECT_EQ(sendField(text), Reason::kSignatureInvalid) << text;
  }
  for (const char* text : {"v1=V", "t=,v1=V", "t=0T,v1=V", "t=T0,v1=V", "t=+T,v1=V", "t= T,v1=V",
                           "T=T,v1=V", "t=T v1=V", "t=1e9,v1=V"}) {
    EXPECT_EQ(sendField(text), Reason::kTimestampMissing) << text;
  }
  for (const char* text : {"", ",", "T,V"}) {
    EXPECT_EQ(sendField(text), Reason::kTimestampMissing) << text;
  }
  EXPECT_EQ(sendField("t=T,v1"), Reason::kSignatureMissing);
}

TEST_F(StripeTest, PassesOverWhatIsNoSignatureWhereAnotherFits) {
  use(kConfig);
  for (const char* text :
       {"t=T, v1=V", "t=T,v1=V,", ",t=T,v1=V", "t=T,,v1=V", "t=T, ,v1=V",
        "t=T,v1=V,v1=", "t=T,v1=00,v1=V", "t=T,v1=x, v1=V,x", "x,t=T,v1=V", "t=T,v1,v1=V"}) {
    EXPECT_EQ(sendField(text), Reason::kAllowed) << text;
  }
}

TEST_F(StripeTest, TakesABoundedNumberOfParts) {
  use(kConfig);
  std::string text = "t=T,v1=V";
  for (std::size_t i = 2; i < limits::kSignaturesMax; ++i) text += ",v1=" + std::string(64, '0');
  EXPECT_EQ(sendField(text), Reason::kAllowed);
  EXPECT_EQ(sendField(text + ",v0=1"), Reason::kSignatureInvalid);
}

TEST_F(StripeTest, KeepsToTheWindowBothWays) {
  use(kConfig);
  expectWindow(300);
}

TEST_F(StripeTest, TakesTheWholeTextOfTheSecretAsTheKey) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  ChannelTest::f.secrets.secrets["${env:OTHER}"] = {"pcnI6WZKU8Ne8HDrpgZcO80Xg9eeqUDp"};
  ExchangeFixture other;
  other.secrets.secrets = f.secrets.secrets;
  other.add("channel", R"({dialect: stripe, secrets: "${env:OTHER}"})");
  EXPECT_EQ(other.send(genuine)->reason(), Reason::kSignatureInvalid);
}

TEST_F(StripeTest, TakesEitherSecretWhileTheyAreRolled) {
  f.secrets.secrets["${env:NEW}"] = {"whsec_new"};
  use(R"(dialect: stripe, failures_per_minute: 0, secrets: [
      {secret: "${env:NEW}", from: "2023-11-14T22:14:00Z"},
      {secret: "${env:STRIPE}", until: "2023-11-14T22:15:00Z"}])");
  const RequestText old = signedRequest();
  EXPECT_EQ(send(old), Reason::kAllowed);
  f.loop.advance(50s);
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
  EXPECT_EQ(send(old), Reason::kAllowed);
  f.loop.advance(50s);
  EXPECT_EQ(send(old), Reason::kSignatureInvalid);
}

TEST_F(StripeTest, TellsItsFactsAndKnowsItsEvents) {
  use(kConfig);
  const Facts facts =
      factsOf(R"({"id":"evt_1","type":"invoice.paid","created":1700000000,"account":"acct_1"})");
  EXPECT_EQ(facts.event_id, "evt_1");
  EXPECT_EQ(facts.event_type, "invoice.paid");
  EXPECT_EQ(facts.group, "acct_1");
  EXPECT_EQ(facts.timestamp_ms, 1'700'000'000'000);
  EXPECT_EQ(sendSigned(R"({"id":"evt_1","type":"invoice.paid.twice"})"), Reason::kEventUnknown);
  EXPECT_EQ(sendSigned(R"({"id":"evt_1"})"), Reason::kEventMissing);
  EXPECT_EQ(sendSigned("[]"), Reason::kMalformedRequest);
}

}  // namespace
}  // namespace edgehold
