// SPDX-License-Identifier: Apache-2.0
// The laws of HTTP/2 towards an upstream, through the whole server: what was decided is what
// arrives, and one client's slowness is nobody else's. Thread: main only.
#include <gmock/gmock.h>

#include "proxy/base/limits.h"
#include "tests/flow/flow_fixture.h"
#include "tests/support/http2_server_peer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kConfig = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80", protocol: h2}}
routes:
  - {name: all, match: {path: /}, upstream: agent, limits: {body: 1MiB}}
timeouts: {write: 20s}
)";

class Http2UpstreamFlowTest : public FlowTest {
 protected:
  Http2UpstreamFlowTest() { use(kConfig); }

  std::shared_ptr<FakePeer> ask(std::string_view request) {
    auto client = connect();
    send(*client, request);
    return client;
  }
  std::shared_ptr<FakePeer> get(std::string_view path) {
    return ask("GET " + std::string(path) + " HTTP/1.1\r\nHost: edge\r\n\r\n");
  }
  // What the upstream has read; opens its connection first.
  Http2ServerPeer& agent() {
    FakePeer& peer = *dialer_.peers.back();
    if (!peer.is_open) {
      peer.open();
      settle();
      send(peer, http2ServerStart());
    }
    settle();
    server_.take(peer.received);
    peer.received.clear();
    return server_;
  }
  void say(std::string_view bytes) { send(*dialer_.peers.back(), bytes); }

  Http2ServerPeer server_;
};

TEST_F(Http2UpstreamFlowTest, RecordsHowMuchOfARequestHadLeft) {
  const auto whole = get("/whole");
  const auto part = ask("POST /part HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\nh");
  EXPECT_TRUE(agent().isWhole(1));
  whole->reset();
  part->reset();
  EXPECT_EQ(audit().at(0)["upstream"].asString(), "sent");
  EXPECT_EQ(audit().at(1)["upstream"].asString(), "begun");
}

