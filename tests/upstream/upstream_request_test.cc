// SPDX-License-Identifier: Apache-2.0
// The laws of a request on its way to an upstream: warm connections, what may be repeated,
// deadlines. Thread: main only.
#include "proxy/upstream/upstream_request.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/fake_dialer.h"
#include "tests/support/fake_loop.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

struct Recorder final : UpstreamRequest::Events {
  std::uint16_t status = 0;
  std::string body;
  bool has_ended = false;
  std::optional<Error> error;
  int drained = 0;

  void onUpstreamHead(ResponseHead&& head) override { status = head.status; }
  void onUpstreamBody(ByteView chunk) override { body += chunk; }
  void onUpstreamEnd() override { has_ended = true; }
  void onUpstreamError(Error what) override { error = std::move(what); }
  void onUpstreamDrained() override { ++drained; }
};

class UpstreamRequestTest : public testing::Test {
 protected:
  UpstreamRequestTest() {
    spec_.name = "agent";
    spec_.addresses = {{"192.0.2.1", 80}};
    pool_ = std::make_unique<UpstreamPool>(loop_, graveyard_, dialer_, spec_);
    head_.method_token = "GET";
    head_.method = Method::kGet;
    head_.target.text = head_.target.path = "/";
    head_.headers.add("Host", "agent");
  }

  FakePeer& peer(std::size_t index) { return *dialer_.peers.at(index); }
  void start(UpstreamRequest& request) { request.start(*pool_, head_, {10s, 10s}); }
  // A whole exchange on the newest connection, so that it is warm afterwards.
  void warmUp() {
    Recorder recorder;
    UpstreamRequest request(recorder);
    start(request);
    request.sendEnd();
    peer(0).open();
    loop_.settle();
    peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    loop_.settle();
    ASSERT_TRUE(recorder.has_ended);
  }

  UpstreamSpec spec_;
  FakeLoop loop_;
  Graveyard graveyard_{loop_};
  FakeDialer dialer_;
  std::unique_ptr<UpstreamPool> pool_;
  RequestHead head_;
};

TEST_F(UpstreamRequestTest, SendsNothingBeforeTheConnectionIsOpen) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  EXPECT_EQ(peer(0).received, "");
  EXPECT_FALSE(request.hasSent());
  peer(0).open();
  loop_.settle();
  EXPECT_EQ(peer(0).received, "GET / HTTP/1.1\r\nHost: agent\r\n\r\n");
  EXPECT_TRUE(request.hasSent());
}

TEST_F(UpstreamRequestTest, DeliversAnAnswerThatComesByteByByte) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  for (const char byte : std::string("HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi")) {
    peer(0).feed(std::string(1, byte));
    loop_.settle();
  }
  EXPECT_EQ(recorder.status, 200);
  EXPECT_EQ(recorder.body, "hi");
  EXPECT_TRUE(recorder.has_ended);
}

TEST_F(UpstreamRequestTest, KeepsAConnectionWarmForTheNext) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_EQ(pool_->counts().requests_on_kept, 1u);
}

TEST_F(UpstreamRequestTest, DropsAnIdleConnectionThatThePeerClosed) {
  warmUp();
  peer(0).end();
  loop_.settle();
  EXPECT_TRUE(peer(0).is_closed);
  EXPECT_EQ(pool_->takeIdle(), nullptr);
}

TEST_F(UpstreamRequestTest, DropsAnIdleConnectionThatSpeaksOutOfTurn) {
  warmUp();
  peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  loop_.settle();
  EXPECT_EQ(pool_->takeIdle(), nullptr);
}

TEST_F(UpstreamRequestTest, DropsAnIdleConnectionBeforeThePeerWould) {
  warmUp();
  loop_.advance(pool_->spec().idle_timeout + 1ms);
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(UpstreamRequestTest, RepeatsAGetOnceWhenAWarmConnectionWasStale) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  peer(0).reset();
  loop_.settle();
  ASSERT_EQ(dialer_.peers.size(), 2u);
  EXPECT_FALSE(recorder.error.has_value());
  peer(1).open();
  loop_.settle();
  EXPECT_EQ(peer(1).received, "GET / HTTP/1.1\r\nHost: agent\r\n\r\n");
}

TEST_F(UpstreamRequestTest, RepeatsAGetWhenAWarmConnectionEndedInsteadOfAnAnswer) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  peer(0).end();
  loop_.settle();
  ASSERT_EQ(dialer_.peers.size(), 2u);
  EXPECT_FALSE(recorder.error.has_value());
}

TEST_F(UpstreamRequestTest, NeverRepeatsWhatTookTooLong) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  loop_.advance(10s + 1ms);
  EXPECT_EQ(dialer_.peers.size(), 1u);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamTimeout);
}

