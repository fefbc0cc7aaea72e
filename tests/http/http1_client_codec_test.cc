// SPDX-License-Identifier: Apache-2.0
// The laws of the client's side of an HTTP/1 connection.
// Thread: main only.
#include "proxy/http/http1_client_codec.h"

#include <optional>
#include <string>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/http/recording_events.h"

namespace edgehold {
namespace {

class Http1ClientCodecTest : public testing::Test {
 protected:
  StreamId request(std::string_view method, BodyLength body = BodyLength::none(),
                   std::string_view content = {}) {
    RequestHead head;
    head.method_token = method;
    head.method = methodOf(method);
    head.target.text = "/a?b";
    head.headers.add("Host", "h");
    head.body = body;
    head.wants_upgrade = wants_upgrade;
    const StreamId stream = codec.sendHead(head);
    codec.sendBody(stream, content);
    codec.sendEnd(stream);
    sent = takeOutput(codec.pull());
    return stream;
  }

  RecordingClient seen;
  Http1ClientCodec codec{seen};
  Feeder<Http1ClientCodec> feeder{codec};
  std::string sent;
  bool wants_upgrade = false;
};

TEST_F(Http1ClientCodecTest, WritesRequestsWithTheirFraming) {
  request("GET");
  EXPECT_EQ(sent, "GET /a?b HTTP/1.1\r\nHost: h\r\n\r\n");
  feeder.feed("HTTP/1.1 204 No Content\r\n\r\n");
  request("POST");
  EXPECT_EQ(sent, "POST /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 0\r\n\r\n");
  feeder.feed("HTTP/1.1 204 No Content\r\n\r\n");
  request("PUT", BodyLength::known(3), "abc");
  EXPECT_EQ(sent, "PUT /a?b HTTP/1.1\r\nHost: h\r\nContent-Length: 3\r\n\r\nabc");
  feeder.feed("HTTP/1.1 204 No Content\r\n\r\n");
  request("PUT", BodyLength::chunked(), "abc");
  EXPECT_EQ(sent,
            "PUT /a?b HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
            "3\r\nabc\r\n0\r\n\r\n");
}

TEST_F(Http1ClientCodecTest, WritesOneLengthWhateverTheHeadCarries) {
  RequestHead head;
  head.method_token = "POST";
  head.method = Method::kPost;
  head.target.text = "/";
  head.headers.add("Content-Length", "9");
  head.headers.add("transfer-encoding", "chunked");
  head.body = BodyLength::known(1);
  codec.sendHead(head);
  EXPECT_EQ(takeOutput(codec.pull()), "POST / HTTP/1.1\r\nContent-Length: 1\r\n\r\n");
}

struct WholeRow {
  const char* law;
  const char* method;
  std::string response;
  std::string start;
  std::string content;
  bool is_reusable;
};

const WholeRow kWhole[] = {
    {"length", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\nhello", "200 OK", "hello", true},
    {"no content", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n", "200 OK", "", true},
    {"chunked", "GET",
     "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\nT: v\r\n\r\n",
     "200 OK", "hello", true},
    {"close asked", "GET", "HTTP/1.1 200 OK\r\nConnection: close\r\nContent-Length: 1\r\n\r\na",
     "200 OK", "a", false},
    {"1.0", "GET", "HTTP/1.0 200 OK\r\nContent-Length: 1\r\n\r\na", "200 OK", "a", false},
    {"1.0 kept", "GET", "HTTP/1.0 200 OK\r\nConnection: Keep-Alive\r\nContent-Length: 1\r\n\r\na",
     "200 OK", "a", true},
    {"HEAD with a length", "HEAD", "HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n", "200 OK", "",
     true},
    {"HEAD with chunked", "HEAD", "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n", "200 OK",
     "", true},
    {"HEAD without a length", "HEAD", "HTTP/1.1 200 OK\r\n\r\n", "200 OK", "", true},
    {"204", "GET", "HTTP/1.1 204 No Content\r\n\r\n", "204 No Content", "", true},
    {"204 that announces content", "GET", "HTTP/1.1 204 No Content\r\nContent-Length: 5\r\n\r\n",
     "204 No Content", "", false},
    {"304 with a length", "GET", "HTTP/1.1 304 Not Modified\r\nContent-Length: 5\r\n\r\n",
     "304 Not Modified", "", true},
    {"bytes after the end", "GET", "HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nab", "200 OK", "a",
     false},
    {"a second response", "GET",
     "HTTP/1.1 204 No Content\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n",
     "204 No Content", "", false},
    {"interim responses", "GET",
     "HTTP/1.1 100 Continue\r\n\r\nHTTP/1.1 102 Processing\r\n\r\n"
     "HTTP/1.1 103 Early Hints\r\nLink: x\r\n\r\nHTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na",
     "200 OK", "a", true},
};

TEST_F(Http1ClientCodecTest, ReadsWholeResponsesHoweverTheyAreCut) {
  for (const WholeRow& row : kWhole) {
    for (std::size_t split = 0; split <= row.response.size(); ++split) {
      RecordingClient events;
      Http1ClientCodec client(events);
      Feeder<Http1ClientCodec> pieces(client);
      RequestHead head;
      head.method_token = row.method;
      head.method = methodOf(row.method);
      head.target.text = "/";
      client.sendEnd(client.sendHead(head));
      takeOutput(client.pull());
      if (split == 0) {
        pieces.feedInPieces(row.response, 1);
      } else {
        pieces.feed(ByteView(row.response).substr(0, split));
        pieces.feed(ByteView(row.response).substr(split));
      }
      ASSERT_TRUE(events.errors.empty()) << row.law << events.errors[0].message;
      ASSERT_EQ(events.responses.size(), 1u) << row.law;
      ASSERT_EQ(events.responses[0].start, row.start) << row.law;
      ASSERT_EQ(events.responses[0].content, row.content) << row.law;
      ASSERT_TRUE(events.responses[0].is_whole) << row.law;
      ASSERT_EQ(client.isReusable(), row.is_reusable) << row.law << " split at " << split;
    }
  }
}

TEST_F(Http1ClientCodecTest, TellsTheFramingOfAHeadAnswer) {
  request("HEAD");
  feeder.feed("HTTP/1.1 200 OK\r\nContent-Length: 5\r\n\r\n");
  EXPECT_EQ(seen.last_body.kind, BodyLength::Kind::kKnown);
  EXPECT_EQ(seen.last_body.bytes, 5u);
  request("HEAD");
  feeder.feed("HTTP/1.1 200 OK\r\n\r\n");
  EXPECT_EQ(seen.last_body.kind, BodyLength::Kind::kNone);
}

TEST_F(Http1ClientCodecTest, ReadsUntilTheCloseWithoutALength) {
  request("GET");
  feeder.feed("HTTP/1.1 200 OK\r\n\r\nab");
  feeder.feed("c");
  EXPECT_FALSE(seen.responses[0].is_whole);
  codec.receiveEnd();
  EXPECT_EQ(seen.responses[0].content, "abc");
  EXPECT_TRUE(seen.responses[0].is_whole);
  EXPECT_FALSE(codec.isReusable());
}

TEST_F(Http1ClientCodecTest, ReportsResponsesThatAreCutShort) {
  for (const std::string cut :
       {"", "HTT", "HTTP/1.1 200 OK\r\n", "HTTP/1.1 100 Continue\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nab",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n"}) {
    RecordingClient events;
    Http1ClientCodec client(events);
    RequestHead head;
    head.method_token = "GET";
    head.method = Method::kGet;
    client.sendEnd(client.sendHead(head));
    Feeder<Http1ClientCodec>(client).feedInPieces(cut, 1);
    client.receiveEnd();
    ASSERT_EQ(events.errors.size(), 1u) << cut;
    EXPECT_EQ(events.errors[0].reason, Reason::kUpstreamReset) << cut;
    EXPECT_FALSE(client.isReusable());
  }
}

TEST_F(Http1ClientCodecTest, RefusesMalformedResponses) {
  for (const std::string bytes :
       {"SSH-2.0-OpenSSH\r\n", "HTTP/1.1 200 OK\nX: y\n\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nContent-Length: 2\r\n\r\n",
        "HTTP/1.1 200 OK\r\nContent-Length: 1\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n",
        "HTTP/1.1 103 Early Hints\r\nContent-Length: 0\r\n\r\n",
        "HTTP/1.1 100 Continue\r\nTransfer-Encoding: chunked\r\n\r\n",
        "HTTP/1.1 101 Switching Protocols\r\nConnection: upgrade\r\nUpgrade: x\r\n\r\n"}) {
    for (std::size_t piece = 1; piece <= bytes.size(); ++piece) {
      RecordingClient events;
      Http1ClientCodec client(events);
      Feeder<Http1ClientCodec> pieces(client);
      RequestHead head;
      head.method_token = "GET";
      head.method = Method::kGet;
      client.sendEnd(client.sendHead(head));
      pieces.feedInPieces(bytes, piece);
      ASSERT_EQ(events.errors.size(), 1u) << bytes << " by " << piece;
      EXPECT_EQ(events.errors[0].reason, Reason::kUpstreamMalformed) << bytes;
      EXPECT_EQ(pieces.pendingBytes(), 0u);
      EXPECT_FALSE(client.isReusable());
      client.receive("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
      client.receiveEnd();
      EXPECT_EQ(events.errors.size(), 1u) << bytes;
    }
  }
}

TEST_F(Http1ClientCodecTest, BoundsInterimResponses) {
  request("GET");
  for (std::size_t i = 0; i < limits::kInformationalResponsesMax; ++i) {
    feeder.feed("HTTP/1.1 103 Early Hints\r\n\r\n");
  }
  EXPECT_TRUE(seen.errors.empty());
  feeder.feed("HTTP/1.1 103 Early Hints\r\n\r\n");
  EXPECT_EQ(seen.errors.size(), 1u);
}

TEST_F(Http1ClientCodecTest, IsNotReusableAfterBytesThatNobodyAskedFor) {
  feeder.feed("HTTP/1.1 408 Request Timeout\r\n\r\n");
  EXPECT_TRUE(seen.responses.empty());
  EXPECT_TRUE(seen.errors.empty());
  EXPECT_FALSE(codec.isReusable());
}

TEST_F(Http1ClientCodecTest, IsNotReusableAfterTheEnd) {
  EXPECT_TRUE(codec.isReusable());
  codec.receiveEnd();
  EXPECT_FALSE(codec.isReusable());
}

TEST_F(Http1ClientCodecTest, IsNotReusableWhenTheResponseCameBeforeTheRequestWasWhole) {
  RequestHead head;
  head.method_token = "POST";
  head.method = Method::kPost;
  head.target.text = "/";
  head.body = BodyLength::known(10);
  const StreamId stream = codec.sendHead(head);
  takeOutput(codec.pull());
  feeder.feed("HTTP/1.1 403 Forbidden\r\nContent-Length: 0\r\n\r\n");
  EXPECT_TRUE(seen.responses[0].is_whole);
  EXPECT_FALSE(codec.isReusable());
  codec.sendBody(stream, "0123456789");
  codec.sendEnd(stream);
  EXPECT_TRUE(codec.pull().empty());
  EXPECT_FALSE(codec.isReusable());
}

TEST_F(Http1ClientCodecTest, IsNotReusableAfterARequestShorterThanDeclared) {
  request("POST", BodyLength::known(3), "ab");
  feeder.feed("HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
  EXPECT_FALSE(codec.isReusable());
}

TEST_F(Http1ClientCodecTest, DeliversBytesAsTheyAreAfterAnUpgradeAskedFor) {
  wants_upgrade = true;
  RequestHead head;
  head.method_token = "GET";
  head.method = Method::kGet;
  head.target.text = "/ws";
  head.wants_upgrade = true;
  const StreamId stream = codec.sendHead(head);
  takeOutput(codec.pull());
  feeder.feed("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n\r\n\x81\x01x");
  EXPECT_EQ(seen.responses[0].start, "101 Switching Protocols");
  EXPECT_EQ(seen.responses[0].content, "\x81\x01x");
  codec.sendBody(stream, "\x81\x01y");
  EXPECT_EQ(takeOutput(codec.pull()), "\x81\x01y");
  codec.receiveEnd();
  EXPECT_TRUE(seen.responses[0].is_whole);
  EXPECT_FALSE(codec.isReusable());
}

// RFC 9110 8.6, RFC 9112 6.1: some would read a message where others see the tunnel.
TEST_F(Http1ClientCodecTest, RefusesASwitchOfProtocolsThatAnnouncesContent) {
  for (const std::string field :
       {"Content-Length: 0", "Content-Length: 5", "Transfer-Encoding: chunked"}) {
    RecordingClient events;
    Http1ClientCodec client(events);
    RequestHead head;
    head.method_token = "GET";
    head.method = Method::kGet;
    head.wants_upgrade = true;
    client.sendHead(head);
    client.receive("HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\n" + field +
                   "\r\n\r\nhello");
    ASSERT_EQ(events.errors.size(), 1u) << field;
    EXPECT_EQ(events.errors[0].reason, Reason::kUpstreamMalformed);
    EXPECT_TRUE(events.responses.empty()) << field;
    EXPECT_FALSE(client.isTunnel());
  }
}

TEST(Http1ClientCodec, MayBeDestroyedInItsLastEvent) {
  for (const std::string response :
       {"HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na", "HTTP/1.1 204 No\r\n\r\n"}) {
    RecordingClient events;
    std::optional<Http1ClientCodec> client(std::in_place, events);
    events.on_end = [&client](StreamId) { client.reset(); };
    RequestHead head;
    head.method_token = "GET";
    head.method = Method::kGet;
    client->sendEnd(client->sendHead(head));
    takeOutput(client->pull());
    EXPECT_EQ(client->receive(response), response.size());
    EXPECT_FALSE(client.has_value());
  }
}

TEST_F(Http1ClientCodecTest, TakesItsNextRequestWithinTheEndOfTheLast) {
  int ends = 0;
  seen.on_end = [&](StreamId) {
    if (++ends == 1) request("GET");
  };
  request("GET");
  feeder.feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\na");
  feeder.feed("HTTP/1.1 200 OK\r\nContent-Length: 1\r\n\r\nb");
  ASSERT_EQ(seen.responses.size(), 2u);
  EXPECT_EQ(seen.responses[1].content, "b");
  EXPECT_TRUE(codec.isReusable());
}

}  // namespace
}  // namespace edgehold
