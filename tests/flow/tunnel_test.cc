// SPDX-License-Identifier: Apache-2.0
// Laws of the upgrade and of tunnels that are not looked into.
// Thread: main only.
#include <gmock/gmock.h>

#include "tests/flow/flow_fixture.h"
#include "tests/flow/websocket_opening.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOpen = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
timeouts: {idle: 10s}
routes:
  - {name: ws, match: {path: /ws}, upstream: agent, limits: {body: 1KiB}, websocket: {idle_timeout: 60s}}
  - {name: checked, match: {path: /checked}, upstream: agent, websocket: {},
     filters: [ip_access: {allow: ["198.51.100.0/24"]}]}
  - {name: plain, match: {path: /}, upstream: agent}
)";

// RFC 6455 1.3.
constexpr std::string_view kUpgrade =
    "GET /ws HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

std::string replaced(std::string_view text, std::string_view from, std::string_view to) {
  std::string result(text);
  const std::size_t at = result.find(from);
  CHECK(at != std::string::npos) << from;
  return result.replace(at, from.size(), to);
}

class TunnelTest : public FlowTest {
 protected:
  // A client behind its 101; upstream() is the other end. What was said until then is forgotten.
  std::shared_ptr<FakePeer> openTunnel() {
    auto client = connect();
    send(*client, kUpgrade);
    send(upstream(), kSwitch);
    EXPECT_THAT(client->received, StartsWith("HTTP/1.1 101 "));
    client->received.clear();
    upstream().received.clear();
    return client;
  }
};

