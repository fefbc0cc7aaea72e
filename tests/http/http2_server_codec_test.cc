// SPDX-License-Identifier: Apache-2.0
// The laws of the server's side of an HTTP/2 connection.
// Thread: main only.
#include "proxy/http/http2_server_codec.h"

#include <set>
#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/http/recording_events.h"
#include "tests/support/http2_peer.h"

namespace edgehold {
namespace {

class RecordingHttp2 final : public ServerCodec::Events {
 public:
  struct Request {
    std::string start;
    std::string content;
    bool is_whole = false;
    std::optional<Error> error;
    bool is_cancelled = false;
  };

  void onRequestHead(StreamId stream, RequestHead&& head) override {
    requests[stream].start = std::string(head.method_token) + " " + std::string(head.target.text);
    if (on_head) on_head(stream);
  }
  void onRequestBody(StreamId stream, ByteView chunk) override {
    requests[stream].content += chunk;
    if (on_body) on_body(stream);
  }
  void onRequestEnd(StreamId stream) override {
    requests[stream].is_whole = true;
    if (on_end) on_end(stream);
  }
  void onRequestError(StreamId stream, Error error) override {
    requests[stream].error = std::move(error);
    if (on_error) on_error(stream);
  }
  void onRequestCancelled(StreamId stream) override { requests[stream].is_cancelled = true; }
  void onAbuse(Http2Abuse kind) override { abuses.push_back(kind); }

  std::map<StreamId, Request> requests;
  std::vector<Http2Abuse> abuses;
  std::function<void(StreamId)> on_head;
  std::function<void(StreamId)> on_body;
  std::function<void(StreamId)> on_end;
  std::function<void(StreamId)> on_error;
};

class Http2ServerCodecTest : public testing::Test {
 protected:
  Http2ServerCodecTest() { send(http2Start()); }

