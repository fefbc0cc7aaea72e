// SPDX-License-Identifier: Apache-2.0
// The laws of the client's side of an HTTP/2 connection: what is a response and what becomes of one
// that is none. Thread: main only.
#include "proxy/http/http2_client_codec.h"

#include <functional>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/http/recording_events.h"
#include "tests/support/http2_server_peer.h"

namespace edgehold {
namespace {

using testing::HasSubstr;

class RecordingHttp2Client final : public Http2ClientCodec::Events {
 public:
  struct Response {
    std::uint16_t status = 0;
    BodyLength body;
    std::vector<std::pair<std::string, std::string>> fields;
    std::string content;
    int heads = 0;
    int ends = 0;  // of all kinds
    bool is_whole = false;
    std::optional<Error> error;
    bool is_refused = false;
  };

  void onResponseHead(StreamId stream, ResponseHead&& head) override {
    Response& response = responses[stream];
    ++response.heads;
    response.status = head.status;
    response.body = head.body;
    response.fields = fieldsOf(head.headers);
    if (on_head) on_head(stream);
  }
  void onResponseBody(StreamId stream, ByteView chunk) override {
    EXPECT_FALSE(chunk.empty());
    EXPECT_EQ(responses[stream].ends, 0);
    responses[stream].content += chunk;
    if (on_body) on_body(stream);
  }
  void onResponseEnd(StreamId stream) override {
    responses[stream].is_whole = true;
    ++responses[stream].ends;
  }
  void onResponseError(StreamId stream, Error error) override {
    responses[stream].error = std::move(error);
    ++responses[stream].ends;
  }
  void onRequestRefused(StreamId stream, Error) override {
    responses[stream].is_refused = true;
    ++responses[stream].ends;
  }

  std::map<StreamId, Response> responses;
  std::function<void(StreamId)> on_head;
  std::function<void(StreamId)> on_body;
};

// To a reader of HTTP/1, who takes the head's word for where it ends.
bool looksWhole(const RecordingHttp2Client::Response& response) {
  if (response.heads == 0) return false;
  const bool has_all = response.body.kind == BodyLength::Kind::kKnown &&
                       response.content.size() >= response.body.bytes;
  return response.body.kind == BodyLength::Kind::kNone || has_all;
}

class Http2ClientCodecTest : public testing::Test {
 protected:
  // The upstream says `bytes`.
  void hear(std::string_view bytes) {
    EXPECT_EQ(codec.receive(bytes), bytes.size());
    read();
  }
  // Everything that can leave does.
  void read() {
    while (!codec.pull().empty()) peer.take(takeOutput(codec.pull()));
  }
  void settle(std::uint32_t streams_max = 100) {
    read();
    hear(http2ServerStart(streams_max));
  }
  RequestHead request(Method method = Method::kGet, BodyLength body = {}) {
    RequestHead head;
    head.method = method;
    head.method_token = method == Method::kPost ? "POST" : method == Method::kHead ? "HEAD" : "GET";
    head.target.text = head.target.path = "/a?b";
    head.authority = "h";
    head.headers.add("Host", "h");
    head.body = body;
    return head;
  }
  StreamId ask(Method method = Method::kGet) {
    const StreamId stream = codec.sendHead(request(method));
    codec.sendEnd(stream);
    read();
    return stream;
  }
  StreamId post(BodyLength body) {
    const StreamId stream = codec.sendHead(request(Method::kPost, body));
    read();
    return stream;
  }
  // The response to stream 1 has gone wrong, and the other streams have not.
  void expectFault(std::string_view why) {
    ASSERT_TRUE(seen.responses[1].error.has_value());
    EXPECT_EQ(seen.responses[1].error->reason, Reason::kUpstreamMalformed);
    EXPECT_THAT(seen.responses[1].error->message, HasSubstr(why));
    EXPECT_EQ(seen.responses[1].ends, 1);
    const StreamId next = ask();
    hear(http2Ok(next));
    EXPECT_TRUE(seen.responses[next].is_whole) << "others go on";
  }
  void expectEnd(std::string_view why) {
    ASSERT_TRUE(seen.responses[1].error.has_value());
    EXPECT_EQ(seen.responses[1].error->reason, Reason::kUpstreamMalformed);
    EXPECT_THAT(seen.responses[1].error->message, HasSubstr(why));
    EXPECT_FALSE(codec.isUsable());
    EXPECT_TRUE(codec.isFinished());
    ASSERT_FALSE(peer.frames.goaways.empty());
    EXPECT_EQ(peer.frames.goaways.back().second, NGHTTP2_PROTOCOL_ERROR);
  }