TEST_F(UpstreamRequestTest, NeverRepeatsAfterTheFirstByteOfAnAnswer) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  peer(0).feed("H");
  peer(0).reset();
  loop_.settle();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_TRUE(recorder.error.has_value());
}

TEST_F(UpstreamRequestTest, StopsTheClockWhileTheClientSendsItsBody) {
  head_.method = Method::kPost;
  head_.method_token = "POST";
  head_.body = BodyLength::known(1000);
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  peer(0).open();
  loop_.settle();
  for (int i = 0; i < 10; ++i) {
    loop_.advance(9s);
    request.sendBody(std::string(100, 'x'));
    loop_.settle();
  }
  request.sendEnd();
  loop_.settle();
  loop_.advance(9s);
  EXPECT_FALSE(recorder.error.has_value());
  loop_.advance(1s + 1ms);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamTimeout);
}

TEST_F(UpstreamRequestTest, GivesUpOnAPeerThatTakesNothing) {
  head_.method = Method::kPost;
  head_.method_token = "POST";
  head_.body = BodyLength::known(1000);
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  peer(0).open();
  loop_.settle();
  peer(0).send_room = 0;
  request.sendBody(std::string(500, 'x'));
  loop_.settle();
  loop_.advance(9s);
  request.sendBody(std::string(500, 'x'));
  loop_.settle();
  loop_.advance(1s + 1ms);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamTimeout);
}

TEST_F(UpstreamRequestTest, NeverRepeatsAPost) {
  warmUp();
  head_.method = Method::kPost;
  head_.method_token = "POST";
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  peer(0).reset();
  loop_.settle();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamReset);
}

TEST_F(UpstreamRequestTest, NeverRepeatsOnANewConnection) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  peer(0).reset();
  loop_.settle();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_TRUE(recorder.error.has_value());
}

TEST_F(UpstreamRequestTest, NeverRepeatsOnceAnAnswerHasBegun) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nab");
  loop_.settle();
  peer(0).reset();
  loop_.settle();
  EXPECT_EQ(dialer_.peers.size(), 1u);
  EXPECT_TRUE(recorder.error.has_value());
  EXPECT_FALSE(recorder.has_ended);
}

TEST_F(UpstreamRequestTest, RepeatsAGetWhoseWarmConnectionWasEndedMeanwhile) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  peer(0).end();
  loop_.settle();
  EXPECT_EQ(dialer_.peers.size(), 2u);
  EXPECT_FALSE(recorder.error.has_value());
}

TEST_F(UpstreamRequestTest, NeverRepeatsOnceAnythingWasHeard) {
  for (const bool is_reset : {false, true}) {
    dialer_.peers.clear();
    warmUp();
    Recorder recorder;
    UpstreamRequest request(recorder);
    start(request);
    request.sendEnd();
    loop_.settle();
    peer(0).feed("H");
    is_reset ? peer(0).reset() : peer(0).end();
    loop_.settle();
    EXPECT_EQ(dialer_.peers.size(), 1u);
    ASSERT_TRUE(recorder.error.has_value());
    EXPECT_EQ(recorder.error->reason, Reason::kUpstreamReset);
  }
}

TEST_F(UpstreamRequestTest, NeverRepeatsAfterADeadline) {
  warmUp();
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  loop_.settle();
  loop_.advance(10s + 1ms);
  EXPECT_EQ(dialer_.peers.size(), 1u);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamTimeout);
}

TEST_F(UpstreamRequestTest, SendsNothingToAPeerThatSpeaksFirst) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).to_send = "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n";
  peer(0).open();
  loop_.settle();
  EXPECT_EQ(peer(0).received, "");
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamMalformed);
}

TEST_F(UpstreamRequestTest, TakesNoAnswerToWhatItHasNotSent) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).send_room = 0;
  peer(0).open();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  loop_.settle();
  EXPECT_EQ(recorder.status, 0);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamMalformed);
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(UpstreamRequestTest, GivesUpConnectingAtTheDeadline) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  loop_.advance(pool_->spec().connect_timeout + 1ms);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamUnreachable);
}

TEST_F(UpstreamRequestTest, GivesUpWaitingForTheFirstByteAtTheDeadline) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  loop_.advance(10s + 1ms);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamTimeout);
}

TEST_F(UpstreamRequestTest, DoesNotBlameTheUpstreamForASlowClient) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  request.pauseResponse(true);
  loop_.advance(60s);
  EXPECT_FALSE(recorder.error.has_value());
  request.pauseResponse(false);
  loop_.settle();
  peer(0).feed("cd");
  EXPECT_TRUE(recorder.has_ended);
}