  void send(std::string_view bytes) {
    EXPECT_EQ(codec.receive(bytes), bytes.size());
    read();
  }
  // Everything that can leave does.
  void read() {
    while (!codec.pull().empty()) peer.take(takeOutput(codec.pull()));
  }
  ResponseHead response(std::uint16_t status, BodyLength body) {
    ResponseHead head;
    head.status = status;
    head.body = body;
    return head;
  }
  void answer(StreamId stream, std::uint16_t status = 200, ByteView content = "ok") {
    codec.sendHead(stream, response(status, BodyLength::known(content.size())), false);
    codec.sendBody(stream, content);
    codec.sendEnd(stream);
  }
  void answerAll() {
    seen.on_end = [this](StreamId stream) { answer(stream); };
    seen.on_error = [this](StreamId stream) { answer(stream, 400, "no"); };
  }
  // The connection has ended because of `kind`, and said so.
  void expectAbuse(Http2Abuse kind) {
    EXPECT_EQ(seen.abuses, std::vector{kind}) << http2AbuseName(kind);
    ASSERT_EQ(peer.goaways.size(), 1u);
    EXPECT_EQ(peer.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT_TRUE(codec.isFinished());
    EXPECT_TRUE(codec.isInputCut());
  }
  void expectFine() {
    EXPECT_TRUE(seen.abuses.empty());
    EXPECT_TRUE(peer.goaways.empty());
    EXPECT_FALSE(codec.isFinished());
  }

  RecordingHttp2 seen;
  Http2ServerCodec codec{seen, {}};
  Http2Peer peer;
};

TEST_F(Http2ServerCodecTest, TellsItsLimitsFirst) {
  EXPECT_EQ(peer.settings[NGHTTP2_SETTINGS_MAX_CONCURRENT_STREAMS], limits::kHttp2StreamsMax);
  EXPECT_EQ(peer.settings[NGHTTP2_SETTINGS_INITIAL_WINDOW_SIZE], limits::kHttp2StreamWindowBytes);
  EXPECT_EQ(peer.settings[NGHTTP2_SETTINGS_MAX_HEADER_LIST_SIZE], limits::kHeadBytesMax);
  EXPECT_EQ(peer.window_opened[0] + 65535, limits::kHttp2ConnectionWindowBytes);
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http2ServerCodecTest, AnswersManyStreamsInAnyOrder) {
  send(http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")));
  EXPECT_EQ(seen.requests[1].start, "GET /1");
  EXPECT_TRUE(seen.requests[1].is_whole);
  EXPECT_EQ(seen.requests[3].start, "GET /3");
  EXPECT_FALSE(codec.isIdle());
  answer(3, 200, "three");
  answer(1, 404, "one");
  read();
  EXPECT_EQ(peer.answers[3].statuses, std::vector<std::string>{"200"});
  EXPECT_EQ(peer.answers[3].content, "three");
  EXPECT_EQ(peer.answers[3].fields["content-length"], "5");
  EXPECT_TRUE(peer.answers[3].has_ended);
  EXPECT_EQ(peer.answers[1].statuses, std::vector<std::string>{"404"});
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_FALSE(peer.answers[1].reset);
  EXPECT_TRUE(codec.isIdle());
  expectFine();
}

TEST_F(Http2ServerCodecTest, SeesTheSameByteByByte) {
  RecordingHttp2 other;
  Http2ServerCodec slow(other, {});
  other.on_head = [&](StreamId stream) { slow.credit(stream, 100); };
  const std::string bytes = http2Start() + http2Headers(1, http2Get("/1", "POST"), false) +
                            http2Content(1, "hel", false) + http2Content(1, "lo");
  for (const char byte : bytes) slow.receive({&byte, 1});
  EXPECT_EQ(other.requests[1].start, "POST /1");
  EXPECT_EQ(other.requests[1].content, "hello");
  EXPECT_TRUE(other.requests[1].is_whole);
}

TEST_F(Http2ServerCodecTest, DeliversNoContentWithoutCredit) {
  send(http2Headers(1, http2Get("/", "POST"), false) + http2Content(1, "hello"));
  EXPECT_EQ(seen.requests[1].content, "");
  EXPECT_FALSE(seen.requests[1].is_whole);
  codec.credit(1, 2);
  EXPECT_EQ(seen.requests[1].content, "") << "credit() never calls back";
  codec.receive({});
  EXPECT_EQ(seen.requests[1].content, "he");
  codec.credit(1, 3);
  codec.receive({});
  EXPECT_EQ(seen.requests[1].content, "hello");
  EXPECT_TRUE(seen.requests[1].is_whole);
}

TEST_F(Http2ServerCodecTest, OpensTheWindowOnlyForWhatTheOwnerTook) {
  const std::string half(limits::kHttp2StreamWindowBytes / 2, 'a');
  send(http2Headers(1, http2Get("/", "POST"), false));
  for (std::size_t at = 0; at < half.size(); at += 16384) {
    send(http2Content(1, half.substr(at, 16384), false));
  }
  EXPECT_EQ(peer.window_opened.count(1), 0u);
  codec.credit(1, half.size());
  codec.receive({});
  read();
  EXPECT_EQ(seen.requests[1].content.size(), half.size());
  EXPECT_EQ(peer.window_opened[1], half.size());
}

TEST_F(Http2ServerCodecTest, ResetsAStreamWhoseContentGoesPastItsWindow) {
  send(http2Frame(NGHTTP2_SETTINGS, NGHTTP2_FLAG_ACK, 0, ""));
  send(http2Headers(1, http2Get("/", "POST"), false));
  const std::size_t frames = limits::kHttp2StreamWindowBytes / 16384;
  for (std::size_t i = 0; i < frames; ++i) send(http2Content(1, std::string(16384, 'a'), false));
  EXPECT_FALSE(peer.answers[1].reset);
  EXPECT_LE(codec.heldBytes(), 2 * limits::kHttp2StreamWindowBytes);
  send(http2Content(1, "a", false));
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_FLOW_CONTROL_ERROR);
  EXPECT_TRUE(seen.requests[1].is_cancelled);
  expectFine();
}

TEST_F(Http2ServerCodecTest, LetsNoSlowUploadStopAnother) {
  send(http2Headers(1, http2Get("/slow", "POST"), false));
  send(http2Headers(3, http2Get("/fast", "POST"), false));
  codec.credit(3, kEndlessCredit);
  for (int i = 0; i < 4; ++i) send(http2Content(1, std::string(16384, 's'), false));
  for (int i = 0; i < 8; ++i) {
    send(http2Content(3, std::string(16384, 'f'), i == 7));
  }
  EXPECT_EQ(seen.requests[1].content, "");
  EXPECT_EQ(seen.requests[3].content.size(), 8u * 16384);
  EXPECT_TRUE(seen.requests[3].is_whole);
  expectFine();
}

TEST_F(Http2ServerCodecTest, GivesTheWindowOfADroppedUploadBack) {
  send(http2Headers(1, http2Get("/", "POST"), false) +
       http2Content(1, std::string(16384, 'a'), false));
  answer(1, 413);
  read();
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(codec.isIdle());
  // More of the same than the connection's window in all.
  const std::uint64_t before = peer.window_opened[0];
  for (StreamId id = 3; id < 3 + 2 * 80; id += 2) {
    send(http2Headers(id, http2Get("/", "POST"), false) +
         http2Content(id, std::string(16384, 'a'), false));
    answer(id, 413);
    read();
  }
  EXPECT_GT(peer.window_opened[0] - before, limits::kHttp2ConnectionWindowBytes / 2);
  expectFine();
}

// Of a stream, until the client has acknowledged our settings (RFC 9113 6.5.3, 6.9.2).
constexpr std::size_t kFirstWindow = 65'535;

std::string declaredPost(std::uint32_t stream, std::size_t bytes) {
  Http2Fields fields = http2Get("/1", "POST");
  fields.emplace_back("content-length", std::to_string(bytes));
  return http2Headers(stream, fields, false);
}

TEST_F(Http2ServerCodecTest, LetsAShortRestComeThatNobodyNeeds) {
  send(declaredPost(1, kFirstWindow));
  answer(1, 413, "no");
  read();
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_FALSE(peer.answers[1].reset) << "some clients would not show the answer";
  send(http2Content(1, std::string(16000, 'x'), false));
  send(http2Content(1, "x"));
  EXPECT_FALSE(peer.answers[1].reset);
  EXPECT_EQ(seen.requests[1].content, "");
  EXPECT_TRUE(codec.isIdle());
  expectFine();
}

TEST_F(Http2ServerCodecTest, ResetsARestThatDoesNotFitTheWindow) {
  send(declaredPost(1, kFirstWindow + 1));
  answer(1, 413, "no");
  read();
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_NO_ERROR);
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http2ServerCodecTest, WaitsForAShortRestNoLongerThanForAWindow) {
  send(declaredPost(1, 10));
  answer(1, 413, "no");
  read();
  EXPECT_TRUE(codec.isStalled());
  codec.resetStalled(1);
  codec.resetStalled(1);
  read();
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_CANCEL);
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http2ServerCodecTest, WaitsForNoRestWhileItDrains) {
  send(declaredPost(1, 10));
  codec.drain();
  answer(1, 413, "no");
  read();
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_NO_ERROR);
}