  RecordingHttp2Client seen;
  Http2ClientCodec codec{seen, /*is_secure=*/false};
  Http2ServerPeer peer;
};

TEST_F(Http2ClientCodecTest, TellsItsLimitsFirst) {
  read();
  auto& settings = peer.frames.settings;
  EXPECT_EQ(settings.at(NGHTTP2_SETTINGS_ENABLE_PUSH), 0u);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], limits::kHttp2ResponseWindowBytes);
  EXPECT_EQ(settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], limits::kHeadBytesMax);
  EXPECT_EQ(peer.frames.window_opened[0] + 65535, limits::kHttp2ConnectionWindowBytes);
}

TEST_F(Http2ClientCodecTest, WritesARequest) {
  settle();
  RequestHead head = request();
  head.headers.add("X-Upper", "v");
  head.headers.add("Authorization", "Bearer t");
  head.headers.add("Connection", "close");
  head.headers.add("TE", "trailers");
  head.headers.add("Transfer-Encoding", "chunked");
  head.headers.add("Upgrade", "x");
  codec.sendEnd(codec.sendHead(head));
  read();
  EXPECT_EQ(peer.field(1, ":method"), "GET");
  EXPECT_EQ(peer.field(1, ":scheme"), "http");
  EXPECT_EQ(peer.field(1, ":authority"), "h");
  EXPECT_EQ(peer.field(1, ":path"), "/a?b");
  EXPECT_EQ(peer.field(1, "x-upper"), "v");
  EXPECT_EQ(peer.field(1, "authorization"), "Bearer t");
  EXPECT_EQ(peer.frames.answers[1].fields.size(), 6u) << "nothing of a connection, and no host";
  EXPECT_TRUE(peer.isWhole(1));
}

TEST_F(Http2ClientCodecTest, WritesContentWithItsLengthOrWithout) {
  settle();
  const StreamId known = post(BodyLength::known(5));
  codec.sendBody(known, "hello");
  const StreamId unknown = post(BodyLength::chunked());
  codec.sendBody(unknown, "wor");
  codec.sendBody(unknown, "ld");
  read();
  EXPECT_FALSE(peer.isWhole(known));
  codec.sendEnd(known);
  codec.sendEnd(unknown);
  read();
  EXPECT_EQ(peer.field(known, "content-length"), "5");
  EXPECT_EQ(peer.content(known), "hello");
  EXPECT_TRUE(peer.isWhole(known));
  EXPECT_EQ(peer.field(unknown, "content-length"), "");
  EXPECT_EQ(peer.content(unknown), "world");
  EXPECT_TRUE(peer.isWhole(unknown));
}

TEST_F(Http2ClientCodecTest, NeverLetsACutRequestLookWhole) {
  settle();
  const StreamId stream = post(BodyLength::known(5));
  codec.sendBody(stream, "hel");
  codec.sendEnd(stream);
  read();
  EXPECT_FALSE(peer.isWhole(stream));
  EXPECT_TRUE(peer.reset(stream).has_value());
}

TEST_F(Http2ClientCodecTest, ReadsManyResponsesInAnyOrder) {
  settle();
  ask();
  ask();
  hear(http2Ok(3, "three") + http2Status(1, "404", {{"x-a", "b"}, {"content-length", "3"}}) +
       http2Content(1, "o", false) + http2Content(1, "ne"));
  EXPECT_EQ(seen.responses[3].content, "three");
  EXPECT_TRUE(seen.responses[3].is_whole);
  EXPECT_EQ(seen.responses[1].status, 404);
  EXPECT_EQ(seen.responses[1].content, "one");
  EXPECT_TRUE(seen.responses[1].is_whole);
  EXPECT_TRUE(codec.isReusable());
}

