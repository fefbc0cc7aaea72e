// SPDX-License-Identifier: Apache-2.0
// A WebSocket does not outlive what let its client in: a session that runs out or is ended, a token
// that expires.
// Thread: main only.
#include <gmock/gmock.h>

#include "filters/sessions/session_token.h"
#include "proxy/http/websocket_writer.h"
#include "tests/flow/flow_fixture.h"
#include "tests/flow/websocket_opening.h"
#include "tests/support/heard_frames.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kPolicy = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: login
    match: {path: /session}
    upstream: agent
    filters: [session_login: {app_id: wx1, app_secret: "${env:SECRET}", upstream: agent, keys: "${env:KEY}"}]
  - {name: seen, match: {path: /seen}, upstream: agent, websocket: {inspect: true, idle_timeout: 200h},
     filters: [session_auth: {app_id: wx1, keys: "${env:KEY}"}]}
  - {name: claw, match: {path: /claw}, upstream: agent, filters: [session_auth: {app_id: wx1, keys: "${env:KEY}"}],
     websocket: {inspect: true, protocol: openclaw, idle_timeout: 200h}}
  - {name: blind, match: {path: /blind}, upstream: agent, websocket: {idle_timeout: 200h},
     filters: [session_auth: {app_id: wx1, keys: "${env:KEY}"}]}
  - {name: token, match: {path: /token}, upstream: agent, websocket: {inspect: true, idle_timeout: 200h},
     filters: [jwt_auth: {jwks_file: keys.json, issuer: i, audience: a, leeway: 10s, header: X-Token}]}
  - {name: both, match: {path: /both}, upstream: agent, websocket: {inspect: true, idle_timeout: 200h},
     filters: [session_auth: {app_id: wx1, keys: "${env:KEY}"},
               jwt_auth: {jwks_file: keys.json, issuer: i, audience: a, leeway: 10s, header: X-Token}]}
  - {name: shadow, match: {path: /shadow}, upstream: agent, websocket: {inspect: true, idle_timeout: 200h},
     filters: [session_auth: {mode: shadow, app_id: wx1, keys: "${env:KEY}"}]}
  - {name: open, match: {path: /open}, upstream: agent, websocket: {inspect: true, idle_timeout: 200h}}
)";

class AdmissionTest : public FlowTest {
 protected:
  struct Socket {
    std::shared_ptr<FakePeer> client, agent;
    std::vector<std::string> atClient() const { return heard(client->received, false); }
    std::vector<std::string> atUpstream() const { return heard(agent->received, true); }
  };

  void SetUp() override {
    environment_ = {{"KEY", std::string(40, 'k')}, {"SECRET", "s"}};
    write("keys.json", signer_.jwks());
    use(kPolicy);
  }
  std::int64_t now() const { return unixSeconds(loop_.clock().wallNow()); }
  // Of a session that lives so long, and idles out sooner.
  std::string session(std::chrono::seconds lives, std::chrono::seconds idles = 100h) {
    Session session;
    session.id.fill(static_cast<char>(++sessions_));
    session.subject = "ann";
    session.until = now() + lives.count();
    session.idle_until = now() + idles.count();
    session.idle_seconds = static_cast<std::uint32_t>(idles.count());
    SealingKeys keys;
    keys.push_back({AeadKey(environment_["KEY"], SessionSeal::kPurpose), {}});
    return SessionSeal("wx1", std::move(keys))
        .seal(session, loop_.clock().wallNow(), random_)
        .value();
  }
  std::string token(std::chrono::seconds lives) {
    return signer_.sign(R"({"iss":"i","aud":"a","sub":"ann","exp":)" +
                        std::to_string(now() + lives.count()) + "}");
  }
  Socket open(const std::string& path, const std::string& session, const std::string& token = {}) {
    Socket socket{connect(), nullptr};
    std::string upgrade = "GET " + path + " HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\n";
    if (!session.empty()) upgrade += "Authorization: Bearer " + session + "\r\n";
    if (!token.empty()) upgrade += "X-Token: " + token + "\r\n";
    send(*socket.client, upgrade +
                             "Connection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
                             "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n");
    send(upstream(), kSwitch);
    EXPECT_THAT(socket.client->received, StartsWith("HTTP/1.1 101 ")) << path;
    socket.agent = dialer_.peers.back();
    socket.client->received.clear();
    socket.agent->received.clear();
    return socket;
  }
  void say(const Socket& socket, std::string_view text) {
    Buffer out;
    appendFrame(out, WebSocketOpcode::kText, text, WebSocketMaskKey{1, 2, 3, 4});
    send(*socket.client, out.view());
  }
  void answer(const Socket& socket, std::string_view text) {
    Buffer out;
    appendFrame(out, WebSocketOpcode::kText, text, std::nullopt);
    send(*socket.agent, out.view());
  }
  void wait(Duration time) {
    loop_.advance(time, [this] { station_->endTurn(); });
    settle();
  }
  void end(const std::string& session) {
    const auto client = connect();
    send(*client,
         "DELETE /session HTTP/1.1\r\nHost: edge\r\nAuthorization: Bearer " + session + "\r\n\r\n");
    EXPECT_THAT(client->received, StartsWith("HTTP/1.1 204 "));
  }
  void expectClosedFor(const Socket& socket, std::string_view reason) {
    EXPECT_THAT(socket.atClient(), ElementsAre("close:1008"));
    EXPECT_THAT(socket.atUpstream(), ElementsAre("close:1008"));
    EXPECT_EQ(audit().back()["reason"], std::string(reason));
    EXPECT_EQ(audit().back()["decision"], "deny");
    EXPECT_EQ(audit().back()["websocket"]["close_code"], 1008);
  }

