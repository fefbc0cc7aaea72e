// SPDX-License-Identifier: Apache-2.0
// GitHub, beside the vectors: what is not signed, and forms.
// Thread: main only.
#include "filters/channels/channel.h"
#include "tests/support/channel_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr const char* kConfig = R"(dialect: github, secrets: "${env:GH}", failures_per_minute: 0)";
constexpr const char* kSignature = "X-Hub-Signature-256";
constexpr const char* kEvent = "X-GitHub-Event";
constexpr const char* kDelivery = "X-GitHub-Delivery";

class GithubTest : public ChannelTest {
 protected:
  GithubTest() { f.secrets.secrets["${env:GH}"] = {"It's a Secret to Everybody"}; }
  RequestText formOf(const std::string& body) {
    RequestText request = signedRequest(body);
    field(request, "Content-Type") = "application/x-www-form-urlencoded";
    return request;
  }
};

TEST_F(GithubTest, RefusesEveryChange) {
  use(kConfig);
  expectEveryChangeRefused(signedRequest(), kSignature);
}

TEST_F(GithubTest, TakesItsFieldsOnceAndInOneForm) {
  use(kConfig);
  const RequestText genuine = signedRequest();
  expectOneStrictField(genuine, kSignature, Reason::kSignatureMissing, Reason::kSignatureInvalid);
  for (const char* name : {kEvent, kDelivery}) {
    EXPECT_EQ(sendChanged(genuine, [&](RequestText& r) { drop(r, name); }), Reason::kEventMissing);
    EXPECT_EQ(sendChanged(genuine, [&](RequestText& r) { r.headers.emplace_back(name, "a"); }),
              Reason::kMalformedRequest);
    for (const std::string& value : {std::string(), std::string("a b"), std::string("a,b"),
                                     std::string("a.b"), std::string(65, 'a')}) {
      EXPECT_EQ(sendChanged(genuine, [&](RequestText& r) { field(r, name) = value; }),
                Reason::kMalformedRequest)
          << name << value;
    }
  }
}

TEST_F(GithubTest, TakesNoSha1) {
  use(kConfig);
  RequestText request = signedRequest();
  drop(request, kSignature);
  request.headers.emplace_back("X-Hub-Signature", "sha1=4c5ecc1b9caa8a14fee40edd171ae57efc8ea9f1");
  EXPECT_EQ(send(request), Reason::kSignatureMissing);
  request.headers.emplace_back(kSignature, "sha1=4c5ecc1b9caa8a14fee40edd171ae57efc8ea9f1");
  EXPECT_EQ(send(request), Reason::kSignatureInvalid);
}

TEST_F(GithubTest, TellsTheFactsOfJsonAndOfForms) {
  use(kConfig);
  const std::string json =
      R"({"action":"opened","issue":1,"repository":{"full_name":"o/r"},"sender":{"login":"s"}})";
  for (const RequestText& request :
       {signedRequest(json), formOf("payload=%7B%22action%22:%22opened%22%2C%22issue%22:1%2C%"
                                    "22repository%22:%7B%22full_name%22:%22o/r"
                                    "%22%7D%2C%22sender%22:%7B%22login%22:%22s%22%7D%7D")}) {
    const Facts facts = factsOf(request);
    EXPECT_EQ(facts.event_type, "issues.opened");
    EXPECT_EQ(facts.group, "o/r");
    EXPECT_EQ(facts.sender, "s");
  }
  EXPECT_EQ(factsOf(R"({"issue":{}})").event_type, "issues");
}

TEST_F(GithubTest, RefusesFormsThatSayMoreThanTheirPayload) {
  use(kConfig);
  EXPECT_EQ(send(formOf("payload=%7B%22issue%22:1%7D")), Reason::kAllowed);
  EXPECT_EQ(send(formOf(R"(payload={"issue":1})")), Reason::kAllowed);
  for (const char* body : {"payload=%7B%7D&a=1", "payload=%7B%7D&payload=%7B%7D",
                           "payload=%7B%7D&%70ayload=%7B%7D", "payload=%ZZ"}) {
    EXPECT_EQ(send(formOf(body)), Reason::kMalformedRequest) << body;
  }
  EXPECT_EQ(send(formOf("a=1&payload=%7B%7D")), Reason::kJsonInvalid);
  EXPECT_EQ(send(formOf("{}")), Reason::kMalformedRequest);
  EXPECT_EQ(send(signedRequest("payload=%7B%7D")), Reason::kMalformedRequest) << "as JSON";
}