TEST_F(Http2ServerCodecTest, SendsAsMuchAsTheWindowTakes) {
  send(http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")));
  const std::string large(100'000, 'l');
  answer(1, 200, large);
  answer(3, 200, "small");
  read();
  EXPECT_LE(peer.answers[1].content.size(), 65535u);
  EXPECT_EQ(codec.queuedBytes(1), large.size() - peer.answers[1].content.size());
  EXPECT_TRUE(peer.answers[3].has_ended) << "streams share the connection";
  EXPECT_TRUE(codec.isStalled());
  send(http2WindowUpdate(0, 100'000) + http2WindowUpdate(1, 100'000));
  EXPECT_EQ(peer.answers[1].content, large);
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_FALSE(codec.isStalled());
}

TEST_F(Http2ServerCodecTest, SaysWhatOfAStreamHasNotLeft) {
  send(http2Headers(1, http2Get()));
  codec.sendHead(1, response(200, BodyLength::chunked()), false);
  codec.sendBody(1, "some");
  EXPECT_EQ(codec.queuedBytes(1), 4u);
  EXPECT_EQ(codec.queuedBytes(3), 0u);
  EXPECT_GE(codec.heldBytes(), 4u);
  read();
  EXPECT_EQ(codec.queuedBytes(1), 0u);
}

TEST_F(Http2ServerCodecTest, AnswersAHeadRequestWithoutContent) {
  send(http2Headers(1, http2Get("/", "HEAD")));
  codec.sendHead(1, response(200, BodyLength::known(7)), true);
  codec.sendEnd(1);
  read();
  EXPECT_EQ(peer.answers[1].fields["content-length"], "7");
  EXPECT_EQ(peer.answers[1].content, "");
  EXPECT_TRUE(peer.answers[1].has_ended);
}

TEST_F(Http2ServerCodecTest, EndsAnAnswerWithoutContentAtItsHead) {
  send(http2Headers(1, http2Get()));
  codec.sendHead(1, response(204, BodyLength::none()), false);
  read();  // before sendEnd(): nobody is told of a cancelled request
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_EQ(peer.answers[1].fields.count("content-length"), 0u);
  EXPECT_FALSE(seen.requests[1].is_cancelled);
  codec.sendEnd(1);
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http2ServerCodecTest, KeepsFieldsOfAConnectionToItself) {
  send(http2Headers(1, http2Get()));
  ResponseHead head = response(200, BodyLength::known(0));
  for (const char* name : {"Connection", "Keep-Alive", "Transfer-Encoding", "Upgrade",
                           "Proxy-Connection", "Content-Length", "X-Kept"}) {
    head.headers.add(name, "1");
  }
  codec.sendHead(1, head, false);
  codec.sendEnd(1);
  read();
  const std::map<std::string, std::string> expected = {
      {":status", "200"}, {"content-length", "0"}, {"x-kept", "1"}};
  EXPECT_EQ(peer.answers[1].fields, expected);
}

TEST_F(Http2ServerCodecTest, ContinuesOnceAndOnlyAClientThatWaits) {
  send(http2Headers(1, http2Get("/", "POST") + Http2Fields{{"expect", "100-continue"}}, false) +
       http2Headers(3, http2Get("/", "POST"), false));
  for (int i = 0; i < 2; ++i) {
    codec.sendContinue(1);
    codec.sendContinue(3);
  }
  read();
  EXPECT_EQ(peer.answers[1].statuses, std::vector<std::string>{"100"});
  EXPECT_EQ(peer.answers.count(3), 0u);
  codec.credit(1, 10);
  send(http2Content(1, "hello"));
  answer(1);
  read();
  EXPECT_EQ(peer.answers[1].statuses, (std::vector<std::string>{"100", "200"}));
  EXPECT_TRUE(peer.answers[1].has_ended);
}

TEST_F(Http2ServerCodecTest, ResetsAnAnswerThatBreaksOff) {
  send(http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")));
  codec.sendHead(1, response(200, BodyLength::chunked()), false);
  codec.sendBody(1, "some");
  read();
  codec.abort(1);
  codec.sendHead(3, response(200, BodyLength::known(5)), false);
  codec.sendBody(3, "four");
  codec.sendEnd(3);
  read();
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_INTERNAL_ERROR);
  EXPECT_FALSE(peer.answers[1].has_ended);
  EXPECT_EQ(peer.answers[3].reset, NGHTTP2_INTERNAL_ERROR) << "shorter than declared";
  EXPECT_FALSE(seen.requests[1].is_cancelled) << "no event follows an abort";
  expectFine();
}

TEST_F(Http2ServerCodecTest, TellsWhenTheClientGivesUp) {
  send(http2Headers(1, http2Get()) + http2Reset(1, NGHTTP2_CANCEL));
  EXPECT_TRUE(seen.requests[1].is_cancelled);
  answer(1);  // too late, and ignored
  read();
  EXPECT_EQ(peer.answers.count(1), 0u);
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http2ServerCodecTest, AnswersAMalformedRequestAndResetsItsStream) {
  answerAll();
  send(http2Headers(1, http2Get() + Http2Fields{{"connection", "close"}}));
  send(http2Headers(3, http2Get() + Http2Fields{{"x-a", "b\r\nc: d"}}, false));
  send(http2Headers(5, http2Get()));
  EXPECT_EQ(seen.requests[1].start, "");
  EXPECT_EQ(seen.requests[1].error->reason, Reason::kMalformedRequest);
  for (const StreamId id : {1u, 3u}) {
    EXPECT_EQ(peer.answers[id].statuses, std::vector<std::string>{"400"});
    EXPECT_EQ(peer.answers[id].content, "no");
    EXPECT_FALSE(peer.answers[id].has_ended);
    EXPECT_EQ(peer.answers[id].reset, NGHTTP2_PROTOCOL_ERROR);
  }
  EXPECT_TRUE(peer.answers[5].has_ended) << "the connection lives on";
  expectFine();
}

TEST_F(Http2ServerCodecTest, HoldsContentToItsDeclaredLength) {
  answerAll();
  seen.on_head = [this](StreamId stream) { codec.credit(stream, 100); };
  const Http2Fields five = http2Get("/", "POST") + Http2Fields{{"content-length", "5"}};
  send(http2Headers(1, five, false) + http2Content(1, "hello"));
  send(http2Headers(3, five, false) + http2Content(3, "hell"));
  send(http2Headers(5, five, false) + http2Content(5, "hello", false) + http2Content(5, "!"));
  send(http2Headers(7, five, false) + http2Content(7, "hello", false) + http2Content(7, ""));
  EXPECT_TRUE(seen.requests[1].is_whole);
  EXPECT_EQ(seen.requests[3].error->reason, Reason::kFramingConflict);
  EXPECT_FALSE(seen.requests[3].is_whole);
  EXPECT_EQ(seen.requests[5].error->reason, Reason::kFramingConflict);
  EXPECT_EQ(seen.requests[5].content, "hell");
  EXPECT_TRUE(seen.requests[7].is_whole);
  EXPECT_EQ(peer.answers[3].reset, NGHTTP2_PROTOCOL_ERROR);
  EXPECT_EQ(peer.answers[5].reset, NGHTTP2_PROTOCOL_ERROR);
}

// Seen first by http2_session_fuzz: in two pieces, what fits was told before the rest was refused.
TEST_F(Http2ServerCodecTest, NeverTellsAWholeLengthOfContentThatGoesOn) {
  const std::string head =
      http2Headers(1, http2Get("/", "POST") + Http2Fields{{"content-length", "5"}}, false);
  for (const std::string& content :
       {http2Content(1, "hello!", false), http2Content(1, "hello", false) + http2Content(1, "!")}) {
    for (const std::size_t piece : {1u, 2u, 1000u}) {
      RecordingHttp2 other;
      Http2ServerCodec target(other, {});
      other.on_head = [&](StreamId stream) { target.credit(stream, 100); };
      target.receive(http2Start() + head);
      for (std::size_t at = 0; at < content.size(); at += piece) {
        target.receive(std::string_view(content).substr(at, piece));
      }
      EXPECT_EQ(other.requests[1].content, "hell");
      EXPECT_FALSE(other.requests[1].is_whole);
      EXPECT_EQ(other.requests[1].error->reason, Reason::kFramingConflict);
    }
  }
}

TEST_F(Http2ServerCodecTest, TellsTheLastByteOfALengthWithTheEnd) {
  seen.on_head = [this](StreamId stream) { codec.credit(stream, 100); };
  send(http2Headers(1, http2Get("/", "POST") + Http2Fields{{"content-length", "5"}}, false));
  send(http2Content(1, "hello", false));
  EXPECT_EQ(seen.requests[1].content, "hell");
  send(http2Content(1, ""));
  EXPECT_EQ(seen.requests[1].content, "hello");
  EXPECT_TRUE(seen.requests[1].is_whole);
}

// Seen first: a length of zero was forgotten because nothing was to be waited for.
TEST_F(Http2ServerCodecTest, HoldsContentToADeclaredLengthOfZero) {
  answerAll();
  seen.on_head = [this](StreamId stream) { codec.credit(stream, 100); };
  const Http2Fields none = http2Get("/", "POST") + Http2Fields{{"content-length", "0"}};
  send(http2Headers(1, none, false) + http2Content(1, ""));
  send(http2Headers(3, none, false) + http2Content(3, "smuggled"));
  EXPECT_TRUE(seen.requests[1].is_whole);
  EXPECT_EQ(seen.requests[3].content, "");
  EXPECT_EQ(seen.requests[3].error->reason, Reason::kFramingConflict);
  EXPECT_EQ(peer.answers[3].reset, NGHTTP2_PROTOCOL_ERROR);
}

TEST_F(Http2ServerCodecTest, ChecksTrailersAndDropsThem) {
  answerAll();
  seen.on_head = [this](StreamId stream) { codec.credit(stream, 100); };
  send(http2Headers(1, http2Get("/", "POST"), false) + http2Content(1, "a", false) +
       http2Headers(1, {{"x-trailer", "1"}}));
  EXPECT_TRUE(seen.requests[1].is_whole);
  EXPECT_EQ(seen.requests[1].content, "a");
  EXPECT_TRUE(peer.answers[1].has_ended);
  const std::vector<std::pair<Http2Fields, bool>> kWrong = {
      {{{"x-trailer", "1"}}, false},  // RFC 9113 8.1: they end the stream
      {{{":path", "/b"}}, true},         {{{"x-a", "1"}, {":status", "200"}}, true},
      {{{"X-Upper", "1"}}, true},        {{{"x-a", "1\r\nx-b: 2"}}, true},
      {{{"connection", "close"}}, true}, {{{"content-length", "1"}}, true},
      {{{"host", "evil"}}, true},        {{{"authorization", "evil"}}, true},
  };
  StreamId id = 3;
  for (const auto& [trailers, is_end] : kWrong) {
    send(http2Headers(id, http2Get("/", "POST"), false) + http2Content(id, "a", false) +
         http2Headers(id, trailers, is_end));
    EXPECT_FALSE(seen.requests[id].is_whole) << trailers[0].first;
    ASSERT_TRUE(seen.requests[id].error) << trailers[0].first;
    EXPECT_EQ(seen.requests[id].error->reason, Reason::kMalformedRequest);
    EXPECT_EQ(peer.answers[id].reset, NGHTTP2_PROTOCOL_ERROR);
    id += 2;
  }
}

TEST_F(Http2ServerCodecTest, HoldsContentBeforeTrailersToItsDeclaredLength) {
  answerAll();
  seen.on_head = [this](StreamId stream) { codec.credit(stream, 100); };
  send(http2Headers(1, http2Get("/", "POST") + Http2Fields{{"content-length", "2"}}, false) +
       http2Content(1, "a", false) + http2Headers(1, {{"x-trailer", "1"}}));
  EXPECT_FALSE(seen.requests[1].is_whole);
  EXPECT_EQ(seen.requests[1].error->reason, Reason::kFramingConflict);
}

TEST_F(Http2ServerCodecTest, OffersTunnelsOnlyWhereTold) {
  const Http2Fields tunnel = {{":method", "CONNECT"},
                              {":scheme", "http"},
                              {":authority", "h"},
                              {":path", "/chat?a=b"},
                              {":protocol", "websocket"}};
  answerAll();
  send(http2Headers(1, tunnel, false));
  EXPECT_EQ(peer.settings.count(NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL), 0u);
  EXPECT_EQ(seen.requests[1].error->reason, Reason::kMalformedRequest);

  RecordingHttp2 told;
  Http2ServerCodec open(told, {.allows_tunnels = true});
  Http2Peer other;
  const auto exchange = [&](std::string_view bytes) {
    open.receive(bytes);
    while (!open.pull().empty()) other.take(takeOutput(open.pull()));
  };
  exchange(http2Start() + http2Headers(1, tunnel, false) + http2Content(1, "early", false));
  EXPECT_EQ(other.settings[NGHTTP2_SETTINGS_ENABLE_CONNECT_PROTOCOL], 1u);
  EXPECT_EQ(told.requests[1].start, "CONNECT /chat?a=b");
  EXPECT_TRUE(told.requests[1].is_whole);
  open.credit(1, 100);
  exchange("");
  EXPECT_EQ(told.requests[1].content, "") << "nothing is read before the tunnel is open";
  told.requests[1].is_whole = false;
  open.sendHead(1, response(200, BodyLength::untilClose()), false);
  open.sendBody(1, "hello");
  exchange("");
  EXPECT_EQ(told.requests[1].content, "early");
  EXPECT_EQ(other.answers[1].content, "hello");
  EXPECT_EQ(other.answers[1].fields.count("content-length"), 0u);
  exchange(http2Content(1, "more"));
  EXPECT_EQ(told.requests[1].content, "earlymore");
  EXPECT_TRUE(told.requests[1].is_whole) << "the client's half is over";
  open.sendBody(1, "bye");
  open.sendEnd(1);
  exchange("");
  EXPECT_EQ(other.answers[1].content, "hellobye");
  EXPECT_TRUE(other.answers[1].has_ended);
  EXPECT_FALSE(other.answers[1].reset);
}

TEST_F(Http2ServerCodecTest, ReadsNothingOfATunnelThatWasRefused) {
  RecordingHttp2 told;
  Http2ServerCodec open(told, {.allows_tunnels = true});
  told.on_head = [&](StreamId stream) { open.credit(stream, 100); };
  open.receive(http2Start() + http2Headers(1,
                                           {{":method", "CONNECT"},
                                            {":scheme", "http"},
                                            {":authority", "h"},
                                            {":path", "/"},
                                            {":protocol", "websocket"}},
                                           false));
  open.sendHead(1, response(403, BodyLength::known(2)), false);
  open.sendBody(1, "no");
  open.sendEnd(1);
  open.receive(http2Content(1, "frames", false));
  peer.take(takeOutput(open.pull()));
  EXPECT_EQ(told.requests[1].content, "");
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_NO_ERROR);
}

// Seen first by http2_session_fuzz: whole, a broken block ended the connection; cut, it was a
// request of a client that had gone.
TEST_F(Http2ServerCodecTest, TellsNothingOfARequestWhoseBlockCannotBeUnpacked) {
  const std::string broken =
      http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 1,
                 "\xff\xff\xff\xff\xff");
  for (const bool is_pulled : {false, true}) {
    RecordingHttp2 other;
    Http2ServerCodec target(other, {});
    target.receive(http2Start() + broken + http2Headers(3, http2Get()));
    if (is_pulled) takeOutput(target.pull());
    target.receiveEnd();
    Http2Peer reader;
    reader.take(takeOutput(target.pull()));
    EXPECT_TRUE(other.requests.empty());
    if (is_pulled) continue;
    ASSERT_EQ(reader.goaways.size(), 1u);
    EXPECT_EQ(reader.goaways[0].second, NGHTTP2_COMPRESSION_ERROR);
  }
}

