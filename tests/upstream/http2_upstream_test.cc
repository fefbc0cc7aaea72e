// SPDX-License-Identifier: Apache-2.0
// The laws of requests that share an HTTP/2 connection to an upstream: who gets which stream, what
// may be repeated, who waits for whom. Thread: main only.
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/upstream/upstream_request.h"
#include "tests/support/fake_dialer.h"
#include "tests/support/fake_loop.h"
#include "tests/support/http2_server_peer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// A request with what came back for it.
struct Asker final : UpstreamRequest::Events {
  Asker() : request(*this) {}

  void onUpstreamHead(ResponseHead&& head) override { status = head.status; }
  void onUpstreamBody(ByteView chunk) override {
    body += chunk;
    if (pauses_at_once) request.pauseResponse(true);
  }
  void onUpstreamEnd() override {
    has_ended = true;
    if (on_end) on_end();
  }
  void onUpstreamError(Error what) override { error = std::move(what); }
  void onUpstreamDrained() override { ++drained; }

  UpstreamRequest request;
  std::uint16_t status = 0;
  std::string body;
  bool has_ended = false;
  bool pauses_at_once = false;
  std::optional<Error> error;
  int drained = 0;
  std::function<void()> on_end;
};

class Http2UpstreamTest : public testing::Test {
 protected:
  Http2UpstreamTest() {
    spec_.name = "agent";
    spec_.addresses = {{"192.0.2.1", 80}};
    spec_.protocol = UpstreamProtocol::kHttp2;
    head_.method_token = "GET";
    head_.method = Method::kGet;
    head_.target.text = head_.target.path = "/";
    head_.headers.add("Host", "agent");
    makePool();
  }

  void makePool() { pool_ = std::make_unique<UpstreamPool>(loop_, graveyard_, dialer_, spec_); }
  FakePeer& peer(std::size_t index) { return *dialer_.peers.at(index); }
  // What the upstream at the other end of a connection has read.
  Http2ServerPeer& server(std::size_t index) {
    while (servers_.size() <= index) servers_.push_back(std::make_unique<Http2ServerPeer>());
    loop_.settle();
    servers_[index]->take(peer(index).received);
    peer(index).received.clear();
    return *servers_[index];
  }
  void open(std::size_t index, std::uint32_t streams_max = 100) {
    peer(index).open();
    say(index, http2ServerStart(streams_max));
  }
  void say(std::size_t index, std::string_view bytes) {
    loop_.settle();
    peer(index).feed(bytes);
    loop_.settle();
  }
  void postNext() {
    head_.method = Method::kPost;
    head_.method_token = "POST";
  }
  std::unique_ptr<Asker> ask(bool ends = true) {
    auto asker = std::make_unique<Asker>();
    asker->request.start(*pool_, head_, {10s, 10s});
    if (ends) asker->request.sendEnd();
    loop_.settle();
    return asker;
  }
  std::vector<std::unique_ptr<Asker>> askMany(std::size_t count) {
    std::vector<std::unique_ptr<Asker>> askers;
    for (std::size_t i = 0; i < count; ++i) askers.push_back(ask());
    return askers;
  }
  // A whole exchange, so that the connection has served.
  void warmUp() {
    const auto first = ask();
    open(0);
    say(0, http2Ok(1));
    ASSERT_TRUE(first->has_ended);
  }

  FakeLoop loop_;
  Graveyard graveyard_{loop_};
  FakeDialer dialer_;
  UpstreamSpec spec_;
  RequestHead head_;
  std::unique_ptr<UpstreamPool> pool_;
  std::vector<std::unique_ptr<Http2ServerPeer>> servers_;
};

TEST_F(Http2UpstreamTest, SendsNothingBeforeTheConnectionIsOpen) {
  const auto asker = ask();
  EXPECT_EQ(peer(0).received, "");
  EXPECT_FALSE(asker->request.hasSent());
  peer(0).open();
  EXPECT_FALSE(server(0).hasSeen(1)) << "nor before somebody there speaks HTTP/2";
  EXPECT_FALSE(asker->request.hasSent());
  say(0, http2ServerStart());
  EXPECT_EQ(server(0).field(1, ":authority"), "agent");
  EXPECT_TRUE(server(0).isWhole(1));
  EXPECT_TRUE(asker->request.hasSent());
}