TEST_F(Http2UpstreamFlowTest, CarriesManyClientsOnOneConnection) {
  const auto first = get("/1");
  const auto second = get("/2");
  EXPECT_EQ(agent().field(1, ":path"), "/1");
  EXPECT_EQ(agent().field(3, ":path"), "/2");
  EXPECT_EQ(agent().field(3, ":authority"), "edge");
  EXPECT_EQ(agent().field(3, "x-forwarded-host"), "edge");
  EXPECT_EQ(agent().field(3, "host"), "");
  say(http2Ok(3, "two") + http2Status(1, "404", {}, true));
  EXPECT_THAT(second->received, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(second->received, HasSubstr("Transfer-Encoding: chunked\r\n"));
  EXPECT_THAT(second->received, EndsWith("3\r\ntwo\r\n0\r\n\r\n"));
  EXPECT_THAT(first->received, StartsWith("HTTP/1.1 404 Not Found\r\n"));
  EXPECT_THAT(first->received, HasSubstr("Content-Length: 0\r\n"));
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_EQ(audit().size(), 2u);
}

TEST_F(Http2UpstreamFlowTest, CarriesABodyInOneStreamAndNothingElse) {
  const auto client =
      ask("POST /p HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n"
          "5\r\nhello\r\n0\r\n\r\n");
  EXPECT_EQ(agent().content(1), "hello");
  EXPECT_TRUE(agent().isWhole(1));
  EXPECT_EQ(agent().field(1, "transfer-encoding"), "");
  say(http2Status(1, "201", {{"content-length", "2"}}) + http2Content(1, "ok"));
  EXPECT_THAT(client->received, HasSubstr("Content-Length: 2\r\n"));
  EXPECT_THAT(client->received, EndsWith("\r\n\r\nok"));
}

TEST_F(Http2UpstreamFlowTest, ASlowReaderStopsItsOwnAnswerAlone) {
  const auto slow = get("/slow");
  const auto fast = get("/fast");
  agent();
  slow->send_room = 0;
  say(http2Status(1, "200") + http2Status(3, "200"));
  const std::string part(16384, 'x');
  // As much as the windows of the slow one let through.
  const std::size_t most = limits::kHttp2ResponseWindowBytes / part.size();
  std::size_t sent = 0;
  std::uint64_t opened = 0;
  for (int i = 0; i < 40; ++i) {
    opened = agent().frames.window_opened[1];
    if (sent < limits::kHttp2ResponseWindowBytes + opened - part.size()) {
      say(http2Content(1, part, false));
      sent += part.size();
    }
    say(http2Content(3, part, false));
  }
  EXPECT_LE(sent, 3 * most * part.size()) << "its window is shut";
  EXPECT_LT(sent, 40 * part.size());
  say(http2Content(3, "end"));
  EXPECT_THAT(fast->received, EndsWith("3\r\nend\r\n0\r\n\r\n"));
  slow->makeRoom(10'000'000);
  settle();
  say(http2Content(1, "end"));
  EXPECT_THAT(slow->received, EndsWith("3\r\nend\r\n0\r\n\r\n"));
}

TEST_F(Http2UpstreamFlowTest, AStreamThatTakesNothingStopsItsOwnClientsBody) {
  const auto slow = ask("POST /slow HTTP/1.1\r\nHost: edge\r\nContent-Length: 1000000\r\n\r\n");
  agent();
  say(http2WindowUpdate(0, 1 << 30));
  for (int i = 0; i < 60 && slow->is_reading; ++i) send(*slow, std::string(10'000, 's'));
  EXPECT_FALSE(slow->is_reading) << "nobody takes it, so nobody reads it";
  EXPECT_EQ(agent().content(1).size(), 65535u);
  const auto fast = ask("POST /fast HTTP/1.1\r\nHost: edge\r\nContent-Length: 4\r\n\r\nfast");
  EXPECT_EQ(agent().content(3), "fast");
  say(http2WindowUpdate(1, 1 << 30));
  settle();
  EXPECT_TRUE(slow->is_reading);
}

TEST_F(Http2UpstreamFlowTest, AnAnswerThatBreaksOffDoesNotLookWhole) {
  std::uint32_t stream = 1;
  const auto breaksOff = [&](const std::string& broken) {
    const auto client = get("/");
    agent();
    say(http2Status(stream, "200", {{"content-length", "5"}}) + http2Content(stream, "abc", false));
    say(broken);
    EXPECT_THAT(client->received, EndsWith("\r\n\r\nabc"));
    EXPECT_TRUE(client->is_closed);
    EXPECT_NE(audit().back()["reason"], "allowed");
    stream += 2;
  };
  breaksOff(http2Reset(stream, NGHTTP2_INTERNAL_ERROR));
  breaksOff(http2Reset(stream, NGHTTP2_NO_ERROR));
  breaksOff(http2Content(stream, "six"));
  breaksOff(http2Content(stream, ""));
  breaksOff(http2Headers(stream, {{"x", "a\nb"}}));
  breaksOff(http2Status(stream, "200", {}, true));
  breaksOff("HTTP/1.1 200 OK\r\n\r\n");
}

TEST_F(Http2UpstreamFlowTest, AMalformedAnswerIsNeverPassedOn) {
  const Http2Fields kMalformed[] = {{{":status", "200"}, {"x-a", "b\r\nset-cookie: c"}},
                                    {{":status", "200"}, {"connection", "close"}},
                                    {{":status", "2000"}},
                                    {{"x-a", "b"}},
                                    {{":status", "200"}, {"transfer-encoding", "chunked"}}};
  std::uint32_t stream = 1;
  for (const Http2Fields& fields : kMalformed) {
    const auto client = get("/");
    agent();
    say(http2Headers(stream, fields, false));
    EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
    EXPECT_THAT(client->received, HasSubstr("upstream_malformed"));
    EXPECT_THAT(client->received, Not(HasSubstr("set-cookie")));
    EXPECT_EQ(agent().reset(stream), NGHTTP2_PROTOCOL_ERROR);
    stream += 2;
  }
  EXPECT_EQ(dialer_.peers.size(), 1u) << "the connection is not to blame";
}

TEST_F(Http2UpstreamFlowTest, AClientThatLeavesResetsItsStream) {
  const auto leaver = get("/1");
  const auto stayer = get("/2");
  agent();
  leaver->reset();
  EXPECT_EQ(agent().reset(1), NGHTTP2_CANCEL);
  say(http2Ok(3));
  EXPECT_THAT(stayer->received, StartsWith("HTTP/1.1 200 "));
}

TEST_F(Http2UpstreamFlowTest, SendsAPostOnceHoweverTheUpstreamRefusesIt) {
  std::uint32_t stream = 1;
  for (const std::string_view body : {"", "body"}) {
    const auto client =
        ask("POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: " + std::to_string(body.size()) +
            "\r\n\r\n" + std::string(body));
    EXPECT_TRUE(agent().isWhole(stream));
    say(http2Reset(stream, NGHTTP2_REFUSED_STREAM));
    EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
    stream += 2;
    EXPECT_FALSE(agent().hasSeen(stream));
  }
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(Http2UpstreamFlowTest, AReloadLeavesWhatIsUnderWayAlone) {
  const auto client = get("/1");
  agent();
  use(std::string(kConfig) + "workers: 1\n");
  const auto next = get("/2");
  EXPECT_EQ(agent().field(3, ":path"), "/2") << "the same upstream keeps its connections";
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes: [{name: all, match: {path: /}, upstream: agent}]
)");
  const auto shared = dialer_.peers.back();
  const auto plain = get("/3");
  ASSERT_EQ(dialer_.peers.size(), 2u);
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok");
  EXPECT_THAT(plain->received, EndsWith("ok"));
  send(*shared, http2Ok(1, "one") + http2Ok(3, "two"));
  EXPECT_THAT(client->received, HasSubstr("one"));
  EXPECT_THAT(next->received, HasSubstr("two"));
  settle();
  EXPECT_TRUE(shared->is_closed) << "nobody needs it any more";
}

}  // namespace
}  // namespace edgehold