TEST_F(Http2ClientCodecTest, SeesTheSameByteByByte) {
  const std::string bytes = http2ServerStart() + http2Status(1, "103") +
                            http2Status(1, "200", {{"content-length", "5"}}) +
                            http2Content(1, "hel", false) + http2Content(1, "lo", false) +
                            http2Headers(1, {{"x-trailer", "t"}});
  ask();
  for (const char byte : bytes) hear({&byte, 1});
  EXPECT_EQ(seen.responses[1].content, "hello");
  EXPECT_TRUE(seen.responses[1].is_whole);
  EXPECT_EQ(seen.responses[1].heads, 1);
  EXPECT_EQ(seen.responses[1].fields.size(), 1u) << "trailers are dropped";
}

TEST_F(Http2ClientCodecTest, WaitsUntilTheUpstreamSaidHowManyStreamsItTakes) {
  Http2ClientCodec secure(seen, /*is_secure=*/true);
  EXPECT_TRUE(secure.hasRoom()) << "ALPN said that it speaks HTTP/2";
  secure.sendEnd(secure.sendHead(request()));
  EXPECT_FALSE(secure.hasRoom());
  EXPECT_FALSE(codec.hasRoom()) << "in clear text nobody has";
  settle(3);
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(codec.hasRoom());
    ask();
  }
  EXPECT_FALSE(codec.hasRoom());
  hear(http2Ok(1));
  EXPECT_TRUE(codec.hasRoom());
}

TEST_F(Http2ClientCodecTest, BeginsNoMoreStreamsThanItsOwnBound) {
  settle(1 << 20);
  for (std::size_t i = 0; i < limits::kHttp2UpstreamStreamsMax; ++i) {
    ASSERT_TRUE(codec.hasRoom());
    ask();
  }
  EXPECT_FALSE(codec.hasRoom());
}

TEST_F(Http2ClientCodecTest, AnswersWithoutContentEndWhereTheyMust) {
  settle();
  for (const bool has_length : {false, true}) {
    const Http2Fields length = has_length ? Http2Fields{{"content-length", "5"}} : Http2Fields{};
    const StreamId head = ask(Method::kHead);
    hear(http2Status(head, "200", length, /*is_end=*/true));
    EXPECT_TRUE(seen.responses[head].is_whole);
    EXPECT_EQ(seen.responses[head].body.kind,
              has_length ? BodyLength::Kind::kKnown : BodyLength::Kind::kNone);
    for (const char* const status : {"204", "304"}) {
      const StreamId none = ask();
      hear(http2Status(none, status, length) + http2Content(none, ""));
      EXPECT_TRUE(seen.responses[none].is_whole) << status;
      EXPECT_EQ(seen.responses[none].body.kind, BodyLength::Kind::kNone);
    }
  }
  const StreamId empty = ask();
  hear(http2Status(empty, "200", {}, /*is_end=*/true));
  EXPECT_TRUE(seen.responses[empty].is_whole);
  EXPECT_EQ(seen.responses[empty].body.kind, BodyLength::Kind::kKnown);
}

