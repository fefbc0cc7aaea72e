// SPDX-License-Identifier: Apache-2.0
// The laws of inspected event streams: what a rule decided on is what the client gets, event by
// event, however the upstream cuts its bytes. Thread: main only.
#include <gmock/gmock.h>

#include "proxy/base/limits.h"
#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kInspected = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
    limits: {event: 1KiB, response_idle_timeout: 30s}
    filters: [{lua_rules: {directory: rules, budgets: {wall: 1s}}}]
)";
constexpr std::string_view kShadow = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent,
     filters: [{lua_rules: {directory: rules, mode: shadow}}]}
)";
constexpr std::string_view kTrusting = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent,
     filters: [{lua_rules: {directory: rules, on_error: allow}}]}
)";

constexpr std::string_view kRule = R"(
local function on_sse_event(event, request)
  if event.type == "secret" then return deny("not for clients") end
  if event.data == "stop" then return cut("enough") end
  if event.data == "fail" then error("no") end
  if event.data == "tag" then tag("a", "b") end
  if event.data == "who" and request.path ~= "/events" then return deny("elsewhere") end
end
return { id = "words", on_sse_event = on_sse_event }
)";

constexpr std::string_view kGet = "GET /events HTTP/1.1\r\nHost: edge\r\n\r\n";
constexpr std::string_view kHead =
    "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n";

std::string chunk(std::string_view bytes) {
  char size[20];
  std::snprintf(size, sizeof size, "%zx\r\n", bytes.size());
  return size + std::string(bytes) + "\r\n";
}

// The content of the chunked answers that a client received.
std::string contentOf(const std::string& received) {
  std::string content;
  std::size_t at = received.find("\r\n\r\n") + 4;
  while (at < received.size()) {
    const std::size_t size = std::stoul(received.substr(at), nullptr, 16);
    at = received.find("\r\n", at) + 2;
    content += received.substr(at, size);
    at += size + 2;
  }
  return content;
}

class EventStreamTest : public FlowTest {
 protected:
  void useRule(std::string_view config = kInspected, std::string_view rule = kRule) {
    std::filesystem::create_directory(path("rules"));
    write("rules/words.lua", rule);
    use(config);
  }
  std::shared_ptr<FakePeer> ask(std::string_view request = kGet) {
    auto client = connect();
    send(*client, request);
    return client;
  }
  void say(std::string_view bytes) { send(upstream(), bytes); }
};

TEST_F(EventStreamTest, PassesDropsAndCountsEventByEvent) {
  useRule();
  const auto client = ask();
  EXPECT_THAT(upstream().received, HasSubstr("Accept-Encoding: identity\r\n"));
  say(std::string(kHead) + chunk("data: one\n\n"));
  EXPECT_EQ(contentOf(client->received), "data: one\n\n") << "at once";
  say(chunk("event: secret\ndata: two\n\nid: 3\ndata: who\n\n"));
  EXPECT_EQ(contentOf(client->received), "data: one\n\nid: 3\ndata: who\n\n");
  say("0\r\n\r\n");
  EXPECT_THAT(client->received, EndsWith("0\r\n\r\n"));
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["reason"], "allowed");
  EXPECT_EQ(records[0]["events_passed"], 2);
  EXPECT_EQ(records[0]["events_dropped"], 1);
  EXPECT_EQ(records[0]["response_bytes"], 28);
  EXPECT_THAT(metrics_registry_.render(),
              AllOf(HasSubstr("edgehold_sse_events_total{decision=\"pass\"} 2\n"),
                    HasSubstr("edgehold_sse_events_total{decision=\"drop\"} 1\n")));
}