TEST_F(GithubTest, KnowsADeliveryAgainUnderAnotherIdOrEventOrSpelling) {
  use(kConfig);
  f.add("dedupe", "{}");
  const RequestText genuine = signedRequest();
  f.send(genuine)->commit(f.loop.clock().now());
  for (const Change& change : std::vector<Change>{
           [](RequestText&) {}, [](RequestText& r) { field(r, kDelivery) = "another"; },
           [](RequestText& r) {
             field(r, kDelivery) = "another";
             field(r, kEvent) = "watch";
           },
           [](RequestText& r) {  // the same MAC
             field(r, kDelivery) = "another";
             for (char& c : field(r, kSignature)) {
               if (c >= 'a' && c <= 'f') c = static_cast<char>(c - 'a' + 'A');
             }
             field(r, kSignature).replace(0, 7, "sha256=");
           }}) {
    EXPECT_EQ(sendChanged(genuine, change), Reason::kDuplicate);
  }
  EXPECT_EQ(send(signedRequest()), Reason::kAllowed);
}

// The event's name is not signed: whoever saw a delivery could send it as another.
TEST_F(GithubTest, RefusesANameThatTheSignedBodyContradicts) {
  use(kConfig);
  const auto sendAs = [&](const char* name, const std::string& body) {
    return sendChanged(signedRequest(body), [&](RequestText& r) { field(r, kEvent) = name; });
  };
  const std::vector<std::pair<const char*, std::string>> genuine = {
      {"issues", R"({"action":"opened","issue":{}})"},
      {"issue_comment", R"({"action":"created","issue":{},"comment":{}})"},
      {"pull_request", R"({"action":"opened","number":1,"pull_request":{}})"},
      {"pull_request_review", R"({"action":"submitted","pull_request":{},"review":{}})"},
      {"push", R"({"ref":"refs/heads/main","after":"0","commits":[]})"},
      {"create", R"({"ref":"main","ref_type":"branch"})"},
      {"release", R"({"action":"published","release":{}})"},
      {"star", R"({"action":"deleted","starred_at":null})"},
      {"ping", R"({"zen":"Design for failure.","hook_id":1})"},
      {"workflow_run", R"({"action":"completed","workflow_run":{}})"}};
  for (const auto& [name, body] : genuine) {
    EXPECT_EQ(sendAs(name, body), Reason::kAllowed) << name;
    EXPECT_EQ(sendAs(name, "{}"), Reason::kSignatureInvalid) << name;
    EXPECT_EQ(sendAs("watch", body), Reason::kAllowed) << "nothing is known of its body";
    for (const auto& [other, other_body] : genuine) {
      if (other == name) continue;
      EXPECT_EQ(sendAs(name, other_body), Reason::kSignatureInvalid) << other << " as " << name;
    }
  }
  EXPECT_EQ(sendAs("push", R"({"ref":"r","commits":[]})"), Reason::kAllowed);
  EXPECT_EQ(sendAs("push", R"({"ref":"r","after":"0"})"), Reason::kAllowed);
}

TEST_F(GithubTest, RemembersABodyForThirtyDays) {
  use(kConfig);
  f.add("dedupe", "{}");
  const RequestText genuine = signedRequest();
  f.send(genuine)->commit(f.loop.clock().now());
  RequestText renamed = genuine;
  field(renamed, kDelivery) = "another";
  f.loop.advance(720h - 1s);
  EXPECT_EQ(send(renamed), Reason::kDuplicate);
  f.loop.advance(2s);
  EXPECT_EQ(send(renamed), Reason::kAllowed);
}

TEST_F(GithubTest, AnswersPingsAndKnowsItsEvents) {
  use(kConfig);
  RequestText request = signedRequest(R"({"zen":"Keep it logically awesome.","hook_id":1})");
  field(request, kEvent) = "ping";
  const auto passage = f.send(request);
  ASSERT_TRUE(passage->verdict && passage->verdict->reply() != nullptr);
  EXPECT_EQ(passage->verdict->reply()->status, 200);
  EXPECT_EQ(passage->reason(), Reason::kAllowed);
  field(request, kEvent) = "brand_new";
  EXPECT_EQ(send(request), Reason::kEventUnknown);
}

}  // namespace
}  // namespace edgehold