TEST_F(UpstreamRequestTest, StopsReadingWhilePaused) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\nab");
  request.pauseResponse(true);
  peer(0).feed("cd");
  EXPECT_EQ(recorder.body, "ab");
  EXPECT_FALSE(peer(0).is_reading);
  request.pauseResponse(false);
  loop_.settle();
  peer(0).deliver();
  EXPECT_EQ(recorder.body, "abcd");
}

TEST_F(UpstreamRequestTest, ClosesTheConnectionWhenItIsGivenUpHalfWay) {
  Recorder recorder;
  {
    UpstreamRequest request(recorder);
    start(request);
    request.sendEnd();
    peer(0).open();
    loop_.settle();
  }
  loop_.settle();
  EXPECT_TRUE(peer(0).is_closed);
  EXPECT_EQ(pool_->takeIdle(), nullptr);
}

TEST_F(UpstreamRequestTest, KeepsNoConnectionThatThePeerWillClose) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 0\r\n\r\n");
  loop_.settle();
  EXPECT_TRUE(recorder.has_ended);
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(UpstreamRequestTest, EndsABodyWithoutLengthWhenThePeerCloses) {
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\n\r\nall of it");
  EXPECT_FALSE(recorder.has_ended);
  peer(0).end();
  loop_.settle();
  EXPECT_TRUE(recorder.has_ended);
  EXPECT_EQ(recorder.body, "all of it");
}

TEST_F(UpstreamRequestTest, TellsWhenTheQueuedBodyHasLeft) {
  head_.method = Method::kPost;
  head_.method_token = "POST";
  head_.body = BodyLength::known(8);
  Recorder recorder;
  UpstreamRequest request(recorder);
  start(request);
  peer(0).open();
  loop_.settle();
  peer(0).send_room = 3;
  const int drained = recorder.drained;
  request.sendBody("12345678");
  loop_.settle();
  EXPECT_EQ(request.queuedBytes(), 5u);
  EXPECT_EQ(recorder.drained, drained);
  peer(0).makeRoom(100);
  EXPECT_EQ(request.queuedBytes(), 0u);
  EXPECT_EQ(recorder.drained, drained + 1);
}

// Ends its pool as the last exchange of an old policy does.
struct PoolEnder final : UpstreamRequest::Events {
  explicit PoolEnder(std::unique_ptr<UpstreamPool>& its_pool) : pool(its_pool) {}
  void onUpstreamHead(ResponseHead&&) override {}
  void onUpstreamBody(ByteView) override {}
  void onUpstreamEnd() override { pool.reset(); }
  void onUpstreamError(Error) override {}
  void onUpstreamDrained() override {}
  std::unique_ptr<UpstreamPool>& pool;
};

TEST_F(UpstreamRequestTest, OutlivesAPoolThatEndsWithItsLastExchange) {
  PoolEnder events(pool_);
  UpstreamRequest request(events);
  start(request);
  request.sendEnd();
  peer(0).open();
  loop_.settle();
  peer(0).feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_EQ(pool_, nullptr);
  request.reset();
  loop_.settle();
  EXPECT_TRUE(peer(0).is_closed);
}

TEST_F(UpstreamRequestTest, TellsAnUnresolvableHost) {
  UpstreamSpec spec;
  spec.addresses = {{"nowhere.invalid", 80}};
  UpstreamPool pool(loop_, graveyard_, dialer_, spec);
  Recorder recorder;
  UpstreamRequest request(recorder);
  request.start(pool, head_, {10s, 10s});
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamUnreachable);
}

// A resolver that never answers.
struct SilentDialer final : Dialer {
  Result<std::unique_ptr<Transport>> dial(const UpstreamSpec&, const UpstreamAddress&,
                                          const Endpoint&) override {
    return fail("nothing to dial");
  }
  Async<Result<std::vector<IpAddress>>> resolve(const std::string&) override {
    auto [async, resolver] = Async<Result<std::vector<IpAddress>>>::make();
    waiting.push_back(resolver);
    return std::move(async);
  }
  std::vector<Resolver<Result<std::vector<IpAddress>>>> waiting;
};

TEST_F(UpstreamRequestTest, GivesUpLookingForANameAtTheDeadline) {
  UpstreamSpec spec;
  spec.addresses = {{"slow.example", 80}};
  SilentDialer dialer;
  UpstreamPool pool(loop_, graveyard_, dialer, spec);
  Recorder recorder;
  UpstreamRequest request(recorder);
  request.start(pool, head_, {10s, 10s});
  loop_.advance(spec.connect_timeout - 1ms);
  EXPECT_FALSE(recorder.error.has_value());
  loop_.advance(2ms);
  ASSERT_TRUE(recorder.error.has_value());
  EXPECT_EQ(recorder.error->reason, Reason::kUpstreamUnreachable);
  dialer.waiting.back().resolve(fail("too late"));
  request.reset();
}