TEST_F(Http2ClientCodecTest, FailsAResponseThatIsMalformedAndNoOther) {
  const Http2Fields five = {{"content-length", "5"}};
  const Http2Fields none = {{"content-length", "0"}};
  const auto padded = [](const std::string& content) {
    return http2Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, "\x03" + content + "...");
  };
  const struct {
    const char* why;
    std::string bytes;
    Method method = Method::kGet;
  } kCases[] = {
      {"malformed status", http2Status(1, "2000")},
      {"no status", http2Headers(1, {{"x-a", "1"}}, false)},
      {"control byte", http2Status(1, "200", {{"x-a", "a\r\nb: c"}})},
      {"field of a connection", http2Status(1, "200", {{"connection", "close"}})},
      {"101", http2Status(1, "101")},
      {"1xx head that ends the stream", http2Status(1, "103", {}, true)},
      {"1xx head with a length", http2Status(1, "103", five)},
      {"content before the head", http2Status(1, "103") + http2Content(1, "a")},
      {"ended before the head", http2Status(1, "103") + http2Content(1, "")},
      {"longer than declared", http2Status(1, "200", five) + http2Content(1, "sixsix")},
      {"longer than declared",
       http2Status(1, "200", five) + http2Content(1, "five5", false) + http2Content(1, "6")},
      {"shorter than declared", http2Status(1, "200", five) + http2Content(1, "four")},
      {"content is missing", http2Status(1, "200", five, true)},
      {"content where none may be", http2Status(1, "204") + http2Content(1, "a")},
      {"content where none may be", http2Status(1, "304") + http2Content(1, "a")},
      {"content where none may be", http2Status(1, "200") + http2Content(1, "a"), Method::kHead},
      {"content where none may be", http2Status(1, "200", five) + http2Content(1, "five5"),
       Method::kHead},
      {"longer than declared", http2Status(1, "200", none) + http2Content(1, "a")},
      {"longer than declared", http2Status(1, "200", five) + http2Content(1, "five5", false) +
                                   http2Content(1, "", false) + http2Content(1, "6")},
      {"longer than declared", http2Status(1, "200", five) + padded("five5") + padded("6")},
      {"malformed trailers", http2Status(1, "204") + http2Headers(1, {{":status", "200"}})},
      {"malformed trailers", http2Status(1, "200", five) + http2Content(1, "five5", false) +
                                 http2Headers(1, {{"x", "a\nb"}})},
      {"a head after the head", http2Status(1, "204") + http2Status(1, "200")},
      {"a head after the head", http2Status(1, "200") + http2Status(1, "200")},
      {"malformed trailers", http2Status(1, "200") + http2Status(1, "200", {}, true)},
      {"malformed trailers", http2Status(1, "200") + http2Headers(1, {{"x", "a\nb"}})},
      {"shorter than declared", http2Status(1, "200", five) + http2Headers(1, {{"x-t", "a"}})},
  };
  for (const auto& row : kCases) {
    for (const bool is_cut : {false, true}) {
      SCOPED_TRACE(row.why);
      RecordingHttp2Client events;
      Http2ClientCodec own(events, false);
      Http2ServerPeer server;
      const auto flush = [&] {
        while (!own.pull().empty()) server.take(takeOutput(own.pull()));
      };
      const auto hears = [&](std::string_view bytes) {
        for (std::size_t at = 0; at < bytes.size(); at += is_cut ? 1 : bytes.size()) {
          own.receive(is_cut ? bytes.substr(at, 1) : bytes);
        }
        flush();
      };
      flush();
      hears(http2ServerStart());
      own.sendEnd(own.sendHead(request(row.method)));
      own.sendEnd(own.sendHead(request()));
      flush();
      hears(row.bytes);
      ASSERT_TRUE(events.responses[1].error.has_value());
      EXPECT_EQ(events.responses[1].error->reason, Reason::kUpstreamMalformed);
      EXPECT_THAT(events.responses[1].error->message, HasSubstr(row.why));
      EXPECT_EQ(events.responses[1].ends, 1);
      EXPECT_FALSE(events.responses[1].is_whole);
      EXPECT_FALSE(looksWhole(events.responses[1]));
      hears(http2Ok(3));
      EXPECT_TRUE(events.responses[3].is_whole) << "the others go on";
      EXPECT_TRUE(own.isReusable());
    }
  }
}

TEST_F(Http2ClientCodecTest, KeepsTheLastByteBackUntilItIsTheLast) {
  settle();
  ask();
  hear(http2Status(1, "200", {{"content-length", "5"}}) + http2Content(1, "hello", false));
  EXPECT_EQ(seen.responses[1].content, "hell");
  codec.pause(1, true);
  codec.pause(1, false);
  codec.deliver(1);
  EXPECT_EQ(seen.responses[1].content, "hell") << "a pause does not let it go";
  hear(http2Content(1, ""));
  EXPECT_EQ(seen.responses[1].content, "hello");
  EXPECT_TRUE(seen.responses[1].is_whole);
  EXPECT_TRUE(codec.isReusable());
}

