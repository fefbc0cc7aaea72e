// SPDX-License-Identifier: Apache-2.0
// The laws of what the server takes on and for how long it waits.
// Thread: main only.
#include <gmock/gmock.h>

#include "tests/flow/flow_fixture.h"

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
routes:
  - name: all
    match: {path: /}
    upstream: agent
    limits: {body: 4MiB}
)";

// A filter of this one needs the whole body.
constexpr std::string_view kChecked = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
    limits: {body: 4MiB}
    filters:
      - event_types: {pointer: /type, known: [message]}
)";

constexpr std::string_view kGet = "GET /a HTTP/1.1\r\nHost: edge\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

std::string post(std::size_t bytes) {
  return "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n";
}

class ResourcesTest : public FlowTest {
 protected:
  void bound(LimitSpec spec) { capacity_.adopt(spec, 1, 100'000); }
  std::string reasonOf(std::size_t record) { return audit().at(record)["reason"].asString(); }
  void pass(Duration time) {
    loop_.advance(time);
    settle();
  }
  // The client's kernel takes `bytes` a second for `seconds`, or until it is cut off.
  void drainSlowly(FakePeer& client, std::size_t bytes, int seconds) {
    for (int i = 0; i < seconds && !client.is_closed; ++i) {
      client.makeRoom(bytes);
      settle();
      pass(1s);
    }
  }
};

// Or every request of every worker would write the one count of the policy.
TEST_F(ResourcesTest, AnExchangeTakesItsReferenceToThePolicyFromItsWorker) {
  use(kOpen);
  const std::shared_ptr<const PolicySnapshot> shared = station_->snapshot();
  station_->adopt(shared);
  const long before = shared.use_count();
  const auto client = connect();
  send(*client, kGet);
  const std::shared_ptr<const PolicySnapshot> taken = station_->snapshot();
  EXPECT_EQ(taken.get(), shared.get());
  EXPECT_GT(taken.use_count(), 2) << "the station's, this one, and that of the exchange";
  EXPECT_EQ(shared.use_count(), before);
}

// --- caps
// -----------------------------------------------------------------------------------------

TEST_F(ResourcesTest, RefusesTheNewestExchangeAtTheCapAndKeepsItsConnection) {
  bound({.exchanges = 2});
  use(kOpen);
  const auto first = connect();
  const auto second = connect();
  const auto third = connect();
  send(*first, kGet);
  FakePeer& first_upstream = upstream();
  send(*second, kGet);
  send(*third, kGet);
  EXPECT_EQ(dialer_.peers.size(), 2u);
  EXPECT_THAT(third->received, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(third->received, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_THAT(third->received, HasSubstr("\"reason\":\"overloaded\""));
  EXPECT_EQ(reasonOf(0), "overloaded");
  EXPECT_FALSE(third->is_closed);
  send(first_upstream, kOk);
  third->received.clear();
  send(*third, kGet);
  EXPECT_EQ(third->received, "") << "there is room now";
  EXPECT_EQ(dialer_.peers.size(), 2u) << "on the connection that the first one left warm";
}

TEST_F(ResourcesTest, GivesTheExchangesSlotBackHoweverItEnds) {
  bound({.exchanges = 1});
  use(kOpen);
  const auto gone = connect();
  send(*gone, kGet);
  gone->reset();
  settle();
  const auto refused = connect();
  send(*refused, "GET / HTTP/1.1\r\nHost : x\r\n\r\n");
  const auto client = connect();
  send(*client, kGet);
  EXPECT_EQ(client->received, "");
  EXPECT_EQ(station_->exchanges().used(), 1);
}

TEST_F(ResourcesTest, AnswersASurplusConnectionWith503AndClosesIt) {
  use(kOpen);
  const auto client = connect("192.0.2.7:4000", /*is_surplus=*/true);
  send(*client, kGet);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(client->received, HasSubstr("Connection: close\r\n"));
  EXPECT_THAT(client->received, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_TRUE(client->is_closed);
  EXPECT_TRUE(dialer_.peers.empty());
  ASSERT_EQ(audit().size(), 1u);
  EXPECT_EQ(reasonOf(0), "overloaded");
}

TEST_F(ResourcesTest, GivesASurplusConnectionLittleTime) {
  use(kOpen);
  const auto client = connect("192.0.2.7:4000", /*is_surplus=*/true);
  pass(limits::kSurplusTimeout + 1ms);
  EXPECT_TRUE(client->is_closed);
}

TEST_F(ResourcesTest, RefusesTheBodyThatDoesNotFitAndNoOther) {
  bound({.buffered_bytes = 1024 * 1024});
  use(kChecked);
  const auto large = connect();
  send(*large, post(900'000) + std::string(300'000, ' '));
  settle();
  EXPECT_EQ(large->received, "");
  const auto second = connect();
  send(*second, post(700'000) + std::string(600'000, ' '));
  EXPECT_THAT(second->received, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(second->received, HasSubstr("Retry-After: 1\r\n"));
  EXPECT_EQ(reasonOf(0), "overloaded");
  EXPECT_EQ(large->received, "");
  const auto small = connect();
  send(*small, post(18) + "{\"type\":\"message\"}");
  EXPECT_THAT(upstream().received, EndsWith("{\"type\":\"message\"}"));
}

TEST_F(ResourcesTest, AccountsForNothingWhenAllIsOver) {
  use(kChecked);
  const auto whole = connect();
  send(*whole, post(18) + "{\"type\":\"message\"}");
  EXPECT_GT(station_->bufferedBytes().used(), 0);
  send(upstream(), kOk);
  const auto cut = connect();
  send(*cut, post(900'000) + std::string(100'000, ' '));
  EXPECT_GT(station_->bufferedBytes().used(), 100'000);
  cut->reset();
  settle();
  EXPECT_EQ(station_->bufferedBytes().used(), 0);
  EXPECT_EQ(station_->exchanges().used(), 0);
}

TEST_F(ResourcesTest, ReadsLessOfEveryAnswerWhenBuffersAreScarce) {
  bound({.buffered_bytes = 1024 * 1024});
  use(kOpen);
  station_->bufferedBytes().charge(1024 * 1024);
  const auto client = connect();
  send(*client, kGet);
  client->send_room = 0;
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  send(upstream(), std::string(limits::kOutputBytesHighScarce, 'x'));
  send(upstream(), "x");
  EXPECT_FALSE(upstream().is_reading);
  station_->bufferedBytes().give(1024 * 1024);
}

TEST_F(ResourcesTest, StartsNoUploadThatHasNoRoom) {
  bound({.buffered_bytes = 1024 * 1024});
  use(kOpen);
  station_->bufferedBytes().charge(1024 * 1024);
  const auto client = connect();
  send(*client, post(4'000'000));
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 503 "));
  EXPECT_TRUE(dialer_.peers.empty());
  station_->bufferedBytes().give(1024 * 1024);
}

TEST_F(ResourcesTest, KeepsWhatOneConnectionHoldsSmallBothWays) {
  use(kOpen);
  const auto reader = connect();
  send(*reader, kGet);
  reader->send_room = 0;
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 100000000\r\n\r\n");
  upstream().feed(std::string(10'000'000, 'x'));
  settle();
  EXPECT_LE(station_->bufferedBytes().used(), 256 * 1024);
  reader->reset();
  settle();
  const auto writer = connect();
  send(*writer, post(4'000'000));
  upstream().send_room = 0;
  writer->feed(std::string(4'000'000, 'x'));
  settle();
  EXPECT_LE(station_->bufferedBytes().used(), 256 * 1024);
}

TEST_F(ResourcesTest, AsksNoMoreOfAClientThatTakesNoAnswers) {
  std::string elsewhere(kOpen);
  elsewhere.replace(elsewhere.find("path: /"), 7, "path: /x");
  use(elsewhere);
  const auto client = connect();
  client->send_room = 0;
  std::string refused;
  for (int i = 0; i < 1000; ++i) {
    refused += "GET /nowhere HTTP/1.1\r\nHost: edge\r\n\r\n";
  }
  for (int i = 0; i < 5; ++i) send(*client, refused);
  EXPECT_LE(station_->bufferedBytes().used(), 512 * 1024);
  EXPECT_FALSE(client->is_reading);
  EXPECT_LT(recordsWritten(), 1000u);
  for (int turns = 0; turns < 2000 && recordsWritten() < 5000; ++turns) {
    client->makeRoom(1'000'000);
    settle();
    client->deliver();
    settle();
  }
  EXPECT_EQ(recordsWritten(), 5000u) << "each is answered in the end";
}

// --- deadlines
// ------------------------------------------------------------------------------------

TEST_F(ResourcesTest, CutsAHandshakeThatDoesNotEnd) {
  use(kOpen);
  auto client = std::make_shared<FakePeer>();
  connections_.push_back(
      std::make_unique<ClientConnection>(*station_, std::make_unique<FakeTransport>(client),
                                         [this](ClientConnection& ended) { bury(ended); }));
  connections_.back()->start();
  pass(limits::kHandshakeTimeout - 1ms);
  EXPECT_FALSE(client->is_closed);
  pass(2ms);
  EXPECT_TRUE(client->is_closed);
}

TEST_F(ResourcesTest, CutsABodyThatComesByteByByte) {
  use(kOpen);
  const auto client = connect();
  send(*client, post(1000));
  upstream();
  for (int i = 0; i < 100 && client->received.empty(); ++i) {
    send(*client, "x");
    pass(1s);
  }
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 408 "));
  EXPECT_THAT(client->received, HasSubstr("body_timeout"));
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
}

TEST_F(ResourcesTest, KeepsABodyThatComesSteadily) {
  use(kOpen);
  const auto client = connect();
  send(*client, post(60'000));
  upstream();
  for (int i = 0; i < 100; ++i) {
    send(*client, std::string(600, 'x'));
    pass(1s);
  }
  EXPECT_EQ(client->received, "");
  send(upstream(), kOk);
  EXPECT_THAT(client->received, EndsWith("ok"));
}

TEST_F(ResourcesTest, CutsABodyThatStopsAtItsTimeoutFromTheLastByte) {
  use(kOpen);
  const auto client = connect();
  send(*client, post(60'000));
  upstream();
  for (int i = 0; i < 20; ++i) {
    send(*client, std::string(2'000, 'x'));
    pass(1s);
  }
  pass(28s);
  EXPECT_EQ(client->received, "");
  pass(2s);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 408 "));
}

TEST_F(ResourcesTest, CutsABodyThatStopsAtItsTimeoutFromTheLastByteAtAnyRate) {
  use(std::string(kOpen) + "limits: {client_rate: 0B}\n");
  const auto client = connect();
  send(*client, post(60'000));
  upstream();
  for (int i = 0; i < 20; ++i) {
    send(*client, "x");
    pass(1s);
  }
  pass(28s);
  EXPECT_EQ(client->received, "");
  pass(2s);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 408 "));
}

TEST_F(ResourcesTest, TakesAnyRateWhenToldTo) {
  use(std::string(kOpen) + "limits: {client_rate: 0B}\n");
  const auto client = connect();
  send(*client, post(1000));
  upstream();
  for (int i = 0; i < 100; ++i) {
    send(*client, "x");
    pass(1s);
  }
  EXPECT_EQ(client->received, "");
}

TEST_F(ResourcesTest, DoesNotBlameAClientForAnUpstreamThatTakesNothing) {
  use(kOpen);
  const auto client = connect();
  send(*client, post(4'000'000));
  upstream().send_room = 0;
  client->feed(std::string(1'000'000, 'x'));
  settle();
  pass(40s);  // more than the body timeout
  EXPECT_EQ(client->received, "");
  pass(30s);
  EXPECT_THAT(client->received, HasSubstr("upstream_timeout"));
}

TEST_F(ResourcesTest, LetsAnUploadLastLongerThanTheFirstByteTimeout) {
  use(kOpen);
  const auto client = connect();
  send(*client, post(400'000));
  upstream();
  for (int i = 0; i < 400; ++i) {
    send(*client, std::string(1'000, 'x'));
    pass(1s);
  }
  EXPECT_EQ(client->received, "");
  pass(58s);
  EXPECT_EQ(client->received, "");
  pass(3s);
  EXPECT_THAT(client->received, HasSubstr("upstream_timeout")) << "the request is whole by now";
}

TEST_F(ResourcesTest, CutsAReaderThatTakesAByteNowAndThen) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  client->send_room = 0;
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  drainSlowly(*client, 1, 200);
  EXPECT_TRUE(client->is_closed);
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  EXPECT_EQ(reasonOf(0), "client_too_slow");
}

TEST_F(ResourcesTest, KeepsAReaderThatTakesItsAnswerSteadily) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  client->send_room = 0;
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  for (int i = 0; i < 200; ++i) {
    client->makeRoom(600);
    settle();
    upstream().deliver();
    pass(1s);
  }
  EXPECT_FALSE(client->is_closed);
  EXPECT_GT(client->received.size(), 100'000u);
}

TEST_F(ResourcesTest, CutsAReaderThatUploadsToLookAlive) {
  use(kOpen);
  const auto client = connect();
  send(*client, post(1'000'000));
  client->send_room = 0;
  upstream();
  send(*client, "x");
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n" + std::string(100'000, 'x'));
  for (int i = 0; i < 70 && !client->is_closed; ++i) {
    send(*client, std::string(1000, 'x'));
    pass(1s);
  }
  EXPECT_TRUE(client->is_closed);
}

TEST_F(ResourcesTest, CutsAHeadThatIsFollowedByNothingAfterAnAnswer) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(), kOk);
  for (int i = 0; i < 11 && !client->is_closed; ++i) {
    send(*client, i == 0 ? "GET / HTTP/1.1\r\nX: " : "x");
    pass(1s);
  }
  EXPECT_THAT(client->received, HasSubstr("HTTP/1.1 408 "));
  EXPECT_TRUE(client->is_closed);
}

constexpr std::string_view kTotal = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent, limits: {body: 4MiB, total_timeout: 100s}}
)";

TEST_F(ResourcesTest, AnswersWhenTheWholeExchangeTakesTooLongBeforeAnAnswer) {
  use(kTotal);
  const auto client = connect();
  send(*client, post(1'000'000));
  upstream();
  for (int i = 0; i < 99; ++i) {
    send(*client, std::string(1'000, 'x'));
    pass(1s);
  }
  EXPECT_EQ(client->received, "");
  pass(1s);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 504 "));
  EXPECT_THAT(client->received, HasSubstr("exchange_timeout"));
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
}

TEST_F(ResourcesTest, CutsAnAnswerThatTakesTooLongInAll) {
  use(kTotal);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n");
  for (int i = 0; i < 101; ++i) {
    send(*dialer_.peers.back(), "x");
    pass(1s);
    if (i == 98) {
      EXPECT_FALSE(client->is_closed);
    }
  }
  EXPECT_TRUE(client->is_closed);
  EXPECT_EQ(reasonOf(0), "exchange_timeout");
}

TEST_F(ResourcesTest, GivesEachRequestOfAConnectionItsOwnTime) {
  use(kTotal);
  const auto client = connect();
  for (int i = 0; i < 4; ++i) {
    send(*client, kGet);
    upstream();
    pass(50s);
    send(upstream(), kOk);
    pass(1s);
  }
  EXPECT_FALSE(client->is_closed);
  EXPECT_EQ(audit().size(), 4u);
}

TEST_F(ResourcesTest, LetsAnEventStreamLiveUnlessItsRouteSaysOtherwise) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream; charset=utf-8\r\n\r\n");
  for (int i = 0; i < 200; ++i) {
    send(upstream(), "data: x\n\n");
    pass(50s);
  }
  static_assert(200 * 50s > limits::kTotalTimeout);
  EXPECT_FALSE(client->is_closed);
  use(kTotal);
  const auto strict = connect();
  send(*strict, kGet);
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\n\r\n");
  for (int i = 0; i < 3; ++i) {
    send(*dialer_.peers.back(), "data: x\n\n");
    pass(50s);
  }
  EXPECT_TRUE(strict->is_closed);
}

TEST_F(ResourcesTest, EndsAnyOtherAnswerAtTheDefaultTotal) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\n\r\n");
  for (int i = 0; i < 80 && !client->is_closed; ++i) {
    send(*dialer_.peers.back(), "x");
    pass(50s);
  }
  EXPECT_TRUE(client->is_closed);
}

}  // namespace
}  // namespace edgehold