// RFC 9113 6.8; seen first by http2_session_fuzz: what followed the GOAWAY was a request if it came
// in the same read.
TEST_F(Http2ServerCodecTest, EndsAfterTheClientsGoawayWhenAllIsAnswered) {
  const std::string goaway = http2Frame(NGHTTP2_GOAWAY, 0, 0, http2Number(0) + http2Number(0));
  send(http2Headers(1, http2Get()) + goaway + http2Headers(3, http2Get()));
  EXPECT_EQ(seen.requests.size(), 2u) << "its requests are its own affair";
  EXPECT_FALSE(codec.isFinished());
  answer(1);
  answer(3);
  read();
  EXPECT_TRUE(peer.answers[3].has_ended);
  EXPECT_TRUE(codec.isFinished());

  RecordingHttp2 other;
  Http2ServerCodec target(other, {});
  target.receive(http2Start() + goaway + http2Headers(1, http2Get()));
  takeOutput(target.pull());
  EXPECT_TRUE(target.isFinished());
  EXPECT_TRUE(other.requests.empty());
}

// What one frame makes us say is said before the next is read: as many streams as a client likes in
// one read, if each is answered at once.
TEST_F(Http2ServerCodecTest, AnswersAFrameBeforeItReadsTheNext) {
  answerAll();
  std::string bytes;
  StreamId id = 1;
  for (std::size_t i = 0; i <= limits::kHttp2StreamsMax; ++i, id += 2) {
    bytes += http2Headers(id, http2Get());
  }
  send(bytes);
  EXPECT_TRUE(peer.answers[id - 2].has_ended);
  EXPECT_FALSE(peer.answers[id - 2].reset);
  expectFine();
}

