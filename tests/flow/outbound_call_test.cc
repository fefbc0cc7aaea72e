// SPDX-License-Identifier: Apache-2.0
// The laws of calls that the edge makes itself, and of a login on its whole way.
// Thread: main only.
#include <chrono>

#include <gmock/gmock.h>

#include "proxy/exchange/call_desk.h"
#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

class OutboundCallTest : public FlowTest {
 protected:
  OutboundCallTest() {
    use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams:
  agent: {url: "http://192.0.2.80:80"}
  platform: {url: "http://192.0.2.81:8080"}
routes: [{name: all, match: {path: /}, upstream: agent}]
)");
  }
  using Answer = std::optional<Result<CallAnswer>>;
  Async<Result<CallAnswer>> call(CallRequest request) {
    return station_->services().calls->call(std::move(request));
  }
  static CallRequest to(std::string upstream, std::string target = "/a?b=c") {
    CallRequest request;
    request.upstream = std::move(upstream);
    request.target = std::move(target);
    return request;
  }
  // Starts it and notes its answer.
  Async<Result<CallAnswer>> begin(CallRequest request, Answer& answer) {
    auto waiting = call(std::move(request));
    waiting.then([&answer](Result<CallAnswer> given) { answer = std::move(given); });
    settle();
    return waiting;
  }
};

TEST_F(OutboundCallTest, AsksTheUpstreamItNamesAndGivesTheWholeAnswer) {
  Answer answer;
  const auto waiting = begin(to("platform"), answer);
  EXPECT_EQ(upstream().received,
            "GET /a?b=c HTTP/1.1\r\nHost: 192.0.2.81:8080\r\nAccept: application/json\r\n\r\n");
  upstream().feed("HTTP/1.1 418 Teapot\r\nContent-Type: text/x\r\nContent-Length: 4\r\n\r\nab");
  settle();
  EXPECT_FALSE(answer.has_value());
  upstream().feed("cd");
  settle();
  ASSERT_TRUE(answer && *answer);
  EXPECT_EQ((*answer)->status, 418);
  EXPECT_EQ((*answer)->content_type, "text/x");
  EXPECT_EQ((*answer)->body, "abcd");
}

TEST_F(OutboundCallTest, PostsABody) {
  Answer answer;
  CallRequest request = to("platform");
  request.body = "{}";
  request.content_type = "application/json";
  const auto waiting = begin(std::move(request), answer);
  EXPECT_THAT(upstream().received, StartsWith("POST /a?b=c HTTP/1.1\r\n"));
  EXPECT_THAT(upstream().received, HasSubstr("Content-Type: application/json\r\n"));
  EXPECT_THAT(upstream().received, testing::EndsWith("Content-Length: 2\r\n\r\n{}"));
}