TEST_F(Http2ClientCodecTest, ANoContentAnswerThatNeverEndsIsNone) {
  settle();
  ask();
  hear(http2Status(1, "204"));
  EXPECT_EQ(seen.responses[1].heads, 0);
  hear(http2Frame(NGHTTP2_RST_STREAM, 0, 1, http2Number(NGHTTP2_NO_ERROR)));
  ASSERT_TRUE(seen.responses[1].error.has_value());
  EXPECT_EQ(seen.responses[1].error->reason, Reason::kUpstreamReset);
  EXPECT_EQ(seen.responses[1].heads, 0);
}

TEST_F(Http2ClientCodecTest, TellsTheUpstreamThatItsResponseWasMalformed) {
  settle();
  ask();
  hear(http2Status(1, "200", {{"content-length", "1"}}) + http2Content(1, "ab", false));
  expectFault("longer");
  EXPECT_EQ(peer.reset(1), NGHTTP2_PROTOCOL_ERROR);
}

TEST_F(Http2ClientCodecTest, SwallowsAFewInterimHeadsAndNoMore) {
  settle();
  ask();
  for (std::size_t i = 0; i < limits::kInformationalResponsesMax; ++i) hear(http2Status(1, "103"));
  EXPECT_FALSE(seen.responses[1].error);
  hear(http2Status(1, "103"));
  expectFault("too many 1xx");
}

TEST_F(Http2ClientCodecTest, EndsAConnectionThatBreaksTheProtocol) {
  const struct {
    const char* what;
    std::string bytes;
  } kCases[] = {
      {"another protocol", "HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\n\r\n"},
      {"no SETTINGS first", http2Ok(1)},
      {"content before any head", http2ServerStart() + http2Content(1, "a")},
      {"a push", http2ServerStart() + http2Frame(NGHTTP2_PUSH_PROMISE, NGHTTP2_FLAG_END_HEADERS, 1,
                                                 http2Number(2) + http2Block(http2Get()))},
      {"a stream that nobody opened", http2ServerStart() + http2Ok(2)},
      {"a stream from the future", http2ServerStart() + http2Ok(5)},
      {"a frame too large",
       http2ServerStart() + http2Status(1, "200") + http2Content(1, std::string(16385, 'a'))},
      {"a broken block", http2ServerStart() + http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS,
                                                         1, "\xff\xff\xff\xff\xff\xff")},
      {"a short SETTINGS", http2ServerStart() + http2Frame(NGHTTP2_SETTINGS, 0, 0, "12345")},
      {"another frame in a block",
       http2ServerStart() + http2Frame(NGHTTP2_HEADERS, 0, 1, http2Block({{":status", "200"}})) +
           http2Frame(NGHTTP2_PING, 0, 0, "12345678")},
  };
  for (const auto& row : kCases) {
    SCOPED_TRACE(row.what);
    RecordingHttp2Client events;
    Http2ClientCodec own(events, false);
    own.sendEnd(own.sendHead(request()));
    Http2ServerPeer server;
    const auto flush = [&] {
      while (!own.pull().empty()) server.take(takeOutput(own.pull()));
    };
    flush();
    own.receive(row.bytes);
    flush();
    ASSERT_TRUE(events.responses[1].error.has_value());
    EXPECT_EQ(events.responses[1].error->reason, Reason::kUpstreamMalformed);
    EXPECT_EQ(events.responses[1].ends, 1);
    EXPECT_FALSE(own.isUsable());
    EXPECT_TRUE(own.isFinished());
    EXPECT_EQ(own.receive(http2Ok(1)), http2Ok(1).size()) << "nothing more is read";
    EXPECT_EQ(events.responses[1].ends, 1);
  }
}