// RFC 9113 5.1, 5.1.1.
TEST_F(Http2ServerCodecTest, EndsForFramesOfStreamsThatTheClientHasLeft) {
  struct Row {
    const char* what;
    std::string frames;
    std::uint32_t code;
  };
  const std::string get = http2Headers(3, http2Get());
  const std::string post = http2Headers(3, http2Get("/", "POST"), false);
  const std::string leave = http2Reset(3, NGHTTP2_CANCEL);
  const Row kRows[] = {
      {"head after the end", get + get, NGHTTP2_STREAM_CLOSED},
      {"content after the end", get + http2Content(3, "a"), NGHTTP2_STREAM_CLOSED},
      {"head after a reset", post + leave + get, NGHTTP2_STREAM_CLOSED},
      {"content after a reset", post + leave + http2Content(3, "a"), NGHTTP2_STREAM_CLOSED},
      {"head of a skipped stream", get + http2Headers(1, http2Get()), NGHTTP2_PROTOCOL_ERROR},
      {"content of a skipped stream", get + http2Content(1, "a"), NGHTTP2_PROTOCOL_ERROR},
  };
  for (const Row& row : kRows) {
    for (const bool is_answered : {false, true}) {
      RecordingHttp2 other;
      Http2ServerCodec target(other, {});
      other.on_end = [&](StreamId stream) {
        if (!is_answered) return;
        target.sendHead(stream, response(204, BodyLength::none()), false);
        target.sendEnd(stream);
      };
      target.receive(http2Start() + row.frames + http2Headers(5, http2Get()));
      Http2Peer reader;
      reader.take(takeOutput(target.pull()));
      ASSERT_EQ(reader.goaways.size(), 1u) << row.what;
      EXPECT_EQ(reader.goaways[0].second, row.code) << row.what;
      EXPECT_EQ(other.requests.count(5), 0u) << row.what;
    }
  }
}

// RFC 9113 5.1: the client may not have known yet.
TEST_F(Http2ServerCodecTest, SkipsWhatComesLateOnAStreamThatWeEnded) {
  answerAll();
  send(http2Headers(1, http2Get() + Http2Fields{{"connection", "close"}}, false));
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_PROTOCOL_ERROR);
  send(http2Content(1, "late", false) + http2Headers(1, {{"x-trailer", "1"}}));
  send(http2Headers(3, http2Get()));
  EXPECT_TRUE(peer.answers[3].has_ended);
  expectFine();
}