  JwsSigner signer_{JwsAlgorithm::kEs256};
  int sessions_ = 0;
};

TEST_F(AdmissionTest, AnInspectedSocketEndsWithItsSession) {
  const Socket socket = open("/seen", session(1h));
  wait(1h - 1s);
  say(socket, "still");
  EXPECT_THAT(socket.atUpstream(), ElementsAre("text:still"));
  EXPECT_THAT(socket.atClient(), IsEmpty());
  socket.agent->received.clear();
  wait(1s);
  expectClosedFor(socket, "session_expired");
}

TEST_F(AdmissionTest, ABlindTunnelIsCutWithItsSession) {
  const Socket socket = open("/blind", session(1h));
  wait(1h - 1s);
  send(*socket.client, "still");
  EXPECT_EQ(socket.agent->received, "still");
  EXPECT_FALSE(socket.client->is_closed);
  wait(1s);
  EXPECT_TRUE(socket.client->is_closed);
  EXPECT_TRUE(socket.agent->is_closed);
  EXPECT_EQ(audit().back()["reason"], "session_expired");
  EXPECT_EQ(audit().back()["decision"], "deny");
}

TEST_F(AdmissionTest, ASocketEndsWithItsTokenAndTheLeeway) {
  const Socket socket = open("/token", {}, token(600s));
  wait(609s);
  say(socket, "still");
  EXPECT_THAT(socket.atUpstream(), ElementsAre("text:still"));
  socket.agent->received.clear();
  wait(1s);
  expectClosedFor(socket, "credentials_invalid");
}

TEST_F(AdmissionTest, ATokenFromBeyondTheClockEndsNothing) {
  const Socket socket = open("/token", {}, token(std::chrono::seconds(9'000'000'000'000)));
  wait(99h);
  EXPECT_THAT(socket.atClient(), IsEmpty());
}

TEST_F(AdmissionTest, TheFirstOfSeveralThatIsOverEndsIt) {
  for (const bool is_session_first : {true, false}) {
    const Socket socket = open("/both", session(is_session_first ? 100s : 500s),
                               token(is_session_first ? 490s : 90s));
    wait(99s);
    EXPECT_THAT(socket.atClient(), IsEmpty());
    wait(1s);
    expectClosedFor(socket, is_session_first ? "session_expired" : "credentials_invalid");
  }
}

TEST_F(AdmissionTest, TheNextMessageOfAnEndedSessionIsRefusedAndClosesIt) {
  const std::string ended = session(1h);
  const Socket socket = open("/seen", ended);
  const Socket other = open("/seen", session(1h));
  end(ended);
  say(socket, "too late");
  say(other, "in time");
  EXPECT_THAT(other.atUpstream(), ElementsAre("text:in time"));
  EXPECT_THAT(other.atClient(), IsEmpty());
  EXPECT_THAT(socket.atUpstream(), ElementsAre("close:1008"));
  EXPECT_THAT(socket.atClient(), ElementsAre("close:1008"));
  std::vector<std::string> refused;
  for (const Json::Value& record : audit()) {
    if (record["reason"] == "session_expired") refused.push_back(record["decision"].asString());
  }
  EXPECT_THAT(refused, ElementsAre("deny", "deny")) << "the message and the socket";
}

TEST_F(AdmissionTest, NobodyIsAnsweredInASessionThatIsOver) {
  const std::string ended = session(1h);
  const Socket socket = open("/claw", ended);
  end(ended);
  say(socket, R"({"type":"req","id":"1","method":"connect","params":{}})");
  EXPECT_THAT(socket.atClient(), ElementsAre("close:1008"));
  EXPECT_THAT(socket.atUpstream(), ElementsAre("close:1008"));
}

TEST_F(AdmissionTest, SilentSocketsOfAnEndedSessionEndWithinSeconds) {
  const std::string ended = session(1h);
  const Socket socket = open("/seen", ended);
  const Socket blind = open("/blind", ended);
  wait(2s);
  end(ended);
  answer(socket, "what the upstream says is not asked of the client");
  wait(5s);
  EXPECT_EQ(socket.atClient().back(), "close:1008");
  EXPECT_THAT(socket.atUpstream(), ElementsAre("close:1008"));
  EXPECT_TRUE(blind.client->is_closed);
  EXPECT_TRUE(blind.agent->is_closed);
}

TEST_F(AdmissionTest, AnIdleSessionKeepsTheSocketThatItOpened) {
  const Socket socket = open("/seen", session(2h, 60s));
  wait(1h);
  say(socket, "still");
  EXPECT_THAT(socket.atUpstream(), ElementsAre("text:still"));
  EXPECT_THAT(socket.atClient(), IsEmpty());
}

TEST_F(AdmissionTest, ASocketFollowsAWallClockThatIsSet) {
  const Socket socket = open("/seen", session(2h));
  loop_.fakeClock().jumpWall(1h);
  wait(1h - 1s);
  EXPECT_THAT(socket.atClient(), IsEmpty());
  wait(6s);
  expectClosedFor(socket, "session_expired");
}

TEST_F(AdmissionTest, NobodyElsesSocketIsAsked) {
  const Socket socket = open("/open", {});
  const Socket shadowed = open("/shadow", session(10s));
  wait(99h);
  say(socket, "still");
  say(shadowed, "still");
  EXPECT_THAT(socket.atUpstream(), ElementsAre("text:still"));
  EXPECT_THAT(shadowed.atUpstream(), ElementsAre("text:still"));
}

}  // namespace
}  // namespace edgehold