TEST_F(EventStreamTest, DecidesTheSameHoweverTheUpstreamCutsItsBytes) {
  useRule();
  const std::string stream =
      "\xEF\xBB\xBF: hello\r\ndata: a\rdata: b\r\n\r\nevent: secret\ndata: x\n\n:\n\rdata: c\r\r"
      "event: secret\r\ndata: y\r\n\r\nretry: 5\n\ndata: d\n\ndata: not whole";
  const std::string wanted =
      "\xEF\xBB\xBF: hello\r\ndata: a\rdata: b\r\n\r\n:\n\rdata: c\r\rretry: 5\n\ndata: d\n\n";
  for (std::size_t piece = 1; piece <= stream.size(); ++piece) {
    const auto client = ask();
    say(kHead);
    for (std::size_t at = 0; at < stream.size(); at += piece) {
      say(chunk(std::string_view(stream).substr(at, piece)));
    }
    say("0\r\n\r\n");
    EXPECT_EQ(contentOf(client->received), wanted) << "by " << piece;
  }
}

TEST_F(EventStreamTest, PassesAHeartbeatAtOnce) {
  useRule();
  const auto client = ask();
  say(std::string(kHead) + chunk(": ping\n"));
  EXPECT_EQ(contentOf(client->received), ": ping\n") << "nobody waits for an empty line";
  say(chunk(":\n\n"));
  EXPECT_EQ(contentOf(client->received), ": ping\n:\n\n");
}

TEST_F(EventStreamTest, CutsAStreamSoThatTheClientSeesIt) {
  useRule();
  const auto client = ask();
  say(std::string(kHead) + chunk("data: one\n\ndata: stop\n\ndata: two\n\n"));
  EXPECT_EQ(contentOf(client->received), "data: one\n\n");
  EXPECT_THAT(client->received, Not(EndsWith("0\r\n\r\n")));
  EXPECT_TRUE(client->is_closed);
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["decision"], "deny");
  EXPECT_EQ(records[0]["reason"], "rule_denied");
  EXPECT_EQ(records[0]["why"]["rule"], "words");
  EXPECT_EQ(records[0]["why"]["filter"], "lua_rules");
  EXPECT_EQ(records[0]["why"]["detail"], "enough");
  EXPECT_EQ(records[0]["events_passed"], 1);
}

TEST_F(EventStreamTest, CutsWhenARuleFailsUnlessTheOperatorSaysElse) {
  useRule();
  for (const std::string_view event : {"data: fail\n\n", "data: tag\n\n"}) {
    const auto client = ask();
    say(std::string(kHead) + chunk(event) + chunk("data: two\n\n"));
    EXPECT_EQ(contentOf(client->received), "");
    EXPECT_TRUE(client->is_closed);
    EXPECT_EQ(audit().back()["reason"], "rule_failed");
  }
  use(kTrusting);
  const auto client = ask();
  say(std::string(kHead) + chunk("data: fail\n\n"));
  EXPECT_EQ(contentOf(client->received), "data: fail\n\n");
}

TEST_F(EventStreamTest, AShadowOnlySaysWhatItWouldDo) {
  useRule(kShadow);
  const auto client = ask();
  say(std::string(kHead) + chunk("event: secret\ndata: x\n\ndata: stop\n\n") + "0\r\n\r\n");
  EXPECT_EQ(contentOf(client->received), "event: secret\ndata: x\n\ndata: stop\n\n");
  const auto records = audit();
  EXPECT_EQ(records[0]["why"]["shadows"].size(), 1u);
}

TEST_F(EventStreamTest, CutsAnEventThatIsTooLarge) {
  useRule();
  const auto fits = ask();
  say(std::string(kHead) + chunk("data: " + std::string(1024 - 8, 'a') + "\n\n"));
  EXPECT_EQ(contentOf(fits->received).size(), 1024u);
  const auto client = ask();
  say(std::string(kHead) + chunk("data: " + std::string(1024 - 7, 'a') + "\n\n"));
  EXPECT_TRUE(client->is_closed);
  EXPECT_EQ(audit().back()["reason"], "upstream_malformed");
  const auto endless = ask();
  say(std::string(kHead) + chunk("data: " + std::string(1024, 'a')));
  EXPECT_TRUE(endless->is_closed) << "not waited for";
}

