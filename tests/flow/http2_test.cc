// SPDX-License-Identifier: Apache-2.0
// The laws of many requests on one HTTP/2 connection, through the whole server.
// Thread: main only.
#include <gmock/gmock.h>

#include "proxy/base/limits.h"
#include "tests/flow/flow_fixture.h"
#include "tests/support/http2_peer.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::AllOf;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOpen = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent, limits: {body: 1MiB, body_timeout: 5s}}
timeouts: {write: 20s, idle: 30s, head: 3s}
)";

constexpr std::string_view kCollected = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
    limits: {body: 1KiB}
    filters:
      - event_types: {pointer: /type, known: [message]}
)";

class Http2FlowTest : public FlowTest {
 protected:
  std::shared_ptr<FakePeer> connectHttp2() {
    auto client = connect("192.0.2.7:4000", false, "h2");
    exchange(*client, http2Start());
    return client;
  }
  // Sends, and reads what comes back.
  void exchange(FakePeer& client, std::string_view bytes) {
    send(client, bytes);
    take(client);
  }
  void take(FakePeer& client) {
    settle();
    peer_.take(client.received);
    client.received.clear();
  }
  // The upstream connection on which `path` was asked for.
  FakePeer& upstreamOf(std::string_view path) {
    for (const auto& peer : dialer_.peers) {
      if (!peer->is_open && !peer->is_closed) peer->open();
      settle();
      if (peer->received.find(" " + std::string(path) + " ") != std::string::npos) return *peer;
    }
    ADD_FAILURE() << "nobody was asked for " << path;
    return *dialer_.peers.front();
  }
  std::vector<std::string> reasons() {
    std::vector<std::string> codes;
    for (const Json::Value& record : audit()) codes.push_back(record["reason"].asString());
    return codes;
  }

  Http2Peer peer_;
};

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

TEST_F(Http2FlowTest, CarriesManyRequestsAtATime) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")));
  EXPECT_THAT(upstreamOf("/1").received, AllOf(StartsWith("GET /1 HTTP/1.1\r\nhost: h\r\n"),
                                               HasSubstr("X-Forwarded-Host: h\r\n")));
  send(upstreamOf("/3"), kOk);
  take(*client);
  EXPECT_EQ(peer_.answers[3].content, "ok");
  EXPECT_TRUE(peer_.answers[3].has_ended);
  EXPECT_EQ(peer_.answers.count(1), 0u);
  send(upstreamOf("/1"), kOk);
  take(*client);
  EXPECT_TRUE(peer_.answers[1].has_ended);
  EXPECT_EQ(peer_.answers[1].fields.count("x-request-id"), 1u);
  EXPECT_EQ(reasons(), (std::vector<std::string>{"allowed", "allowed"}));
  EXPECT_FALSE(client->is_closed);
}

TEST_F(Http2FlowTest, WritesTheRequestThatWasDecidedOn) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1,
                                 http2Get("/p", "POST") + Http2Fields{{"cookie", "a=1"},
                                                                      {"cookie", "b=2"},
                                                                      {"te", "trailers"},
                                                                      {"x-a", "v"}},
                                 false) +
                        http2Content(1, "hello"));
  const std::string& received = upstreamOf("/p").received;
  EXPECT_THAT(received,
              StartsWith("POST /p HTTP/1.1\r\nhost: h\r\nx-a: v\r\ncookie: a=1; b=2\r\n"));
  EXPECT_THAT(received, Not(HasSubstr("te:")));
  EXPECT_THAT(received, AllOf(HasSubstr("Transfer-Encoding: chunked\r\n"),
                              EndsWith("5\r\nhello\r\n0\r\n\r\n")));
}