TEST_F(Http2UpstreamTest, ManyRequestsShareOneConnection) {
  const auto askers = askMany(5);
  ASSERT_EQ(dialer_.peers.size(), 1u);
  open(0);
  EXPECT_TRUE(server(0).isWhole(9));
  say(0, http2Ok(9, "last") + http2Ok(5, "third"));
  EXPECT_EQ(askers[4]->body, "last");
  EXPECT_TRUE(askers[4]->has_ended);
  EXPECT_EQ(askers[2]->body, "third");
  EXPECT_FALSE(askers[0]->has_ended);
  const auto later = ask();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_TRUE(server(0).isWhole(11));
  EXPECT_EQ(pool_->counts().requests_on_kept, 1u);
}

TEST_F(Http2UpstreamTest, SendsOneOverTlsAtOnceAndTheRestWhenTheUpstreamSaidHowMany) {
  spec_.is_tls = true;
  makePool();
  const auto askers = askMany(3);
  peer(0).protocol = "h2";
  peer(0).open();
  EXPECT_TRUE(server(0).hasSeen(1));
  EXPECT_FALSE(server(0).hasSeen(3));
  say(0, http2ServerStart());
  EXPECT_TRUE(server(0).hasSeen(5));
}

TEST_F(Http2UpstreamTest, OpensAnotherConnectionWhenTheUpstreamTakesNoMoreStreams) {
  const auto first = ask();
  open(0, 2);
  const auto second = ask();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  const auto third = ask();
  ASSERT_EQ(dialer_.peers.size(), 2u);
  open(1, 2);
  EXPECT_TRUE(server(1).isWhole(1));
  say(0, http2Ok(1));
  const auto fourth = ask();
  EXPECT_EQ(dialer_.peers.size(), 2u);
}

TEST_F(Http2UpstreamTest, SendsOnlyWhatTheUpstreamTakesAndTheRestElsewhere) {
  postNext();  // nothing of it was sent: even this may start again
  const auto askers = askMany(3);
  ASSERT_EQ(dialer_.peers.size(), 1u);
  open(0, 1);
  EXPECT_TRUE(server(0).hasSeen(1));
  EXPECT_FALSE(server(0).hasSeen(3));
  ASSERT_EQ(dialer_.peers.size(), 3u) << "each finds room for one";
  open(1, 1);
  open(2, 1);
  EXPECT_TRUE(server(1).isWhole(1));
  EXPECT_TRUE(server(2).isWhole(1));
  for (const auto& asker : askers) EXPECT_FALSE(asker->error);
}

TEST_F(Http2UpstreamTest, KeepsToItsOwnBoundOfStreams) {
  const auto askers = askMany(limits::kHttp2UpstreamStreamsMax + 1);
  EXPECT_EQ(dialer_.peers.size(), 2u);
  open(0, 1 << 20);
  EXPECT_TRUE(server(0).hasSeen(2 * limits::kHttp2UpstreamStreamsMax - 1));
}

TEST_F(Http2UpstreamTest, GivesEveryAddressItsTurn) {
  spec_.addresses = {{"192.0.2.1", 80}, {"192.0.2.2", 80}};
  makePool();
  const auto askers = askMany(4);
  EXPECT_EQ(dialer_.peers.size(), 2u);
  open(0);
  open(1);
  EXPECT_TRUE(server(0).hasSeen(3));
  EXPECT_TRUE(server(1).hasSeen(3));
}