TEST_F(EventStreamTest, RefusesAnAnswerThatNobodyCanRead) {
  useRule();
  const auto client = ask();
  say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nContent-Encoding: gzip\r\n"
      "Content-Length: 5\r\n\r\n\x1f\x8bxyz");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(client->received, HasSubstr("upstream_malformed"));
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
}

TEST_F(EventStreamTest, ForgetsALengthThatMayNotHold) {
  useRule();
  const auto client = ask();
  const std::string events = "event: secret\ndata: x\n\ndata: y\n\n";
  say("HTTP/1.1 200 OK\r\nContent-Type: Text/Event-Stream; charset=utf-8\r\nContent-Length: " +
      std::to_string(events.size()) + "\r\n\r\n" + events);
  EXPECT_THAT(client->received, Not(HasSubstr("Content-Length")));
  EXPECT_EQ(contentOf(client->received), "data: y\n\n");
  EXPECT_THAT(client->received, EndsWith("0\r\n\r\n"));
}

TEST_F(EventStreamTest, LooksAtWhatAnyClientMightTakeForAnEventStream) {
  useRule();
  const auto client = ask();
  say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Type: text/event-stream\r\n"
      "Transfer-Encoding: chunked\r\n\r\n" +
      chunk("event: secret\ndata: x\n\n"));
  EXPECT_EQ(contentOf(client->received), "");
}

TEST_F(EventStreamTest, LeavesOtherAnswersAlone) {
  useRule();
  const auto client = ask();
  say("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 23\r\n\r\n"
      "event: secret\ndata: x\n\n");
  EXPECT_THAT(client->received, EndsWith("event: secret\ndata: x\n\n"));
  EXPECT_FALSE(audit()[0].isMember("events_passed"));
  send(*client, "HEAD /events HTTP/1.1\r\nHost: edge\r\n\r\n");
  client->received.clear();
  say("HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
}

TEST_F(EventStreamTest, AddsNoBufferWhereNoRuleLooks) {
  useRule(kInspected, "return { id = 'plain', check = function() end }");
  const auto client = ask();
  EXPECT_THAT(upstream().received, Not(HasSubstr("Accept-Encoding")));
  say(std::string(kHead) + chunk("data: on") + chunk("e"));
  EXPECT_EQ(contentOf(client->received), "data: one");
}

TEST_F(EventStreamTest, KeepsThePolicyItBeganWith) {
  useRule();
  const auto old_client = ask();
  const auto old_upstream = dialer_.peers.back();
  upstream();
  send(*old_upstream, std::string(kHead) + chunk("data: one\n\n"));
  useRule(kInspected, "return { id = 'words', on_sse_event = function() return deny('all') end }");
  send(*old_upstream, chunk("data: two\n\n"));
  EXPECT_EQ(contentOf(old_client->received), "data: one\n\ndata: two\n\n");
  const auto new_client = ask();
  say(std::string(kHead) + chunk("data: three\n\n"));
  EXPECT_EQ(contentOf(new_client->received), "");
}

TEST_F(EventStreamTest, HasNoTotalTimeoutButAnIdleOne) {
  useRule();
  const auto client = ask();
  say(kHead);
  for (int i = 0; i < 200; ++i) {
    loop_.advance(29s);
    say(chunk("data: x\n\n"));
  }
  EXPECT_FALSE(client->is_closed) << "longer than an hour";
  loop_.advance(31s);
  settle();
  EXPECT_TRUE(client->is_closed);
  EXPECT_EQ(audit().back()["reason"], "upstream_timeout");
}

TEST_F(EventStreamTest, KeepsBackPressure) {
  useRule();
  const auto client = ask();
  say(kHead);
  client->send_room = 0;
  const std::string event = "data: " + std::string(1000, 'a') + "\n\n";
  FakePeer& agent = upstream();
  for (int i = 0; i < 200 && agent.is_reading; ++i) send(agent, chunk(event));
  EXPECT_FALSE(agent.is_reading);
  client->makeRoom(10'000'000);
  settle();
  agent.deliver();
  settle();
  EXPECT_TRUE(agent.is_reading);
}

}  // namespace
}  // namespace edgehold
