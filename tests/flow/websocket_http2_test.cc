// SPDX-License-Identifier: Apache-2.0
// WebSockets on streams of HTTP/2 (RFC 8441): the same tunnels and the same inspection, towards an
// upstream of HTTP/1.1.
// Thread: main only.
#include <gmock/gmock.h>

#include "proxy/base/base64.h"
#include "proxy/crypto/digest.h"
#include "proxy/http/websocket_handshake.h"
#include "proxy/http/websocket_writer.h"
#include "tests/flow/flow_fixture.h"
#include "tests/support/heard_frames.h"
#include "tests/support/http2_peer.h"

namespace edgehold {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kPolicy = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: blind, match: {path: /blind}, upstream: agent, websocket: {}}
  - {name: seen, match: {path: /seen}, upstream: agent, websocket: {inspect: true}}
  - {name: plain, match: {path: /}, upstream: agent, filters: [method_path: {methods: [GET]}]}
)";

constexpr WebSocketMaskKey kKey = {'k', 'e', 'y', '!'};
constexpr std::uint32_t kConnectProtocol = 8;  // SETTINGS_ENABLE_CONNECT_PROTOCOL, RFC 8441 3

Http2Fields connectTo(std::string path) {
  return {{":method", "CONNECT"},     {":protocol", "websocket"}, {":scheme", "http"},
          {":path", std::move(path)}, {":authority", "edge"},     {"sec-websocket-version", "13"}};
}

std::string frame(std::string_view payload, bool is_client) {
  Buffer out;
  appendFrame(out, WebSocketOpcode::kText, payload, is_client ? std::optional(kKey) : std::nullopt);
  return std::string(out.view());
}

class WebSocketHttp2Test : public FlowTest {
 protected:
  void exchange(std::string_view bytes) {
    send(*client_, bytes);
    take();
  }
  void take() {
    settle();
    peer_.take(client_->received);
    client_->received.clear();
  }
  // The 101 that fits the key that edgehold made.
  std::string switching() {
    const std::string& asked = upstream().received;
    const std::size_t at = asked.find("Sec-WebSocket-Key: ") + 19;
    const std::string key = asked.substr(at, asked.find('\r', at) - at);
    return "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
           "Sec-WebSocket-Accept: " +
           base64Encode(digestOf(DigestKind::kSha1, webSocketAcceptText(key)).view(),
                        Base64::kStandard) +
           "\r\n\r\n";
  }
  void open(const std::string& path) {
    use(kPolicy);
    client_ = connect("192.0.2.7:4000", false, "h2");
    exchange(http2Start() + http2Headers(1, connectTo(path), false));
    EXPECT_EQ(peer_.settings[kConnectProtocol], 1u);
    send(upstream(), switching());
    take();
    EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"200"});
    upstream().received.clear();
  }

  std::shared_ptr<FakePeer> client_;
  Http2Peer peer_;
};

TEST_F(WebSocketHttp2Test, AsksTheUpstreamWithAKeyOfItsOwn) {
  use(kPolicy);
  client_ = connect("192.0.2.7:4000", false, "h2");
  exchange(http2Start() + http2Headers(1, connectTo("/blind"), false));
  const std::string& asked = upstream().received;
  EXPECT_THAT(asked, StartsWith("GET /blind HTTP/1.1\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nSec-WebSocket-Key: "));
  EXPECT_THAT(asked, Not(HasSubstr("Transfer-Encoding")));
  send(upstream(), switching());
  take();
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"200"});
  EXPECT_EQ(peer_.answers[1].fields.count("sec-websocket-accept"), 0u);
  EXPECT_FALSE(peer_.answers[1].has_ended);
}

TEST_F(WebSocketHttp2Test, PassesBytesBothWaysAndEndsWithTheStream) {
  open("/blind");
  exchange(http2Content(1, "to the agent", false));
  EXPECT_EQ(upstream().received, "to the agent");
  send(upstream(), "to the client");
  take();
  EXPECT_EQ(peer_.answers[1].content, "to the client");
  upstream().end();
  take();
  EXPECT_TRUE(peer_.answers[1].has_ended);
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(audit()[0]["decision"], "allow");
  EXPECT_FALSE(client_->is_closed) << "other streams go on";
}

TEST_F(WebSocketHttp2Test, AResetIsToldToTheUpstream) {
  open("/blind");
  exchange(http2Reset(1, 8));
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  EXPECT_EQ(audit().size(), 1u);
}

TEST_F(WebSocketHttp2Test, InspectsMessagesHoweverTheyAreCutIntoFrames) {
  open("/seen");
  const std::string bytes = frame("hello", true) + frame("world", true);
  for (const char byte : bytes) exchange(http2Content(1, {&byte, 1}, false));
  EXPECT_EQ(heard(upstream().received, true),
            (std::vector<std::string>{"text:hello", "text:world"}));
  send(upstream(), frame("event", false));
  take();
  EXPECT_EQ(peer_.answers[1].content, frame("event", false));
  exchange(http2Content(1, frame("not masked", false), false));
  EXPECT_THAT(peer_.answers[1].content, EndsWith("frame_malformed"));
  EXPECT_TRUE(peer_.answers[1].has_ended);
  EXPECT_EQ(audit().size(), 3u) << "two messages, and the socket";
}

TEST_F(WebSocketHttp2Test, CarriesSeveralBesideRequests) {
  open("/seen");
  exchange(http2Headers(3, connectTo("/seen"), false) + http2Headers(5, http2Get("/plain")));
  EXPECT_EQ(dialer_.peers.size(), 3u);
  exchange(http2Content(1, frame("first", true), false));
  EXPECT_EQ(dialer_.peers[0]->received, frame("first", true));
}

TEST_F(WebSocketHttp2Test, RefusesWhereTheRouteOpensNoneAndWhatIsNoHandshake) {
  use(kPolicy);
  client_ = connect("192.0.2.7:4000", false, "h2");
  Http2Fields old = connectTo("/blind");
  old.back().second = "8";
  Http2Fields other = connectTo("/blind");
  other[1].second = "webtransport";
  exchange(http2Start() + http2Headers(1, connectTo("/plain"), false) +
           http2Headers(3, old, false) + http2Headers(5, other, false));
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"400"});
  EXPECT_EQ(peer_.answers[3].statuses, std::vector<std::string>{"426"});
  EXPECT_EQ(peer_.answers[5].statuses, std::vector<std::string>{"400"});
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(WebSocketHttp2Test, ARefusedOneLeavesNothingOfItsContentBehind) {
  use(kPolicy);
  client_ = connect("192.0.2.7:4000", false, "h2");
  exchange(http2Start() + http2Headers(1, connectTo("/blind"), false) +
           http2Content(1, "GET /smuggled HTTP/1.1\r\nHost: edge\r\n\r\n", false));
  send(upstream(), "HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  take();
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"403"});
  for (const auto& peer : dialer_.peers) EXPECT_THAT(peer->received, Not(HasSubstr("smuggled")));
}

TEST_F(WebSocketHttp2Test, OffersNoTunnelsWhereNoRouteOpensThem) {
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes: [{name: all, upstream: agent}]
)");
  client_ = connect("192.0.2.7:4000", false, "h2");
  exchange(http2Start() + http2Headers(1, connectTo("/"), false));
  EXPECT_EQ(peer_.settings.count(kConnectProtocol), 0u);
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"400"});
}

}  // namespace
}  // namespace edgehold