TEST_F(Http2UpstreamTest, ASlowClientStopsItsOwnStreamAlone) {
  const auto slow = ask();
  const auto fast = ask();
  open(0);
  slow->pauses_at_once = true;
  say(0, http2Status(1, "200") + http2Status(3, "200") + http2Content(1, "a", false));
  for (int i = 0; i < 50; ++i) say(0, http2Content(3, std::string(16384, 'f'), false));
  for (int i = 0; i < 7; ++i) say(0, http2Content(1, std::string(16384, 's'), false));
  say(0, http2Content(3, "end"));
  EXPECT_TRUE(fast->has_ended);
  EXPECT_EQ(slow->body.size(), 1u);
  EXPECT_EQ(server(0).frames.window_opened.count(1), 0u);
  EXPECT_TRUE(peer(0).is_reading);
  loop_.advance(60s);
  EXPECT_FALSE(slow->error) << slow->error->message << ": the client's fault is not the upstream's";
  slow->pauses_at_once = false;
  slow->request.pauseResponse(false);
  loop_.settle();
  EXPECT_EQ(slow->body.size(), 1u + 7 * 16384);
  EXPECT_GT(server(0).frames.window_opened[1], 7u * 16384);
  say(0, http2Content(1, "end"));
  EXPECT_TRUE(slow->has_ended);
}