TEST_F(Http2ServerCodecTest, RefusesAHeadThatIsTooLargeWithoutLosingTheConnection) {
  answerAll();
  Http2Fields large = http2Get();
  for (int i = 0; i < 5; ++i) large.emplace_back("x-a", std::string(8000, 'a'));
  const std::string block = http2Block(large);
  send(http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block.substr(0, 16384)) +
       http2Frame(NGHTTP2_CONTINUATION, 0, 1, block.substr(16384, 16384)) +
       http2Frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(32768)));
  EXPECT_EQ(seen.requests[1].error->reason, Reason::kHeadTooLarge);
  EXPECT_TRUE(peer.answers[1].has_ended);
  send(http2Headers(3, http2Get()));
  EXPECT_TRUE(peer.answers[3].has_ended);
  expectFine();
}

TEST_F(Http2ServerCodecTest, RefusesOneStreamTooMany) {
  StreamId id = 1;
  for (std::size_t i = 0; i < limits::kHttp2StreamsMax; ++i, id += 2) {
    send(http2Headers(id, http2Get()));
  }
  EXPECT_EQ(seen.requests.size(), limits::kHttp2StreamsMax);
  send(http2Headers(id, http2Get()));
  EXPECT_EQ(seen.requests.size(), limits::kHttp2StreamsMax);
  EXPECT_EQ(peer.answers[id].reset, NGHTTP2_REFUSED_STREAM);
  answer(1);
  read();
  send(http2Headers(id + 2, http2Get()));
  EXPECT_EQ(seen.requests.size(), limits::kHttp2StreamsMax + 1);
}

TEST_F(Http2ServerCodecTest, EndsAConnectionThatIsNotHttp2) {
  RecordingHttp2 other;
  Http2ServerCodec strange(other, {});
  strange.receive("GET / HTTP/1.1\r\nHost: h\r\n\r\n");
  takeOutput(strange.pull());
  EXPECT_TRUE(strange.isFinished());
  EXPECT_TRUE(other.requests.empty());
}

TEST_F(Http2ServerCodecTest, EndsAConnectionForAFrameThatMustNotBe) {
  send(http2Headers(1, http2Get()));
  send(http2Content(2, "x"));  // of a stream that no client can open
  EXPECT_TRUE(seen.requests[1].is_cancelled);
  ASSERT_EQ(peer.goaways.size(), 1u);
  EXPECT_EQ(peer.goaways[0].second, NGHTTP2_PROTOCOL_ERROR);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http2ServerCodecTest, DrainsWithANoticeAndThenForGood) {
  send(http2Headers(1, http2Get("/1")));
  codec.drain();
  codec.drain();
  read();
  ASSERT_EQ(peer.goaways.size(), 1u);
  EXPECT_EQ(peer.goaways[0], std::pair(0x7fffffffu, 0u));
  ASSERT_EQ(peer.pings.size(), 1u);
  send(http2Headers(3, http2Get("/3")));  // sent before the client saw the notice
  EXPECT_EQ(seen.requests.count(3), 1u);
  send(http2Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, peer.pings[0]));
  ASSERT_EQ(peer.goaways.size(), 2u);
  EXPECT_EQ(peer.goaways[1], std::pair(3u, 0u));
  send(http2Headers(5, http2Get("/5")));
  EXPECT_EQ(seen.requests.count(5), 0u);
  answer(1);
  answer(3);
  read();
  EXPECT_TRUE(peer.answers[3].has_ended);
  EXPECT_TRUE(codec.isFinished());
  EXPECT_FALSE(codec.isInputCut());
}

TEST_F(Http2ServerCodecTest, AnswersWhatIsWholeAfterTheClientsEnd) {
  answerAll();
  send(http2Headers(3, http2Get("/", "POST"), false));
  seen.on_end = nullptr;
  send(http2Headers(5, http2Get()));
  codec.receiveEnd();
  EXPECT_EQ(seen.requests[3].error->reason, Reason::kClientClosed);
  EXPECT_FALSE(codec.isFinished());
  answer(5);
  read();
  EXPECT_TRUE(peer.answers[5].has_ended);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http2ServerCodecTest, FailsTheSlowStreamAlone) {
  answerAll();
  send(http2Headers(1, http2Get("/", "POST"), false));
  send(http2Headers(3, http2Get("/", "POST"), false));
  codec.fail(1, Error{Reason::kBodyTimeout, "slow"});
  read();
  EXPECT_EQ(seen.requests[1].error->reason, Reason::kBodyTimeout);
  EXPECT_TRUE(peer.answers[1].has_ended);
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_NO_ERROR);
  EXPECT_FALSE(seen.requests[3].error);
  expectFine();
}

TEST_F(Http2ServerCodecTest, EndsWithABlockThatDoesNotEnd) {
  const std::string block = http2Block(http2Get());
  send(http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block));
  EXPECT_TRUE(codec.isInHead());
  codec.fail(kNoStream, Error{Reason::kHeadTimeout, "slow"});
  read();
  EXPECT_EQ(seen.requests[1].error->reason, Reason::kHeadTimeout);
  expectAbuse(Http2Abuse::kSlowHead);
}