TEST_F(Http2ClientCodecTest, BoundsWhatAnUpstreamMayAskFor) {
  const struct {
    const char* what;
    std::string frame;
    std::size_t times;
  } kFloods[] = {
      {"SETTINGS", http2Frame(NGHTTP2_SETTINGS, 0, 0, ""), limits::kHttp2SettingsMax},
      {"PING", http2Frame(NGHTTP2_PING, 0, 0, "12345678"), limits::kHttp2PingsMax},
      {"PRIORITY", http2Frame(NGHTTP2_PRIORITY, 0, 1, http2Number(0) + "a"),
       limits::kHttp2PrioritiesMax},
      {"WINDOW_UPDATE", http2WindowUpdate(0, 1), limits::kHttp2WindowUpdatesMax},
      {"empty DATA", http2Content(1, "", false), limits::kHttp2EmptyContentMax},
      {"padding", http2Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\2\0\0", 3)),
       limits::kHttp2EmptyContentMax},
      {"unknown frames", http2Frame(0xee, 0, 0, "x"), limits::kHttp2StrangeFramesMax},
  };
  for (const auto& flood : kFloods) {
    SCOPED_TRACE(flood.what);
    RecordingHttp2Client events;
    Http2ClientCodec own(events, false);
    own.sendEnd(own.sendHead(request()));
    own.pull().clear();
    own.receive(http2ServerStart() + http2Status(1, "200"));
    for (std::size_t i = 2; i < flood.times; ++i) own.receive(flood.frame);
    EXPECT_FALSE(events.responses[1].error);
    own.receive(flood.frame + flood.frame + flood.frame);
    ASSERT_TRUE(events.responses[1].error);
    EXPECT_EQ(events.responses[1].error->reason, Reason::kUpstreamMalformed);
  }
}

TEST_F(Http2ClientCodecTest, BoundsAHeaderBlockThatGrowsWithoutEnd) {
  settle();
  ask();
  hear(http2Frame(NGHTTP2_HEADERS, 0, 1, http2Block({{":status", "200"}})));
  for (std::size_t i = 0; i <= limits::kHttp2ContinuationsMax; ++i) {
    hear(http2Frame(NGHTTP2_CONTINUATION, 0, 1, http2Block({{"x", "y"}})));
  }
  expectEnd("too many frames");
}

TEST_F(Http2ClientCodecTest, TakesABlockInAFewFramesHoweverTheyAreCut) {
  settle();
  ask();
  std::string bytes =
      http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, http2Block({{":status", "200"}}));
  for (std::size_t i = 1; i <= limits::kHttp2ContinuationsMax; ++i) {
    const bool is_last = i == limits::kHttp2ContinuationsMax;
    bytes += http2Frame(NGHTTP2_CONTINUATION, is_last ? NGHTTP2_FLAG_END_HEADERS : 0, 1,
                        http2Block({{"x", "y"}}));
  }
  for (const char byte : bytes) hear({&byte, 1});
  EXPECT_TRUE(seen.responses[1].is_whole);
  EXPECT_EQ(seen.responses[1].fields.size(), limits::kHttp2ContinuationsMax);
}

TEST_F(Http2ClientCodecTest, BoundsWhatABlockUnpacksTo) {
  settle();
  ask();
  Http2Fields fields = {{":status", "200"}};
  for (int i = 0; i < 3; ++i) fields.push_back({"x", std::string(5000, 'a')});
  std::string bytes = http2Frame(NGHTTP2_HEADERS, 0, 1, http2Block(fields));
  for (int i = 0; i < 8; ++i) {
    bytes += http2Frame(NGHTTP2_CONTINUATION, 0, 1,
                        http2Block({{"x", std::string(8000, 'a')}, {"x", std::string(8000, 'b')}}));
  }
  hear(bytes);
  expectEnd("without end");
}

TEST_F(Http2ClientCodecTest, KeepsAPausedResponseAndStopsItsStreamAlone) {
  settle();
  ask();
  ask();
  hear(http2Status(1, "200") + http2Status(3, "200"));
  codec.pause(1, true);
  const std::string part(16384, 'a');
  for (std::size_t sent = 0; sent < limits::kHttp2ResponseWindowBytes; sent += part.size()) {
    hear(http2Content(1, part, false));
  }
  EXPECT_EQ(seen.responses[1].content, "");
  EXPECT_EQ(peer.frames.window_opened.count(1), 0u);
  std::size_t received = 0;
  for (int i = 0; i < 200; ++i, received += part.size()) hear(http2Content(3, part, false));
  EXPECT_EQ(seen.responses[3].content.size(), received);
  EXPECT_GT(peer.frames.window_opened[0], received) << "the connection's window is kept open";
  EXPECT_GT(peer.frames.window_opened[3], received - limits::kHttp2ResponseWindowBytes);
  codec.pause(1, false);
  EXPECT_EQ(seen.responses[1].content, "") << "pause() never calls back";
  codec.deliver(1);
  read();
  EXPECT_EQ(seen.responses[1].content.size(), limits::kHttp2ResponseWindowBytes);
  EXPECT_EQ(peer.frames.window_opened[1], limits::kHttp2ResponseWindowBytes);
}