TEST_F(Http2FlowTest, SendsNothingUpstreamForAMalformedRequest) {
  use(kOpen);
  const auto client = connectHttp2();
  const std::vector<Http2Fields> kSmuggled = {
      http2Get() + Http2Fields{{"transfer-encoding", "chunked"}},
      http2Get() + Http2Fields{{"connection", "x-forwarded-for"}},
      http2Get() + Http2Fields{{"x-a", "b\r\n\r\nGET /evil HTTP/1.1"}},
      http2Get() + Http2Fields{{"x-a\r\nhost", "evil"}},
      http2Get() + Http2Fields{{"X-Upper", "1"}},
      http2Get() + Http2Fields{{"host", "evil"}},
      http2Get() + Http2Fields{{"content-length", "1"}, {"content-length", "2"}},
      http2Get("/a HTTP/1.1\r\nHost: evil\r\n\r\n"),
      http2Get("/a", "GET /b HTTP/1.1\r\n"),
  };
  StreamId id = 1;
  for (const Http2Fields& fields : kSmuggled) {
    exchange(*client, http2Headers(id, fields));
    EXPECT_EQ(peer_.answers[id].statuses, std::vector<std::string>{"400"});
    EXPECT_THAT(peer_.answers[id].content, HasSubstr("\"reason\":"));
    id += 2;
  }
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_EQ(audit().size(), kSmuggled.size()) << "one decision each";
  EXPECT_FALSE(client->is_closed);
}

TEST_F(Http2FlowTest, SendsNothingUpstreamOfABodyThatEndsShort) {
  use(kCollected);
  const auto client = connectHttp2();
  exchange(*client,
           http2Headers(1, http2Get("/", "POST") + Http2Fields{{"content-length", "99"}}, false) +
               http2Content(1, R"({"type":"message"})"));
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"400"});
  EXPECT_EQ(reasons(), std::vector<std::string>{"framing_conflict"});
}

TEST_F(Http2FlowTest, RefusesABodyPastTheRoutesLimit) {
  use(kCollected);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/", "POST"), false) +
                        http2Content(1, std::string(1025, ' '), false));
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"413"});
  EXPECT_TRUE(peer_.answers[1].has_ended);
  EXPECT_EQ(peer_.answers[1].reset, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(Http2FlowTest, EndsTheUpstreamRequestOfAStreamThatIsReset) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")));
  FakePeer& first = upstreamOf("/1");
  FakePeer& third = upstreamOf("/3");
  exchange(*client, http2Reset(1, NGHTTP2_CANCEL));
  EXPECT_TRUE(first.is_closed);
  EXPECT_FALSE(third.is_closed);
  send(third, kOk);
  take(*client);
  EXPECT_TRUE(peer_.answers[3].has_ended);
  EXPECT_EQ(reasons(), (std::vector<std::string>{"client_closed", "allowed"}));
}

// CVE-2023-44487: a request that its client took back at once costs no upstream anything.
TEST_F(Http2FlowTest, SendsNothingUpstreamOfARequestThatIsResetInTheSameRead) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1")) + http2Reset(1, NGHTTP2_CANCEL) +
                        http2Headers(3, http2Get("/3", "POST"), false) +
                        http2Content(3, "a", false) + http2Reset(3, NGHTTP2_CANCEL) +
                        http2Headers(5, http2Get("/5")));
  ASSERT_EQ(dialer_.peers.size(), 1u);
  EXPECT_THAT(upstreamOf("/5").received, StartsWith("GET /5 "));
  send(upstreamOf("/5"), kOk);
  take(*client);
  EXPECT_TRUE(peer_.answers[5].has_ended);
  EXPECT_EQ(reasons(), (std::vector<std::string>{"client_closed", "client_closed", "allowed"}));
}

TEST_F(Http2FlowTest, LetsOneSlowReaderStopOnlyItsOwnUpstream) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2WindowUpdate(0, 1 << 20) + http2Headers(1, http2Get("/slow")) +
                        http2Headers(3, http2Get("/fast")));
  FakePeer& slow = upstreamOf("/slow");
  send(slow, "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 60; ++i) send(slow, std::string(10'000, 's'));
  EXPECT_FALSE(slow.is_reading) << "its window is full";
  send(upstreamOf("/fast"), kOk);
  take(*client);
  EXPECT_TRUE(peer_.answers[3].has_ended);
  const std::size_t before = peer_.answers[1].content.size();
  EXPECT_EQ(before, 65535u);
  exchange(*client, http2WindowUpdate(1, 1 << 20));
  settle();
  EXPECT_TRUE(slow.is_reading);
  EXPECT_GT(peer_.answers[1].content.size(), before);
}