TEST_F(OutboundCallTest, KeepsItsConnectionForTheNext) {
  for (int i = 0; i < 2; ++i) {
    Answer answer;
    const auto waiting = begin(to("platform"), answer);
    upstream().feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    settle();
    ASSERT_TRUE(answer && *answer);
  }
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(OutboundCallTest, GoesNowhereElse) {
  Answer answer;
  const auto waiting = begin(to("nobody"), answer);
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(answer->error().reason, Reason::kUpstreamUnreachable);
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(OutboundCallTest, TakesNoAnswerPastItsBound) {
  for (const std::size_t bytes : {10u, 11u}) {
    Answer answer;
    CallRequest request = to("platform");
    request.answer_bytes_max = 10;
    const auto waiting = begin(std::move(request), answer);
    upstream().feed("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" +
                    std::string(bytes, 'x'));
    settle();
    ASSERT_TRUE(answer.has_value());
    EXPECT_EQ(answer->has_value(), bytes == 10);
    EXPECT_EQ(dialer_.peers.back()->is_closed, bytes == 11);
  }
}

TEST_F(OutboundCallTest, EndsWithItsTime) {
  Answer answer;
  CallRequest request = to("platform");
  request.timeout = 2s;
  const auto waiting = begin(std::move(request), answer);
  upstream().feed("HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nx");
  loop_.advance(2s - 1ns);
  EXPECT_FALSE(answer.has_value());
  loop_.advance(1ns);
  ASSERT_TRUE(answer && !*answer);
  EXPECT_EQ(answer->error().reason, Reason::kUpstreamTimeout);
  settle();
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
}

TEST_F(OutboundCallTest, EndsWhenNobodyWaits) {
  Answer answer;
  {
    const auto waiting = begin(to("platform"), answer);
    upstream();
  }
  settle();
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  EXPECT_FALSE(answer.has_value());
}

TEST_F(OutboundCallTest, AreBoundedAtOneWorker) {
  std::vector<Async<Result<CallAnswer>>> waiting;
  for (std::size_t i = 0; i < limits::kCallsMax; ++i) waiting.push_back(call(to("platform")));
  settle();
  Answer answer;
  {
    const auto refused = begin(to("platform"), answer);
    ASSERT_TRUE(answer && !*answer);
    EXPECT_EQ(answer->error().reason, Reason::kOverloaded);
  }
  waiting.pop_back();
  settle();
  answer.reset();
  const auto taken = begin(to("platform"), answer);
  EXPECT_FALSE(answer.has_value());
}

class LoginFlowTest : public FlowTest {
 protected:
  LoginFlowTest() {
    environment_["KEY"] = std::string(64, 'k');
    environment_["SECRET"] = "s3cret";
    use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams:
  agent: {url: "http://192.0.2.80:80"}
  platform: {url: "http://192.0.2.81:80"}
routes:
  - name: login
    match: {path: /session}
    upstream: agent
    filters:
      - session_login: {app_id: wx1, app_secret: "${env:SECRET}", upstream: platform,
                        keys: "${env:KEY}", idle: 4m}
  - name: chat
    match: {path: /chat}
    upstream: agent
    filters: [{session_auth: {app_id: wx1, keys: "${env:KEY}"}}]
)");
  }
  static std::string post(const std::string& body) {
    return "POST /session HTTP/1.1\r\nHost: edge\r\nContent-Length: " +
           std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  static std::string get(const std::string& token) {
    return "GET /chat HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer " + token + "\r\n\r\n";
  }
  std::string logIn() {
    const auto client = connect();
    send(*client, post(R"({"code":"c1"})"));
    const std::string user = R"({"openid":"o1","session_key":"HyVFkGl5F5OQWJZZaNzBBg=="})";
    upstream().feed("HTTP/1.1 200 OK\r\nContent-Length: " + std::to_string(user.size()) +
                    "\r\n\r\n" + user);
    settle();
    const std::size_t at = client->received.find("ehs_");
    EXPECT_NE(at, std::string::npos) << client->received;
    return client->received.substr(at, client->received.find('"', at) - at);
  }
};

TEST_F(LoginFlowTest, IsAnsweredHereAndRecordedOnce) {
  logIn();
  ASSERT_EQ(dialer_.peers.size(), 1u);  // the platform's, and nobody else's
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_THAT(writeJsonCompact(records[0]), HasSubstr("wx1:o1"));
  EXPECT_THAT(writeJsonCompact(records[0]), Not(HasSubstr("s3cret")));
}

TEST_F(LoginFlowTest, AnswersTellARenewedTokenAndNoneOfTheUpstreams) {
  const std::string token = logIn();
  loop_.advance(61s);
  const auto client = connect();
  send(*client, get(token));
  EXPECT_THAT(upstream().received, HasSubstr("X-Edgehold-Principal: wx1:o1\r\n"));
  EXPECT_THAT(upstream().received, HasSubstr("X-Edgehold-Sender: o1\r\n"));
  EXPECT_THAT(upstream().received, Not(HasSubstr(token)));
  upstream().feed("HTTP/1.1 200 OK\r\nX-Edgehold-Session: ehs_forged\r\nContent-Length: 0\r\n\r\n");
  settle();
  EXPECT_THAT(client->received, HasSubstr("X-Edgehold-Session: ehs_"));
  EXPECT_THAT(client->received, HasSubstr("Cache-Control: no-store\r\n"));
  EXPECT_THAT(client->received, Not(HasSubstr("forged")));
}

TEST_F(LoginFlowTest, EndsTheQuestionWhenItsClientLeaves) {
  const auto client = connect();
  send(*client, post(R"({"code":"c1"})"));
  upstream();
  client->reset();
  settle();
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  const auto again = connect();
  send(*again, post(R"({"code":"c1"})"));
  EXPECT_THAT(again->received, HasSubstr("login_code_used"));
}

TEST_F(LoginFlowTest, SilenceOfThePlatformIsAnAnswerInTime) {
  const auto client = connect();
  send(*client, post(R"({"code":"c1"})"));
  upstream();
  loop_.advance(limits::kCallTimeoutMax);
  settle();
  EXPECT_THAT(client->received, HasSubstr("upstream_timeout"));
}

}  // namespace
}  // namespace edgehold