TEST_F(Http2ClientCodecTest, EndsAConnectionThatIgnoresAWindow) {
  settle();
  ask();
  hear(http2Status(1, "200"));
  codec.pause(1, true);
  const std::string part(16384, 'a');
  for (std::size_t sent = 0; sent < limits::kHttp2ResponseWindowBytes; sent += part.size()) {
    hear(http2Content(1, part, false));
  }
  EXPECT_FALSE(seen.responses[1].error);
  hear(http2Content(1, "a", false));
  EXPECT_TRUE(seen.responses[1].error);
}

TEST_F(Http2ClientCodecTest, DeliversAPausedResponseWholeAfterTheConnectionIsGone) {
  settle();
  ask();
  ask();
  codec.pause(1, true);
  hear(http2Ok(1, "kept") + http2Status(3, "200") + http2Content(3, "cut", false));
  EXPECT_FALSE(seen.responses[1].is_whole);
  codec.receiveEnd();
  EXPECT_TRUE(seen.responses[3].error);
  EXPECT_FALSE(seen.responses[1].error);
  codec.pause(1, false);
  codec.deliver(1);
  EXPECT_EQ(seen.responses[1].content, "kept");
  EXPECT_TRUE(seen.responses[1].is_whole);
}

TEST_F(Http2ClientCodecTest, MayBePausedAndCancelledWithinAnEvent) {
  settle();
  seen.on_head = [this](StreamId stream) { codec.pause(stream, true); };
  ask();
  ask();
  hear(http2Ok(1, "kept"));
  codec.pause(1, false);
  seen.on_body = [this](StreamId stream) { codec.cancel(stream); };
  codec.deliver(1);
  EXPECT_EQ(seen.responses[1].content, "kept");
  EXPECT_EQ(seen.responses[1].ends, 0);
  seen.on_head = [this](StreamId stream) { codec.cancel(stream); };
  hear(http2Ok(3, "unwanted"));
  EXPECT_EQ(seen.responses[3].content, "");
  EXPECT_EQ(seen.responses[3].ends, 0);
  EXPECT_TRUE(codec.isReusable());
}

