// SPDX-License-Identifier: Apache-2.0
// A message of an inspected WebSocket that never ends is given up, one that is merely large is not.
// Thread: main only.
#include <gmock/gmock.h>

#include "proxy/http/websocket_writer.h"
#include "tests/flow/flow_fixture.h"
#include "tests/flow/websocket_opening.h"
#include "tests/support/heard_frames.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kPolicy = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
limits: {client_rate: 100B}
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: bare
    match: {path: /}
    upstream: agent
    limits: {body_timeout: 10s}
    websocket: {inspect: true, message_bytes: 64KiB, idle_timeout: 1h}
)";
constexpr std::string_view kUpgrade =
    "GET / HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n\r\n";

class SlowMessageTest : public FlowTest {
 protected:
  void SetUp() override {
    FlowTest::SetUp();
    use(std::string(kPolicy));
    client_ = connect();
    send(*client_, std::string(kUpgrade));
    send(upstream(), std::string(kSwitch));
    ASSERT_THAT(client_->received, StartsWith("HTTP/1.1 101 "));
    client_->received.clear();
    agent_ = dialer_.peers.back();
    agent_->received.clear();
  }
  // One text frame of `bytes` letters.
  static std::string message(std::size_t bytes) {
    Buffer out;
    appendFrame(out, WebSocketOpcode::kText, std::string(bytes, 'x'), WebSocketMaskKey{1, 2, 3, 4});
    return std::string(out.view());
  }
  void wait(Duration time) {
    loop_.advance(time);
    settle();
  }
  std::vector<std::string> atClient() const { return heard(client_->received, false); }
  std::vector<std::string> atUpstream() const { return heard(agent_->received, true); }

  std::shared_ptr<FakePeer> client_;
  std::shared_ptr<FakePeer> agent_;
};

TEST_F(SlowMessageTest, IsGivenUpWhenABodyWouldBe) {
  const std::string slow = message(1000);
  for (int second = 0; second < 12; ++second) {
    send(*client_, slow.substr(static_cast<std::size_t>(second), 1));
    wait(1s);
  }
  send(*client_, slow.substr(12, 40));
  wait(9s);  // of the head nothing is held: the time runs from the first octet behind it
  EXPECT_THAT(atClient(), IsEmpty());
  wait(10s);
  EXPECT_THAT(atClient(), ElementsAre("close:1008"));
  EXPECT_THAT(atUpstream(), ElementsAre("close:1008"));
  EXPECT_EQ(audit().back()["reason"], "body_timeout");
}

TEST_F(SlowMessageTest, HasMoreTimeForWhatCameOfIt) {
  const std::string large = message(6000);
  for (std::size_t at = 0; at < large.size(); at += 150) {  // 60 s at 100 B/s, here in 40 s
    send(*client_, large.substr(at, 150));
    wait(1s);
  }
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + std::string(6000, 'x')));
}

TEST_F(SlowMessageTest, OfWhichManyFollowEachOtherIsNotOne) {
  const std::string two = message(100) + message(100);
  const std::size_t half = message(100).size() / 2;
  send(*client_, two.substr(0, half));
  for (int i = 0; i < 20; ++i) {  // always in the middle of some message
    wait(5s);
    send(*client_, two.substr(half, message(100).size()));
  }
  EXPECT_THAT(atClient(), IsEmpty());
  EXPECT_EQ(atUpstream().size(), 20u);
}

TEST_F(SlowMessageTest, IdleSocketsHaveNoMessage) {
  send(*client_, message(10));
  wait(29min);
  EXPECT_THAT(atClient(), IsEmpty());
  EXPECT_FALSE(client_->is_closed);
}

}  // namespace
}  // namespace edgehold