TEST_F(TunnelTest, AsksTheUpstreamWithTheClientsKeyAndFieldsOfItsOwn) {
  use(kOpen);
  const auto client = connect();
  send(*client, kUpgrade);
  const std::string& asked = upstream().received;
  EXPECT_THAT(asked, StartsWith("GET /ws HTTP/1.1\r\nHost: edge\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nSec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nSec-WebSocket-Version: 13\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(asked, HasSubstr("\r\nX-Forwarded-For: 192.0.2.7\r\n"));
  send(upstream(), kSwitch);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 101 Switching Protocols\r\n"));
  EXPECT_THAT(client->received,
              HasSubstr("\r\nSec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n"));
  EXPECT_THAT(client->received, HasSubstr("\r\nConnection: Upgrade\r\nUpgrade: websocket\r\n"));
  EXPECT_THAT(client->received, Not(HasSubstr("Content-Length")));
  EXPECT_TRUE(audit().empty()) << "the record comes when it is over";
}

TEST_F(TunnelTest, KeepsTheHandshakeWhateverConnectionNames) {
  use(kOpen);
  const auto client = connect();
  send(*client, replaced(kUpgrade, "Connection: Upgrade",
                         "Connection: Upgrade, Sec-WebSocket-Key, Sec-WebSocket-Version, Host"));
  EXPECT_THAT(upstream().received, HasSubstr("Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ=="));
  EXPECT_THAT(upstream().received, HasSubstr("Sec-WebSocket-Version: 13"));
}

TEST_F(TunnelTest, PassesBytesAsTheyAreBothWays) {
  use(kOpen);
  const auto client = openTunnel();
  const std::string bytes("\x81\x05GET /\r\n\r\n\0\xFF", 14);
  send(*client, bytes);
  EXPECT_EQ(upstream().received, bytes);
  send(upstream(), "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(client->received, "HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(TunnelTest, LosesNothingThatCameBehindEitherHead) {
  use(kOpen);
  const auto client = connect();
  send(*client, std::string(kUpgrade) + "early from the client");
  EXPECT_THAT(upstream().received, EndsWith("\r\n\r\n")) << "nothing before the 101";
  send(upstream(), std::string(kSwitch) + "early from the upstream");
  EXPECT_THAT(client->received, EndsWith("\r\n\r\nearly from the upstream"));
  EXPECT_THAT(upstream().received, EndsWith("\r\n\r\nearly from the client"));
}

TEST_F(TunnelTest, ReadsNothingAsARequestThatCameBehindARefusedUpgrade) {
  use(kOpen);
  for (const std::string_view answer : {"HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n",
                                        "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok"}) {
    const auto client = connect();
    send(*client, std::string(kUpgrade) + "GET /smuggled HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(upstream(), answer);
    EXPECT_THAT(client->received, StartsWith(answer.substr(0, 12)));
    EXPECT_THAT(client->received, HasSubstr("\r\nConnection: close\r\n"));
    client->end();
    settle();
    EXPECT_TRUE(client->is_closed);
  }
  for (const auto& peer : dialer_.peers) EXPECT_THAT(peer->received, Not(HasSubstr("smuggled")));
}

TEST_F(TunnelTest, RefusesUpgradesWhereTheRouteOpensNone) {
  use(kOpen);
  const auto client = connect();
  send(*client, replaced(kUpgrade, "/ws", "/else"));
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 400 "));
  EXPECT_THAT(client->received, HasSubstr("upgrade_refused"));
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(TunnelTest, RefusesWhatIsNoHandshake) {
  use(kOpen);
  const std::pair<std::string, std::string_view> cases[] = {
      {replaced(kUpgrade, "GET", "POST"), "400"},
      {replaced(kUpgrade, "Upgrade: websocket", "Upgrade: h2c"), "400"},
      {replaced(kUpgrade, "Upgrade: websocket", "Upgrade: websocket, h2c"), "400"},
      {replaced(kUpgrade, "dGhlIHNhbXBsZSBub25jZQ==", "short"), "400"},
      {replaced(kUpgrade, "Host", "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nHost"), "400"},
      {replaced(kUpgrade, "Host", "Content-Length: 3\r\nHost"), "400"},
      {replaced(kUpgrade, "Sec-WebSocket-Version: 13\r\n", ""), "400"},
      {replaced(kUpgrade, "Version: 13", "Version: 8"), "426"},
  };
  for (const auto& [request, status] : cases) {
    const auto client = connect();
    send(*client, request);
    EXPECT_THAT(client->received, StartsWith("HTTP/1.1 " + std::string(status))) << request;
    EXPECT_EQ(client->received.find("Sec-WebSocket-Version: 13") != std::string::npos,
              status == "426");
  }
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(TunnelTest, IsARequestLikeAnyOtherForTheChain) {
  use(kOpen);
  const auto client = connect();
  send(*client, replaced(kUpgrade, "/ws", "/checked"));
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 403 "));
  EXPECT_TRUE(dialer_.peers.empty());
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(audit()[0]["reason"], "ip_denied");
}

TEST_F(TunnelTest, AnswersAFalseSwitchWith502) {
  use(kOpen);
  const std::string answers[] = {
      replaced(kSwitch, "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=", "s3pPLMBiTxaQ9kYGzzhZRbK+xOp="),
      replaced(kSwitch, "Upgrade: websocket\r\n", ""),
      replaced(kSwitch, "Upgrade: websocket", "Upgrade: other"),
      replaced(kSwitch, "Upgrade: websocket",
               "Sec-WebSocket-Protocol: unasked\r\nUpgrade: websocket"),
  };
  for (const std::string& answer : answers) {
    const auto client = connect();
    send(*client, kUpgrade);
    send(upstream(), answer + "hello");
    EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 ")) << answer;
    EXPECT_THAT(client->received, Not(HasSubstr("hello")));
    EXPECT_TRUE(dialer_.peers.back()->is_closed);
  }
}

TEST_F(TunnelTest, ASwitchThatNobodyAskedForIsAnError) {
  use(kOpen);
  const auto client = connect();
  send(*client, "GET /ws HTTP/1.1\r\nHost: edge\r\n\r\n");
  send(upstream(), kSwitch);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
}

TEST_F(TunnelTest, EndsForBothWhenTheUpstreamCloses) {
  use(kOpen);
  const auto client = openTunnel();
  send(upstream(), "bye");
  upstream().end();
  settle();
  EXPECT_EQ(client->received, "bye");
  EXPECT_TRUE(client->has_output_ended);
  client->end();
  settle();
  EXPECT_TRUE(client->is_closed);
  EXPECT_FALSE(client->was_reset);
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["decision"], "allow");
  EXPECT_EQ(records[0]["status"], 101);
  EXPECT_EQ(records[0]["response_bytes"], 3);
}

TEST_F(TunnelTest, AClientsHalfCloseReachesTheUpstreamWhichMayStillAnswer) {
  use(kOpen);
  const auto client = openTunnel();
  send(*client, "last words");
  client->end();
  settle();
  EXPECT_EQ(upstream().received, "last words");
  EXPECT_TRUE(upstream().has_output_ended);
  send(upstream(), "answer");
  EXPECT_EQ(client->received, "answer");
  upstream().end();
  settle();
  EXPECT_TRUE(client->is_closed);
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(audit()[0]["decision"], "allow");
}

TEST_F(TunnelTest, AClientThatBreaksOffIsToldToTheUpstream) {
  use(kOpen);
  const auto client = openTunnel();
  client->reset();
  settle();
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  EXPECT_EQ(audit().size(), 1u);
}

TEST_F(TunnelTest, LivesLongerThanARequestMayAndEndsWhenNothingMoves) {
  use(kOpen);
  const auto client = openTunnel();
  for (int i = 0; i < 100; ++i) {  // past total_timeout, and past the time of idle connections
    loop_.advance(59s);
    settle();
    send(i % 2 == 0 ? *client : upstream(), "tick");
  }
  EXPECT_FALSE(client->is_closed);
  loop_.advance(61s);
  settle();
  EXPECT_TRUE(client->is_closed);
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(audit()[0]["reason"], "idle_timeout");
}

// As a kernel does while the owner reads and stops to read.
void deliverAll(FakePeer& peer, const std::function<void()>& settle) {
  for (std::size_t before = 1; before > 0 && before != peer.to_send.size();) {
    before = peer.to_send.size();
    peer.deliver();
    settle();
  }
}

TEST_F(TunnelTest, ASlowReaderStopsTheOtherSide) {
  use(kOpen);
  const auto client = openTunnel();
  FakePeer& agent = upstream();
  constexpr std::size_t kFlood = 1024 * 1024;
  for (const auto& [from, to] :
       {std::pair(client.get(), &agent), std::pair(&agent, client.get())}) {
    to->send_room = 0;
    from->feed(std::string(kFlood, 'x'));
    settle();
    EXPECT_FALSE(from->is_reading);
    EXPECT_GT(from->to_send.size(), kFlood / 2) << "little of it is kept here";
    to->makeRoom(kFlood);
    settle();
    deliverAll(*from, [this] { settle(); });
    EXPECT_EQ(to->received.size(), kFlood);
  }
}

TEST_F(TunnelTest, HoldsOneSlotUntilItIsOver) {
  use(kOpen);
  const auto client = openTunnel();
  EXPECT_EQ(station_->exchanges().used(), 1);
  client->reset();
  settle();
  EXPECT_EQ(station_->exchanges().used(), 0);
}

TEST_F(TunnelTest, OpensNoneWhileTheServerDrains) {
  use(kOpen);
  const auto client = connect();
  station_->drain();
  send(*client, kUpgrade);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 503 "));
  EXPECT_TRUE(dialer_.peers.empty());
}

}  // namespace
}  // namespace edgehold