TEST_F(Http2UpstreamTest, AStreamThatTakesNothingStopsItsOwnBodyAlone) {
  postNext();
  head_.body = BodyLength::chunked();
  const auto slow = ask(/*ends=*/false);
  const auto fast = ask(/*ends=*/false);
  open(0);
  say(0, http2WindowUpdate(0, 1 << 20));
  const int before = slow->drained;
  slow->request.sendBody(std::string(70'000, 's'));
  fast->request.sendBody("all");
  fast->request.sendEnd();
  loop_.settle();
  EXPECT_EQ(slow->request.queuedBytes(), 70'000u - 65'535);
  EXPECT_EQ(slow->drained, before);
  EXPECT_GT(fast->drained, 0);
  EXPECT_EQ(server(0).content(3), "all");
  EXPECT_TRUE(server(0).isWhole(3));
  say(0, http2WindowUpdate(1, 10'000));
  EXPECT_EQ(slow->request.queuedBytes(), 0u);
  EXPECT_EQ(slow->drained, before + 1);
}

TEST_F(Http2UpstreamTest, EachStreamHasItsOwnDeadline) {
  const auto first = ask();
  open(0);
  loop_.advance(6s);
  const auto second = ask();
  say(0, http2Status(1, "200"));
  loop_.advance(6s);
  say(0, http2Content(1, "more", false));
  loop_.advance(5s);
  EXPECT_FALSE(first->error);
  ASSERT_TRUE(second->error) << "nothing came for it";
  EXPECT_EQ(second->error->reason, Reason::kUpstreamTimeout);
  EXPECT_EQ(server(0).reset(3), NGHTTP2_CANCEL);
  loop_.advance(6s);
  ASSERT_TRUE(first->error) << "idle";
  EXPECT_EQ(first->error->reason, Reason::kUpstreamTimeout);
}

TEST_F(Http2UpstreamTest, TheUpstreamSeesThatACallerLeftAndOthersGoOn) {
  auto leaver = ask();
  const auto stayer = ask();
  open(0);
  leaver.reset();
  loop_.settle();
  EXPECT_EQ(server(0).reset(1), NGHTTP2_CANCEL);
  EXPECT_FALSE(peer(0).is_closed);
  say(0, http2Ok(1) + http2Ok(3));
  EXPECT_TRUE(stayer->has_ended);
}

TEST_F(Http2UpstreamTest, ACallerMayLeaveBeforeTheConnectionIsOpen) {
  auto leaver = ask();
  const auto stayer = ask();
  leaver.reset();
  loop_.settle();
  open(0);
  EXPECT_EQ(server(0).field(1, ":path"), "/");
  EXPECT_FALSE(server(0).hasSeen(3));
  say(0, http2Ok(1));
  EXPECT_TRUE(stayer->has_ended);
}

TEST_F(Http2UpstreamTest, RepeatsOnceWhatTheUpstreamRefusedIfItMay) {
  warmUp();
  const auto asker = ask();
  say(0, http2Reset(3, NGHTTP2_REFUSED_STREAM));
  EXPECT_FALSE(asker->error);
  EXPECT_TRUE(server(0).isWhole(5));
  say(0, http2Reset(5, NGHTTP2_REFUSED_STREAM));
  ASSERT_TRUE(asker->error) << "once, not for ever";
  EXPECT_EQ(asker->error->reason, Reason::kUpstreamReset);
  EXPECT_FALSE(server(0).hasSeen(7));
}

TEST_F(Http2UpstreamTest, RepeatsElsewhereWhatAGoawayLeftOut) {
  const auto served = ask();
  const auto left_out = ask();
  open(0);
  say(0, http2Goaway(1));
  ASSERT_EQ(dialer_.peers.size(), 2u);
  open(1);
  EXPECT_TRUE(server(1).isWhole(1));
  say(0, http2Ok(1));
  EXPECT_TRUE(served->has_ended);
  EXPECT_TRUE(peer(0).is_closed) << "nothing is left on it";
  say(1, http2Ok(1));
  EXPECT_TRUE(left_out->has_ended);
}

TEST_F(Http2UpstreamTest, NeverRepeatsWhatMayNotBe) {
  const std::string kEndings[] = {http2Reset(3, NGHTTP2_REFUSED_STREAM), http2Goaway(1), ""};
  for (const Method method : {Method::kPost, Method::kPatch, Method::kPut}) {
    for (const std::string& ending : kEndings) {
      dialer_.peers.clear();
      servers_.clear();
      head_ = RequestHead();
      head_.method_token = "GET";
      head_.method = Method::kGet;
      head_.headers.add("Host", "agent");
      head_.target.text = head_.target.path = "/";
      makePool();
      warmUp();
      head_.method = method;
      // A PUT may be repeated, but not its body.
      if (method == Method::kPut) head_.body = BodyLength::known(4);
      const auto asker = ask(/*ends=*/false);
      if (method == Method::kPut) asker->request.sendBody("body");
      asker->request.sendEnd();
      loop_.settle();
      EXPECT_TRUE(server(0).isWhole(3));
      ending.empty() ? peer(0).reset() : say(0, ending);
      loop_.settle();
      EXPECT_EQ(dialer_.peers.size(), 1u);
      EXPECT_FALSE(server(0).hasSeen(5));
      ASSERT_TRUE(asker->error);
      EXPECT_EQ(asker->error->reason, Reason::kUpstreamReset);
    }
  }
}

TEST_F(Http2UpstreamTest, RepeatsAGetOnceWhenAConnectionThatHadServedBrokeWithoutAWord) {
  for (const bool is_reset : {false, true}) {
    dialer_.peers.clear();
    servers_.clear();
    makePool();
    warmUp();
    const auto asker = ask();
    EXPECT_TRUE(server(0).isWhole(3));
    is_reset ? peer(0).reset() : peer(0).end();
    loop_.settle();
    EXPECT_FALSE(asker->error);
    ASSERT_EQ(dialer_.peers.size(), 2u);
    open(1);
    EXPECT_TRUE(server(1).isWhole(1));
    peer(1).reset();
    loop_.settle();
    EXPECT_EQ(dialer_.peers.size(), 2u);
    EXPECT_TRUE(asker->error);
  }
}

TEST_F(Http2UpstreamTest, NeverRepeatsOnANewConnectionNorAfterAWord) {
  const auto first = ask();
  open(0);
  peer(0).reset();
  loop_.settle();
  EXPECT_TRUE(first->error);
  EXPECT_EQ(dialer_.peers.size(), 1u);
  dialer_.peers.clear();
  servers_.clear();
  makePool();
  warmUp();
  const auto second = ask();
  say(0, http2Frame(NGHTTP2_PING, 0, 0, "12345678"));
  peer(0).reset();
  loop_.settle();
  EXPECT_TRUE(second->error);
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(Http2UpstreamTest, NeverRepeatsWhatTookTooLong) {
  warmUp();
  const auto asker = ask();
  loop_.advance(10s + 1ms);
  ASSERT_TRUE(asker->error);
  EXPECT_EQ(asker->error->reason, Reason::kUpstreamTimeout);
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(Http2UpstreamTest, LeavesAConnectionThatSaysNothingAtAll) {
  warmUp();
  const auto asker = ask();
  loop_.advance(10s + 1ms);
  ASSERT_TRUE(asker->error);
  EXPECT_TRUE(peer(0).is_closed);
  const auto next = ask();
  EXPECT_EQ(dialer_.peers.size(), 2u);
}

TEST_F(Http2UpstreamTest, RefusesAnUpstreamThatDoesNotChooseIt) {
  spec_.is_tls = true;
  makePool();
  for (const std::string_view chosen : {"http/1.1", "", "h2c"}) {
    const auto asker = ask();
    dialer_.peers.back()->protocol = chosen;
    dialer_.peers.back()->open();
    loop_.settle();
    ASSERT_TRUE(asker->error);
    EXPECT_EQ(asker->error->reason, Reason::kUpstreamUnreachable);
    EXPECT_EQ(asker->error->message, "upstream did not choose HTTP/2 by ALPN");
    EXPECT_EQ(dialer_.peers.back()->received, "");
    EXPECT_TRUE(dialer_.peers.back()->is_closed);
  }
  EXPECT_EQ(dialer_.peers.size(), 3u) << "no second try";
  const auto asker = ask();
  dialer_.peers.back()->protocol = "h2";
  open(3);
  EXPECT_EQ(server(3).field(1, ":scheme"), "https");
}

TEST_F(Http2UpstreamTest, FailsOnAnUpstreamThatSpeaksSomethingElse) {
  const auto asker = ask();
  peer(0).open();
  EXPECT_FALSE(server(0).hasSeen(1));
  say(0, "HTTP/1.1 400 Bad Request\r\nConnection: close\r\n\r\n");
  ASSERT_TRUE(asker->error);
  EXPECT_EQ(asker->error->reason, Reason::kUpstreamUnreachable);
  EXPECT_FALSE(server(0).hasSeen(1));
  EXPECT_FALSE(asker->request.hasSent());
  EXPECT_TRUE(peer(0).is_closed);
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(Http2UpstreamTest, GivesUpConnectingAtTheDeadline) {
  const auto first = ask();
  loop_.advance(spec_.connect_timeout / 2);
  const auto second = ask();
  loop_.advance(spec_.connect_timeout / 2 + 1ms);
  for (const auto* asker : {first.get(), second.get()}) {
    ASSERT_TRUE(asker->error) << "a connection is not waited for anew by each";
    EXPECT_EQ(asker->error->reason, Reason::kUpstreamUnreachable);
  }
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, GivesUpWaitingForAnUpstreamThatAcceptsAndSaysNothing) {
  const auto first = ask();
  peer(0).open();
  loop_.advance(spec_.connect_timeout / 2);
  const auto second = ask();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  loop_.advance(spec_.connect_timeout / 2 + 1ms);
  for (const auto* asker : {first.get(), second.get()}) {
    ASSERT_TRUE(asker->error);
    EXPECT_EQ(asker->error->reason, Reason::kUpstreamUnreachable);
    EXPECT_FALSE(asker->request.hasSent());
  }
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, TellsAllWhoWaitThatItWasRefused) {
  const auto askers = askMany(2);
  peer(0).refuse();
  loop_.settle();
  for (const auto& asker : askers) {
    ASSERT_TRUE(asker->error);
    EXPECT_EQ(asker->error->reason, Reason::kUpstreamUnreachable);
  }
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(Http2UpstreamTest, ClosesAnIdleConnectionWithAGoodbye) {
  warmUp();
  loop_.advance(spec_.idle_timeout - 1ms);
  EXPECT_FALSE(peer(0).is_closed);
  loop_.advance(2ms);
  EXPECT_TRUE(peer(0).is_closed);
  EXPECT_EQ(server(0).frames.goaways.size(), 1u);
}

TEST_F(Http2UpstreamTest, KeepsAConnectionThatIsUsed) {
  warmUp();
  for (int i = 0; i < 3; ++i) {
    const auto asker = ask();
    loop_.advance(spec_.idle_timeout - 1ms);
    say(0, http2Ok(static_cast<std::uint32_t>(3 + 2 * i)));
    EXPECT_TRUE(asker->has_ended);
    loop_.advance(spec_.idle_timeout - 1ms);
  }
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_FALSE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, ADrainClosesWhatIsIdleAndFinishesTheRest) {
  warmUp();
  const auto asker = ask();
  pool_->closeIdle();
  loop_.settle();
  EXPECT_FALSE(peer(0).is_closed);
  say(0, http2Ok(3));
  EXPECT_TRUE(asker->has_ended);
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, DropsAnIdleConnectionThatThePeerClosed) {
  warmUp();
  peer(0).end();
  loop_.settle();
  EXPECT_TRUE(peer(0).is_closed);
  const auto next = ask();
  EXPECT_EQ(dialer_.peers.size(), 2u);
}

TEST_F(Http2UpstreamTest, DeliversToASlowClientWhatCameBeforeTheEnd) {
  const auto slow = ask();
  open(0);
  slow->pauses_at_once = true;
  say(0, http2Status(1, "200") + http2Content(1, "a", false));
  say(0, http2Content(1, "ll"));
  peer(0).end();
  loop_.settle();
  EXPECT_FALSE(slow->error);
  slow->pauses_at_once = false;
  slow->request.pauseResponse(false);
  loop_.settle();
  EXPECT_EQ(slow->body, "all");
  EXPECT_TRUE(slow->has_ended);
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, StopsTheBodyWhenTheUpstreamAnsweredEarly) {
  postNext();
  head_.body = BodyLength::chunked();
  const auto asker = ask(/*ends=*/false);
  open(0);
  asker->request.sendBody("some");
  say(0, http2Status(1, "413", {}, true));
  EXPECT_TRUE(asker->has_ended);
  EXPECT_FALSE(server(0).isWhole(1));
  EXPECT_TRUE(server(0).reset(1).has_value());
  asker->request.sendBody("more");
  asker->request.sendEnd();
  EXPECT_EQ(server(0).content(1), "some");
  EXPECT_FALSE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, OutlivesAPoolThatEndsWithItsLastExchange) {
  const auto asker = ask();
  asker->on_end = [this] { pool_.reset(); };
  open(0);
  say(0, http2Ok(1));
  EXPECT_EQ(pool_, nullptr);
  asker->request.reset();
  loop_.settle();
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(Http2UpstreamTest, RefusesAnUpgrade) {
  head_.wants_upgrade = true;
  const auto asker = ask();
  ASSERT_TRUE(asker->error);
  EXPECT_EQ(asker->error->reason, Reason::kUpgradeRefused);
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(Http2UpstreamTest, IsRefusedWhenItsConnectionsAreThereAndHaveNoRoom) {
  spec_.connections_max = 1;
  makePool();
  const auto askers = askMany(3);
  EXPECT_EQ(dialer_.peers.size(), 1u);
  open(0, /*streams_max=*/2);
  loop_.settle();
  EXPECT_FALSE(askers[0]->error || askers[1]->error);
  ASSERT_TRUE(askers[2]->error.has_value());
  EXPECT_EQ(askers[2]->error->reason, Reason::kOverloaded);
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(Http2UpstreamTest, KeepsNoIdleConnectionThatAnotherWorkerMayNeed) {
  spec_.connections_max = 1;
  const auto slots = std::make_shared<ConnectionSlots>();
  pool_ = std::make_unique<UpstreamPool>(loop_, graveyard_, dialer_, spec_, slots);
  UpstreamPool other(loop_, graveyard_, dialer_, spec_, slots);
  const auto asker = askMany(1);
  open(0);
  loop_.settle();
  peer(0).feed(http2Ok(1));
  loop_.settle();
  EXPECT_TRUE(asker[0]->has_ended);
  EXPECT_TRUE(peer(0).is_closed);
  EXPECT_FALSE(other.isFull());
}

}  // namespace
}  // namespace edgehold