TEST_F(Http2FlowTest, TimesOutEachBodyByItself) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1", "POST"), false) +
                        http2Headers(3, http2Get("/3", "POST"), false));
  upstreamOf("/1");
  upstreamOf("/3");
  loop_.advance(4s);
  exchange(*client, http2Content(3, std::string(10'000, 'a'), false));
  loop_.advance(2s);
  take(*client);
  EXPECT_EQ(reasons(), std::vector<std::string>{"body_timeout"});
  EXPECT_EQ(peer_.answers[1].statuses, std::vector<std::string>{"408"});
  EXPECT_EQ(peer_.answers.count(3), 0u);
  exchange(*client, http2Content(3, "b"));
  send(upstreamOf("/3"), kOk);
  take(*client);
  EXPECT_TRUE(peer_.answers[3].has_ended);
}

TEST_F(Http2FlowTest, TimesOutABodyThatTrickles) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1", "POST"), false));
  upstreamOf("/1");
  for (int i = 0; i < 3; ++i) {
    exchange(*client, http2Content(1, "a", false));
    loop_.advance(2s);
  }
  take(*client);
  EXPECT_EQ(reasons(), std::vector<std::string>{"body_timeout"});
}

TEST_F(Http2FlowTest, KnowsThePrefaceInClearTextHoweverItIsCut) {
  use(kOpen);
  for (const std::size_t piece : {1u, 5u, 24u, 1000u}) {
    Http2Peer peer;
    const auto client = connect("192.0.2.7:4000", false, "h2c");
    const std::string bytes = http2Start() + http2Headers(1, http2Get("/a/../b"));
    for (std::size_t at = 0; at < bytes.size(); at += piece) send(*client, bytes.substr(at, piece));
    peer.take(client->received);
    EXPECT_EQ(peer.answers[1].statuses, std::vector<std::string>{"400"});
    EXPECT_TRUE(peer.answers[1].has_ended);
  }
}

TEST_F(Http2FlowTest, SpeaksHttp1ToWhoeverBeginsOtherwise) {
  use(kOpen);
  for (const std::string_view bytes :
       {"GET /a/../b HTTP/1.1\r\nHost: h\r\n\r\n", "PRI / HTTP/1.1\r\nHost: h\r\n\r\n",
        "PUT /a/../b HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n"}) {
    const auto client = connect("192.0.2.7:4000", false, "h2c");
    for (const char byte : bytes) send(*client, {&byte, 1});
    if (bytes.starts_with("PRI")) {
      EXPECT_THAT(upstreamOf("/").received, StartsWith("PRI / HTTP/1.1\r\n"));
    } else {
      EXPECT_THAT(client->received, StartsWith("HTTP/1.1 400 Bad Request\r\n"));
    }
  }
}

TEST_F(Http2FlowTest, TimesOutAPartOfAPreface) {
  use(kOpen);
  const auto client = connect("192.0.2.7:4000", false, "h2c");
  send(*client, "PRI * HTT");
  loop_.advance(4s);
  settle();
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 408 "));
  const auto other = connect("192.0.2.7:4001", false, "h2c");
  send(*other, "PR");
  other->end();
  settle();
  EXPECT_EQ(reasons(), (std::vector<std::string>{"head_timeout", "malformed_request"}));
}

TEST_F(Http2FlowTest, RefusesThePrefaceWhereItIsNotAllowed) {
  use(kOpen);
  const auto client = connect();
  send(*client, http2Start());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 "));
  EXPECT_THAT(client->received, Not(HasSubstr(" 200 ")));
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(Http2FlowTest, GivesUpAWindowThatOpensByteByByte) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2WindowUpdate(0, 1 << 20) + http2Headers(1, http2Get("/1")));
  send(upstreamOf("/1"), "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) send(upstreamOf("/1"), std::string(10'000, 's'));
  for (int i = 0; i < 10; ++i) {
    loop_.advance(5s);
    exchange(*client, http2WindowUpdate(1, 1));
  }
  EXPECT_EQ(peer_.answers[1].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(reasons(), std::vector<std::string>{"client_closed"});
}

TEST_F(Http2FlowTest, GivesUpAWindowThatIsHeldShut) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2WindowUpdate(0, 1 << 20) + http2Headers(1, http2Get("/1")));
  send(upstreamOf("/1"), "HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n");
  for (int i = 0; i < 20; ++i) send(upstreamOf("/1"), std::string(10'000, 's'));
  for (int i = 0; i < 5; ++i) {
    loop_.advance(10s);
    settle();
  }
  take(*client);
  EXPECT_EQ(peer_.answers[1].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(reasons(), std::vector<std::string>{"client_closed"});
  EXPECT_THAT(metrics_registry_.render(),
              HasSubstr("edgehold_http2_abuse_total{kind=\"stalled_streams\"} 1\n"));
}

TEST_F(Http2FlowTest, ClosesAnIdleConnectionHoweverManyPingsCome) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1")));
  send(upstreamOf("/1"), kOk);
  for (int i = 0; i < 4; ++i) {
    EXPECT_FALSE(client->is_closed);
    loop_.advance(8s);
    settle();
    if (!client->is_closed) exchange(*client, http2Frame(NGHTTP2_PING, 0, 0, "12345678"));
  }
  EXPECT_TRUE(client->is_closed);
}

TEST_F(Http2FlowTest, TimesOutABlockThatDoesNotEnd) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client,
           http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, http2Block(http2Get())));
  loop_.advance(4s);
  take(*client);
  EXPECT_EQ(reasons(), std::vector<std::string>{"head_timeout"});
  ASSERT_EQ(peer_.goaways.size(), 1u);
  EXPECT_EQ(peer_.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
}