TEST_F(Http2ServerCodecTest, ResetsStreamsWhoseWindowIsHeldShut) {
  send(http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")));
  answer(1, 200, std::string(100'000, 'a'));
  codec.sendHead(3, response(200, BodyLength::chunked()), false);
  codec.sendBody(3, std::string(100'000, 'a'));
  read();
  codec.resetStalled(1);
  read();
  EXPECT_FALSE(peer.answers[1].reset) << "it began to wait only now";
  codec.resetStalled(1);
  read();
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_CANCEL);
  EXPECT_EQ(peer.answers[3].reset, NGHTTP2_CANCEL);
  EXPECT_FALSE(seen.requests[1].is_cancelled) << "its owner was done";
  EXPECT_TRUE(seen.requests[3].is_cancelled);
  EXPECT_EQ(seen.abuses, std::vector(2, Http2Abuse::kStalledStreams));
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http2ServerCodecTest, ResetsStreamsWhoseWindowOpensByteByByte) {
  send(http2Headers(1, http2Get("/1")) + http2Headers(3, http2Get("/3")) +
       http2WindowUpdate(0, 1 << 20));
  answer(1, 200, std::string(200'000, 'a'));
  answer(3, 200, std::string(200'000, 'a'));
  read();
  codec.resetStalled(100);
  send(http2WindowUpdate(1, 99) + http2WindowUpdate(3, 100));
  codec.resetStalled(100);
  read();
  EXPECT_EQ(peer.answers[1].reset, NGHTTP2_CANCEL);
  EXPECT_FALSE(peer.answers[3].reset);
}

TEST_F(Http2ServerCodecTest, BlamesNoClientForAnOwnerWithoutContent) {
  send(http2Headers(1, http2Get()));
  codec.sendHead(1, response(200, BodyLength::chunked()), false);
  for (int i = 0; i < 3; ++i) {
    codec.sendBody(1, "event");
    read();
    codec.resetStalled(1000);
  }
  // Much of it comes just before the window is shut: that is no wait yet.
  codec.sendBody(1, std::string(100'000, 'a'));
  read();
  codec.resetStalled(1000);
  read();
  EXPECT_FALSE(peer.answers[1].reset);
}

// --- budgets: as many as allowed pass, one more ends the connection ------------------------------

TEST_F(Http2ServerCodecTest, BoundsResetsByTheClient) {
  StreamId id = 1;
  for (unsigned i = 0; i < limits::kHttp2ClientResetsMax; ++i, id += 2) {
    send(http2Headers(id, http2Get()) + http2Reset(id, NGHTTP2_CANCEL));
  }
  expectFine();
  send(http2Headers(id, http2Get()) + http2Reset(id, NGHTTP2_CANCEL));
  EXPECT_TRUE(seen.requests[id].is_cancelled);
  expectAbuse(Http2Abuse::kClientResets);
}

TEST_F(Http2ServerCodecTest, LetsAClientResetAsOftenAsItTakesAnAnswer) {
  answerAll();
  StreamId id = 1;
  for (unsigned i = 0; i < 2 * limits::kHttp2ClientResetsMax; ++i, id += 4) {
    seen.on_end = nullptr;
    send(http2Headers(id, http2Get()) + http2Reset(id, NGHTTP2_CANCEL));
    answerAll();
    send(http2Headers(id + 2, http2Get()));
  }
  expectFine();
}

TEST_F(Http2ServerCodecTest, BoundsResetsThatTheClientMakesUsSend) {
  StreamId id = 1;
  for (unsigned i = 0; i < limits::kHttp2ServerResetsMax; ++i, id += 2) {
    send(http2Headers(id, http2Get()) + http2WindowUpdate(id, 0x7fffffff));
    EXPECT_EQ(peer.answers[id].reset, NGHTTP2_FLOW_CONTROL_ERROR);
    EXPECT_TRUE(seen.requests[id].is_cancelled);
  }
  expectFine();
  send(http2Headers(id, http2Get()) + http2WindowUpdate(id, 0x7fffffff));
  expectAbuse(Http2Abuse::kServerResets);
}

TEST_F(Http2ServerCodecTest, BoundsContinuations) {
  answerAll();
  const auto blockIn = [](StreamId id, std::size_t frames) {
    const std::string block = http2Block(http2Get());
    std::string bytes = http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, id, block);
    for (std::size_t i = 1; i <= frames; ++i) {
      const int flags = i == frames ? NGHTTP2_FLAG_END_HEADERS : 0;
      bytes += http2Frame(NGHTTP2_CONTINUATION, flags, id, "");
    }
    return bytes;
  };
  send(blockIn(1, limits::kHttp2ContinuationsMax));
  EXPECT_TRUE(peer.answers[1].has_ended);
  expectFine();
  send(blockIn(3, limits::kHttp2ContinuationsMax + 1));
  expectAbuse(Http2Abuse::kContinuations);
}

// Seen first by http2_session_fuzz: a header in nine pieces counted as nine frames.
TEST_F(Http2ServerCodecTest, CountsAContinuationOnceInHoweverManyPieces) {
  answerAll();
  const std::string block = http2Block(http2Get());
  const std::string bytes =
      http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_STREAM, 1, block.substr(0, 3)) +
      http2Frame(NGHTTP2_CONTINUATION, 0, 1, block.substr(3, 3)) +
      http2Frame(NGHTTP2_CONTINUATION, NGHTTP2_FLAG_END_HEADERS, 1, block.substr(6));
  for (const char byte : bytes) codec.receive({&byte, 1});
  read();
  EXPECT_TRUE(peer.answers[1].has_ended);
  expectFine();
}

TEST_F(Http2ServerCodecTest, BoundsWhatABlockUnpacksTo) {
  // One entry of the dynamic table, named again and again with one byte (an "HPACK bomb").
  const std::string value(3900, 'a');
  std::string block = http2Block({{"x-a", value}});
  block[0] = '\x40';  // with indexing
  send(http2Headers(1, http2Get()));
  const std::size_t repeats = limits::kHttp2HeaderListBytesMost / (value.size() + 35) + 1;
  send(http2Frame(NGHTTP2_HEADERS, NGHTTP2_FLAG_END_HEADERS | NGHTTP2_FLAG_END_STREAM, 3,
                  http2Block(http2Get()) + block + std::string(repeats, '\xbe')));
  EXPECT_TRUE(seen.requests[1].is_cancelled);
  expectAbuse(Http2Abuse::kHeaderList);
}

struct Flood {
  Http2Abuse kind;
  unsigned most;
  std::string frame;
};

TEST_F(Http2ServerCodecTest, BoundsFramesThatCostTheClientNothing) {
  const Flood kFloods[] = {
      // One SETTINGS frame came with the preface.
      {Http2Abuse::kSettings, limits::kHttp2SettingsMax - 1,
       http2Frame(NGHTTP2_SETTINGS, 0, 0, "")},
      {Http2Abuse::kPings, limits::kHttp2PingsMax, http2Frame(NGHTTP2_PING, 0, 0, "12345678")},
      {Http2Abuse::kPings, limits::kHttp2PingsMax,
       http2Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, "12345678")},
      {Http2Abuse::kPriorities, limits::kHttp2PrioritiesMax,
       http2Frame(NGHTTP2_PRIORITY, 0, 7, http2Number(0) + "a")},
      {Http2Abuse::kEmptyContent, limits::kHttp2EmptyContentMax, http2Content(1, "", false)},
      {Http2Abuse::kEmptyContent, limits::kHttp2EmptyContentMax,
       http2Frame(NGHTTP2_DATA, NGHTTP2_FLAG_PADDED, 1, std::string("\x04\0\0\0\0", 5))},
      {Http2Abuse::kWindowUpdates, limits::kHttp2WindowUpdatesMax, http2WindowUpdate(0, 1)},
      {Http2Abuse::kWindowUpdates, limits::kHttp2WindowUpdatesMax, http2WindowUpdate(1, 1)},
      {Http2Abuse::kStrangeFrames, limits::kHttp2StrangeFramesMax, http2Frame(0xee, 0, 0, "")},
      {Http2Abuse::kStrangeFrames, limits::kHttp2StrangeFramesMax,
       http2Frame(NGHTTP2_GOAWAY, 0, 0, http2Number(0) + http2Number(0))},  // POST is under way
  };
  for (const Flood& flood : kFloods) {
    RecordingHttp2 flooded;
    Http2ServerCodec target(flooded, {});
    Http2Peer other;
    const auto read_all = [&] {
      while (!target.pull().empty()) other.take(takeOutput(target.pull()));
    };
    target.receive(http2Start() + http2Headers(1, http2Get("/", "POST"), false));
    target.credit(1, 1000);
    for (unsigned i = 0; i < flood.most; ++i) {
      target.receive(flood.frame);
      read_all();
    }
    EXPECT_TRUE(flooded.abuses.empty()) << http2AbuseName(flood.kind);
    target.receive(flood.frame);
    read_all();
    EXPECT_EQ(flooded.abuses, std::vector{flood.kind}) << http2AbuseName(flood.kind);
    ASSERT_EQ(other.goaways.size(), 1u) << http2AbuseName(flood.kind);
    EXPECT_EQ(other.goaways[0].second, NGHTTP2_ENHANCE_YOUR_CALM);
    EXPECT_TRUE(flooded.requests[1].is_cancelled);
    EXPECT_TRUE(target.isFinished());
  }
}

TEST_F(Http2ServerCodecTest, BoundsTheEntriesOfOneSettingsFrame) {
  const auto settings = [](std::size_t entries) {
    std::string payload;
    for (std::size_t i = 0; i < entries; ++i)
      payload += std::string("\x0f\xff", 2) + http2Number(1);
    return http2Frame(NGHTTP2_SETTINGS, 0, 0, payload);
  };
  send(settings(limits::kHttp2SettingsEntriesMax));
  expectFine();
  send(settings(limits::kHttp2SettingsEntriesMax + 1));
  expectAbuse(Http2Abuse::kSettings);
}

// CVE-2019-9512, CVE-2019-9515: what waits to be acknowledged is bounded by what may be asked.
TEST_F(Http2ServerCodecTest, BoundsAcknowledgementsThatNobodyReads) {
  constexpr std::size_t kAcknowledgementBytes = 17;
  const std::string ping = http2Frame(NGHTTP2_PING, 0, 0, "12345678");
  for (unsigned i = 0; i < limits::kHttp2PingsMax; ++i) codec.receive(ping);
  EXPECT_TRUE(seen.abuses.empty());
  EXPECT_EQ(codec.pull().size(), limits::kHttp2PingsMax * kAcknowledgementBytes);
  codec.receive(ping);
  read();
  expectAbuse(Http2Abuse::kPings);
}

TEST_F(Http2ServerCodecTest, BoundsHeadsOfStreamsThatAreOver) {
  answerAll();
  send(http2Headers(1, http2Get() + Http2Fields{{"connection", "close"}}, false));
  const std::string late = http2Headers(1, {{"x-trailer", "1"}});
  for (unsigned i = 0; i < limits::kHttp2StrangeFramesMax; ++i) send(late);
  expectFine();
  send(late);
  expectAbuse(Http2Abuse::kStrangeFrames);
}

TEST_F(Http2ServerCodecTest, BoundsHeadsAfterTheLastGoaway) {
  send(http2Headers(1, http2Get()));
  codec.drain();
  read();
  send(http2Frame(NGHTTP2_PING, NGHTTP2_FLAG_ACK, 0, peer.pings.at(0)));
  StreamId id = 3;
  for (unsigned i = 0; i < limits::kHttp2StrangeFramesMax; ++i, id += 2) {
    send(http2Headers(id, http2Get()));
  }
  EXPECT_TRUE(seen.abuses.empty());
  EXPECT_FALSE(codec.isFinished());
  send(http2Headers(id, http2Get()));
  EXPECT_EQ(seen.abuses, std::vector{Http2Abuse::kStrangeFrames});
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http2ServerCodecTest, LetsALongDownloadOpenItsWindowForEveryFrame) {
  send(http2Headers(1, http2Get()));
  codec.sendHead(1, response(200, BodyLength::chunked()), false);
  for (unsigned i = 0; i < 2 * limits::kHttp2WindowUpdatesMax; ++i) {
    codec.sendBody(1, "some content");
    read();
    send(http2WindowUpdate(0, 12) + http2WindowUpdate(1, 12));
  }
  expectFine();
}

TEST_F(Http2ServerCodecTest, ReadsNothingAfterTheEnd) {
  for (unsigned i = 0; i <= limits::kHttp2PingsMax; ++i) {
    codec.receive(http2Frame(NGHTTP2_PING, 0, 0, "12345678"));
  }
  send(http2Headers(1, http2Get()));
  EXPECT_TRUE(seen.requests.empty());
}

TEST(Http2Abuse, HasANameForEveryKind) {
  std::set<std::string_view> names;
  for (std::size_t i = 0; i < kHttp2AbuseCount; ++i) {
    names.insert(http2AbuseName(static_cast<Http2Abuse>(i)));
  }
  EXPECT_EQ(names.size(), kHttp2AbuseCount);
  EXPECT_EQ(names.count(""), 0u);
}

}  // namespace
}  // namespace edgehold