TEST_F(Http2ClientCodecTest, SendsContentAsFarAsTheUpstreamTakesIt) {
  settle();
  const StreamId slow = post(BodyLength::chunked());
  codec.sendBody(slow, std::string(100'000, 's'));
  read();
  EXPECT_EQ(peer.content(slow).size(), 65535u);
  EXPECT_EQ(codec.queuedBytes(slow), 100'000u - 65535);
  hear(http2WindowUpdate(0, 1 << 20));
  EXPECT_EQ(peer.content(slow).size(), 65535u);
  const StreamId fast = post(BodyLength::chunked());
  codec.sendBody(fast, "fast");
  codec.sendEnd(fast);
  read();
  EXPECT_EQ(peer.content(fast), "fast") << "a stream's shut window stops no other";
  hear(http2WindowUpdate(slow, 1 << 20));
  EXPECT_EQ(peer.content(slow).size(), 100'000u);
  EXPECT_EQ(codec.queuedBytes(slow), 0u);
}

TEST_F(Http2ClientCodecTest, TellsTheUpstreamWhenAnExchangeIsGivenUp) {
  settle();
  ask();
  ask();
  codec.cancel(1);
  read();
  EXPECT_EQ(peer.reset(1), NGHTTP2_CANCEL);
  hear(http2Ok(1) + http2Ok(3));
  EXPECT_EQ(seen.responses.count(1), 0u);
  EXPECT_TRUE(seen.responses[3].is_whole);
}

TEST_F(Http2ClientCodecTest, SendsNothingMoreOnceTheResponseIsWhole) {
  settle();
  const StreamId stream = post(BodyLength::chunked());
  codec.sendBody(stream, "some");
  read();
  hear(http2Status(stream, "413") + http2Content(stream, "no") +
       http2Reset(stream, NGHTTP2_NO_ERROR));
  EXPECT_TRUE(seen.responses[stream].is_whole);
  EXPECT_FALSE(seen.responses[stream].error);
  codec.sendBody(stream, "more");
  codec.sendEnd(stream);
  read();
  EXPECT_EQ(peer.content(stream), "some");
  EXPECT_FALSE(peer.isWhole(stream));
  EXPECT_TRUE(codec.isReusable());
}

TEST_F(Http2ClientCodecTest, TakesAResetForTheEndOfAResponseOnlyIfItWasWhole) {
  settle();
  ask();
  hear(http2Status(1, "200") + http2Content(1, "part", false) + http2Reset(1, NGHTTP2_NO_ERROR));
  EXPECT_FALSE(seen.responses[1].is_whole);
  ASSERT_TRUE(seen.responses[1].error);
  EXPECT_EQ(seen.responses[1].error->reason, Reason::kUpstreamReset);
}

TEST_F(Http2ClientCodecTest, KnowsWhatTheUpstreamDidNotActOn) {
  settle();
  const StreamId refused = ask();
  const StreamId hinted = ask();
  const StreamId begun = ask();
  const StreamId reset = ask();
  hear(http2Status(hinted, "103") + http2Status(begun, "200"));
  for (const StreamId stream : {refused, hinted, begun}) {
    hear(http2Reset(stream, NGHTTP2_REFUSED_STREAM));
  }
  hear(http2Reset(reset, NGHTTP2_INTERNAL_ERROR));
  EXPECT_TRUE(seen.responses[refused].is_refused);
  EXPECT_TRUE(seen.responses[hinted].error) << "it acted, whatever it says";
  EXPECT_TRUE(seen.responses[begun].error);
  EXPECT_TRUE(seen.responses[reset].error);
  EXPECT_FALSE(seen.responses[reset].is_refused);
}

TEST_F(Http2ClientCodecTest, FinishesWhatAGoawayLeavesAndBeginsNothing) {
  settle();
  ask();
  ask();
  hear(http2Goaway(1));
  EXPECT_TRUE(seen.responses[3].is_refused);
  EXPECT_FALSE(codec.hasRoom());
  EXPECT_FALSE(codec.isUsable());
  hear(http2Ok(1));
  EXPECT_TRUE(seen.responses[1].is_whole);
}

TEST_F(Http2ClientCodecTest, TakesBackWhatAGoawayMetBeforeItLeft) {
  settle();
  const StreamId stream = codec.sendHead(request());
  codec.sendEnd(stream);
  codec.receive(http2Goaway(0));
  read();
  EXPECT_TRUE(seen.responses[stream].is_refused);
  EXPECT_FALSE(peer.hasSeen(stream));
}

TEST_F(Http2ClientCodecTest, FailsWhatAConnectionCutShort) {
  settle();
  ask();
  hear(http2Status(1, "200") + http2Content(1, "part", false));
  codec.receiveEnd();
  ASSERT_TRUE(seen.responses[1].error);
  EXPECT_EQ(seen.responses[1].error->reason, Reason::kUpstreamReset);
  EXPECT_FALSE(codec.isUsable());
  codec.receiveEnd();
  EXPECT_EQ(seen.responses[1].ends, 1);
}

TEST_F(Http2ClientCodecTest, SaysGoodbye) {
  settle();
  codec.close();
  read();
  ASSERT_EQ(peer.frames.goaways.size(), 1u);
  EXPECT_EQ(peer.frames.goaways[0].second, NGHTTP2_NO_ERROR);
  EXPECT_FALSE(codec.isUsable());
}

}  // namespace
}  // namespace edgehold