TEST_F(Http2FlowTest, CountsConnectionsThatBreakTheProtocol) {
  use(kOpen);
  const std::string broken = "edgehold_protocol_errors_total{kind=\"http2_protocol\"} ";
  unsigned ended = 0;
  for (const std::string& bytes :
       {http2Frame(NGHTTP2_PRIORITY, 0, 0, "12345"),     // ended by us
        http2Frame(NGHTTP2_DATA, 0, 0, "of no stream"),  // by nghttp2
        http2Frame(NGHTTP2_SETTINGS, 0, 0, "12345"),     // a size that is none
        http2Frame(NGHTTP2_CONTINUATION, 0, 1, "of no head")}) {
    const auto client = connectHttp2();
    exchange(*client, bytes);
    ++ended;
    EXPECT_THAT(metrics_registry_.render(), HasSubstr(broken + std::to_string(ended) + "\n"));
  }
  const auto malformed = connectHttp2();  // a stream's fault is no connection's
  exchange(*malformed, http2Headers(1, {{":method", "GET"}}));
  EXPECT_THAT(metrics_registry_.render(), HasSubstr(broken + "4\n"));
}

TEST_F(Http2FlowTest, ClosesAnAbusiveConnectionAndRecordsWhatItCut) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1")));
  FakePeer& first = upstreamOf("/1");
  std::string flood;
  for (unsigned i = 0; i <= limits::kHttp2PingsMax; ++i) {
    flood += http2Frame(NGHTTP2_PING, 0, 0, "12345678");
  }
  exchange(*client, flood);
  ASSERT_EQ(peer_.goaways.size(), 1u);
  EXPECT_EQ(peer_.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
  EXPECT_TRUE(first.is_closed);
  EXPECT_EQ(reasons(), std::vector<std::string>{"client_closed"});
  EXPECT_THAT(metrics_registry_.render(),
              HasSubstr("edgehold_http2_abuse_total{kind=\"pings\"} 1\n"));
  loop_.advance(2s);
  settle();
  EXPECT_TRUE(client->is_closed);
}

TEST_F(Http2FlowTest, DrainsByGoaway) {
  use(kOpen);
  const auto client = connectHttp2();
  exchange(*client, http2Headers(1, http2Get("/1")));
  FakePeer& first = upstreamOf("/1");
  station_->drain();
  connections_.front()->drain();
  take(*client);
  ASSERT_EQ(peer_.pings.size(), 1u);
  exchange(*client, http2Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, peer_.pings[0]));
  ASSERT_EQ(peer_.goaways.size(), 2u);
  EXPECT_EQ(peer_.goaways[1], std::pair(1u, 0u));
  EXPECT_FALSE(client->is_closed);
  send(first, kOk);
  take(*client);
  EXPECT_TRUE(peer_.answers[1].has_ended);
  EXPECT_TRUE(client->is_closed);
}

TEST_F(Http2FlowTest, DrainsAnIdleClientThatDoesNotListen) {
  use(kOpen);
  const auto client = connectHttp2();
  station_->drain();
  connections_.front()->drain();
  settle();
  loop_.advance(2s);
  settle();
  EXPECT_TRUE(client->is_closed);
}

}  // namespace
}  // namespace edgehold