// Two workers' pools of one upstream.
class ConnectionBoundTest : public UpstreamRequestTest {
 protected:
  struct Asking {
    Recorder seen;
    UpstreamRequest request{seen};
  };
  void bound(std::size_t most) {
    spec_.connections_max = most;
    const auto slots = std::make_shared<ConnectionSlots>();
    pool_ = std::make_unique<UpstreamPool>(loop_, graveyard_, dialer_, spec_, slots);
    other_ = std::make_unique<UpstreamPool>(loop_, graveyard_, dialer_, spec_, slots);
  }
  std::unique_ptr<Asking> ask(UpstreamPool& pool) {
    auto asking = std::make_unique<Asking>();
    const std::size_t dialled = dialer_.peers.size();
    asking->request.start(pool, head_, {10s, 10s});
    asking->request.sendEnd();
    if (dialer_.peers.size() > dialled) dialer_.peers.back()->open();
    loop_.settle();
    return asking;
  }
  void answer(std::size_t index) {
    peer(index).feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
    loop_.settle();
  }
  bool isRefused(const Asking& asking) {
    return asking.seen.error.has_value() && asking.seen.error->reason == Reason::kOverloaded;
  }

  std::unique_ptr<UpstreamPool> other_;
};

TEST_F(ConnectionBoundTest, HoldsOverAllPoolsAndToTheLastOne) {
  bound(3);
  const auto first = ask(*pool_);
  const auto second = ask(*other_);
  const auto third = ask(*pool_);
  EXPECT_FALSE(first->seen.error || second->seen.error || third->seen.error);
  EXPECT_TRUE(pool_->isFull());
  EXPECT_TRUE(isRefused(*ask(*pool_)));
  EXPECT_TRUE(isRefused(*ask(*other_)));
  EXPECT_EQ(dialer_.peers.size(), 3u);
  third->request.reset();
  loop_.settle();
  EXPECT_FALSE(pool_->isFull());
  const auto again = ask(*other_);
  EXPECT_FALSE(again->seen.error);
  EXPECT_TRUE(isRefused(*ask(*other_)));
}

TEST_F(ConnectionBoundTest, IsNotMetByWhoUsesAConnectionThatIsThere) {
  bound(2);
  const auto held = ask(*pool_);
  const auto first = ask(*pool_);
  answer(1);
  EXPECT_TRUE(pool_->isFull());
  const auto second = ask(*pool_);
  answer(1);
  EXPECT_TRUE(first->seen.has_ended && second->seen.has_ended);
  EXPECT_EQ(dialer_.peers.size(), 2u);
}

TEST_F(ConnectionBoundTest, LetsNoPoolKeepMoreIdleThanItsPart) {
  bound(3);
  const auto first = ask(*pool_);
  const auto second = ask(*pool_);
  answer(0);
  answer(1);
  EXPECT_TRUE(first->seen.has_ended && second->seen.has_ended);
  EXPECT_FALSE(peer(0).is_closed);
  EXPECT_TRUE(peer(1).is_closed);
  const auto third = ask(*other_);
  const auto fourth = ask(*other_);
  EXPECT_FALSE(third->seen.error || fourth->seen.error);
}

// Fewer than there are workers: none keeps any, and each gets its turn.
TEST_F(ConnectionBoundTest, OfOneIsTakenInTurns) {
  bound(1);
  for (std::size_t i = 0; i < 4; ++i) {
    const auto asking = ask(i % 2 == 0 ? *pool_ : *other_);
    EXPECT_TRUE(isRefused(*ask(*pool_)));
    answer(i);
    EXPECT_TRUE(asking->seen.has_ended);
  }
}

TEST_F(ConnectionBoundTest, LetsALostConnectionBeReplacedByItsOwnRequest) {
  bound(2);
  const auto held = ask(*other_);
  const auto first = ask(*pool_);
  answer(1);
  const auto second = ask(*pool_);
  peer(1).end();  // it had closed it before
  loop_.settle();
  ASSERT_EQ(dialer_.peers.size(), 3u);
  peer(2).open();
  loop_.settle();
  answer(2);
  EXPECT_TRUE(second->seen.has_ended);
}

TEST(UpstreamSlots, CountAnUpstreamUnderEveryPolicyAndForgetIt) {
  UpstreamSlots slots;
  auto agent = slots.of("agent");
  EXPECT_EQ(slots.of("agent"), agent);
  EXPECT_NE(slots.of("other"), agent);
  std::optional<ConnectionSlots::Slot> slot = agent->take(1);
  agent = nullptr;  // its pools are gone, a connection is not
  EXPECT_EQ(slots.of("agent")->taken(), 1u);
  slot.reset();
  EXPECT_EQ(slots.of("agent")->taken(), 0u);
}

}  // namespace
}  // namespace edgehold
