// SPDX-License-Identifier: Apache-2.0
// The laws of the server's side of an HTTP/1 connection.
// Thread: main only.
#include "proxy/http/http1_server_codec.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/http/recording_events.h"

namespace edgehold {
namespace {

class Http1ServerCodecTest : public testing::Test {
 protected:
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
  std::string output() { return takeOutput(codec.pull()); }

  RecordingServer seen;
  Http1ServerCodec codec{seen};
  Feeder<Http1ServerCodec> feeder{codec};
};

constexpr char kGet[] = "GET /a HTTP/1.1\r\nHost: h\r\n\r\n";
constexpr char kPost[] = "POST /b HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\nhello";
constexpr char kChunkedPost[] =
    "POST /c HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n0\r\n\r\n";
constexpr char kOk[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
constexpr char kOkClose[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: close\r\n\r\nok";

TEST_F(Http1ServerCodecTest, AnswersRequestsInOrder) {
  seen.on_head = [this](StreamId stream, const RequestHead&) { codec.credit(stream, 100); };
  seen.on_end = [this](StreamId stream) { answer(stream); };
  feeder.feed(std::string(kGet) + kPost + kChunkedPost + kGet);
  ASSERT_EQ(seen.requests.size(), 4u);
  EXPECT_EQ(seen.requests[0].start, "GET /a");
  EXPECT_EQ(seen.requests[1].content, "hello");
  EXPECT_EQ(seen.requests[2].content, "hello");
  EXPECT_EQ(seen.requests[3].start, "GET /a");
  EXPECT_EQ(output(), std::string(kOk) + kOk + kOk + kOk);
  EXPECT_TRUE(codec.isIdle());
  EXPECT_FALSE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, ParsesNoRequestWhileTooManyAnswersWaitToLeave) {
  seen.on_end = [this](StreamId stream) { answer(stream, 200, std::string(1000, 'x')); };
  std::string requests;
  for (int i = 0; i < 1000; ++i) requests += kGet;
  std::size_t used = codec.receive(requests);
  EXPECT_LT(used, requests.size());
  EXPECT_LT(codec.pull().size(), limits::kOutputBytesHigh + 2000);
  codec.receiveEnd();
  EXPECT_TRUE(seen.errors.empty()) << "whole requests wait";
  while (used < requests.size()) {
    output();
    used += codec.receive(std::string_view(requests).substr(used));
  }
  EXPECT_EQ(seen.requests.size(), 1000u);
  EXPECT_TRUE(seen.errors.empty());
}

TEST_F(Http1ServerCodecTest, SeesTheSameRequestsByteByByte) {
  seen.on_head = [this](StreamId stream, const RequestHead&) { codec.credit(stream, 100); };
  seen.on_end = [this](StreamId stream) { answer(stream); };
  const std::string bytes = std::string(kGet) + kPost + "\r\n" + kChunkedPost + kGet;
  feeder.feedInPieces(bytes, 1);
  const auto by_byte = seen.requests;
  ASSERT_EQ(by_byte.size(), 4u);
  for (std::size_t split = 1; split < bytes.size(); ++split) {
    seen.requests.clear();
    feeder.feed(ByteView(bytes).substr(0, split));
    feeder.feed(ByteView(bytes).substr(split));
    ASSERT_EQ(seen.requests, by_byte) << split;
  }
}

TEST_F(Http1ServerCodecTest, ReadsNoPipelinedRequestBeforeTheAnswer) {
  feeder.feed(std::string(kGet) + kGet);
  ASSERT_EQ(seen.requests.size(), 1u);
  EXPECT_EQ(feeder.pendingBytes(), sizeof kGet - 1);
  answer(seen.last_stream);
  EXPECT_EQ(seen.requests.size(), 1u);
  feeder.offer();
  EXPECT_EQ(seen.requests.size(), 2u);
  EXPECT_EQ(seen.last_stream, 2u);
}

TEST_F(Http1ServerCodecTest, ReadsARequestThatWaitedWhenTheClientEnded) {
  feeder.feed(std::string(kGet) + kGet);
  answer(seen.last_stream);
  codec.receiveEnd();  // before what waited was offered again
  EXPECT_TRUE(seen.errors.empty());
  feeder.offer();
  ASSERT_EQ(seen.requests.size(), 2u);
  answer(seen.last_stream);
  EXPECT_EQ(output(), std::string(kOk) + kOkClose);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, RefusesHalfARequestThatWaitedWhenTheClientEnded) {
  feeder.feed(std::string(kGet) + "GET /a HT");
  answer(seen.last_stream);
  codec.receiveEnd();
  feeder.offer();
  EXPECT_EQ(seen.errors.size(), 1u);
}

TEST_F(Http1ServerCodecTest, RefusesHalfARequestBehindOneThatWasAnsweredAtOnce) {
  seen.on_end = [this](StreamId stream) { answer(stream); };
  feeder.feed(std::string(kGet) + "GET /a HT");
  codec.receiveEnd();
  EXPECT_EQ(seen.errors.size(), 1u);
}

TEST_F(Http1ServerCodecTest, TellsWhenACloseWouldLookWhole) {
  feeder.feed("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(codec.needsReset());
  codec.sendHead(seen.last_stream, response(200, BodyLength::untilClose()), false);
  codec.sendBody(seen.last_stream, "part");
  output();
  EXPECT_TRUE(codec.needsReset()) << "a deadline may close it here";
  codec.sendEnd(seen.last_stream);
  EXPECT_FALSE(codec.needsReset());
}

TEST_F(Http1ServerCodecTest, NeedsAResetForABrokenAnswerThatHasNoLength) {
  feeder.feed("GET / HTTP/1.0\r\nHost: h\r\n\r\n");
  codec.sendHead(seen.last_stream, response(200, BodyLength::untilClose()), false);
  codec.sendBody(seen.last_stream, "part");
  codec.abort(seen.last_stream);
  output();
  EXPECT_TRUE(codec.isFinished());
  EXPECT_TRUE(codec.needsReset());
}

TEST_F(Http1ServerCodecTest, NeedsNoResetForAnAnswerThatSaysHowLongItIs) {
  for (const BodyLength body : {BodyLength::known(9), BodyLength::chunked()}) {
    Http1ServerCodec other(seen);
    Feeder<Http1ServerCodec>(other).feed(kGet);
    other.sendHead(seen.last_stream, response(200, body), false);
    other.sendBody(seen.last_stream, "part");
    other.abort(seen.last_stream);
    EXPECT_FALSE(other.needsReset());
  }
}

TEST_F(Http1ServerCodecTest, SaysThatTheInputWasCut) {
  seen.on_error = [this](StreamId stream) { answer(stream, 400, "no"); };
  feeder.feed("BAD\r\n\r\n");
  EXPECT_TRUE(codec.isInputCut());
}

TEST_F(Http1ServerCodecTest, SaysThatTheInputWasCutWithinABody) {
  feeder.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 500000\r\n\r\nx");
  answer(seen.last_stream, 413, "no");
  EXPECT_TRUE(codec.isInputCut());
}

TEST_F(Http1ServerCodecTest, SaysNothingOfInputThatWasWhole) {
  feeder.feed("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n");
  answer(seen.last_stream);
  EXPECT_FALSE(codec.isInputCut());
}

TEST_F(Http1ServerCodecTest, ReadsNoContentWithoutCredit) {
  feeder.feed(kPost);
  ASSERT_EQ(seen.requests.size(), 1u);
  EXPECT_EQ(seen.requests[0].content, "");
  codec.credit(seen.last_stream, 2);
  feeder.offer();
  EXPECT_EQ(seen.requests[0].content, "he");
  EXPECT_FALSE(seen.requests[0].is_whole);
  codec.credit(seen.last_stream, kEndlessCredit);
  codec.credit(seen.last_stream, kEndlessCredit);
  feeder.offer();
  EXPECT_EQ(seen.requests[0].content, "hello");
  EXPECT_TRUE(seen.requests[0].is_whole);
}

TEST_F(Http1ServerCodecTest, ReadsNoChunkedContentWithoutCredit) {
  feeder.feed(kChunkedPost);
  codec.credit(seen.last_stream, 4);
  feeder.offer();
  EXPECT_EQ(seen.requests[0].content, "hell");
  EXPECT_FALSE(seen.requests[0].is_whole);
  codec.credit(seen.last_stream, 1);
  feeder.offer();
  EXPECT_TRUE(seen.requests[0].is_whole);
  EXPECT_EQ(feeder.pendingBytes(), 0u);
}

TEST_F(Http1ServerCodecTest, ForgivesOneEmptyLineBeforeARequest) {
  feeder.feed(std::string("\r\n") + kGet);
  EXPECT_EQ(seen.requests.size(), 1u);
  answer(seen.last_stream);
  feeder.feed(std::string("\r\n\r\n") + kGet);
  EXPECT_EQ(seen.requests.size(), 1u);
  EXPECT_EQ(seen.errors.size(), 1u);
}

TEST_F(Http1ServerCodecTest, AnswersAMalformedHeadOnceAndCloses) {
  seen.on_error = [this](StreamId stream) { answer(stream, 400, "no"); };
  feeder.feed(std::string("GET / HTTP/1.1\r\nHost : h\r\n\r\n") + kGet);
  ASSERT_EQ(seen.errors.size(), 1u);
  EXPECT_EQ(seen.errors[0].reason, Reason::kMalformedRequest);
  EXPECT_TRUE(seen.requests.empty());
  EXPECT_FALSE(codec.isFinished());
  EXPECT_EQ(output(),
            "HTTP/1.1 400 Bad Request\r\nContent-Length: 2\r\nConnection: close\r\n\r\nno");
  EXPECT_TRUE(codec.isFinished());
  feeder.feed(kGet);
  EXPECT_TRUE(seen.requests.empty());
  EXPECT_EQ(feeder.pendingBytes(), 0u);
}

TEST_F(Http1ServerCodecTest, ReadsNothingAfterAnErrorThatIsNotYetAnswered) {
  feeder.feed(std::string("BAD\r\n\r\n") + kGet);
  feeder.feed(kGet);
  EXPECT_EQ(seen.errors.size(), 1u);
  EXPECT_TRUE(seen.requests.empty());
  EXPECT_FALSE(codec.isFinished());
  codec.abort(seen.last_stream);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, RefusesAMalformedBodyHalfWay) {
  seen.on_head = [this](StreamId stream, const RequestHead&) { codec.credit(stream, 100); };
  feeder.feed("POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\nx\r\n");
  EXPECT_EQ(seen.requests[0].content, "ab");
  EXPECT_FALSE(seen.requests[0].is_whole);
  ASSERT_EQ(seen.errors.size(), 1u);
  EXPECT_EQ(seen.last_stream, 1u);
  answer(1, 400, "no");
  EXPECT_NE(output().find("Connection: close"), std::string::npos);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, ClosesWhenTheClientAsks) {
  feeder.feed(std::string("GET / HTTP/1.1\r\nHost: h\r\nConnection: close\r\n\r\n") + kGet);
  answer(seen.last_stream);
  feeder.offer();
  EXPECT_EQ(output(), kOkClose);
  EXPECT_TRUE(codec.isFinished());
  EXPECT_EQ(seen.requests.size(), 1u);
}

TEST_F(Http1ServerCodecTest, TellsAnOldClientThatTheConnectionIsKept) {
  feeder.feed("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  answer(seen.last_stream);
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nContent-Length: 2\r\nConnection: keep-alive\r\n\r\nok");
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http1ServerCodecTest, SendsNoChunksToAnOldClient) {
  feeder.feed("GET / HTTP/1.0\r\nHost: h\r\nConnection: keep-alive\r\n\r\n");
  codec.sendHead(1, response(200, BodyLength::chunked()), false);
  codec.sendBody(1, "ab");
  codec.sendBody(1, "c");
  codec.sendEnd(1);
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nConnection: close\r\n\r\nabc");
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, SendsContentOfUnknownLengthInChunks) {
  feeder.feed(kGet);
  codec.sendHead(1, response(200, BodyLength::untilClose()), false);
  codec.sendBody(1, "0123456789abcdef");
  codec.sendBody(1, "");
  codec.sendEnd(1);
  EXPECT_EQ(output(),
            "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"
            "10\r\n0123456789abcdef\r\n0\r\n\r\n");
  EXPECT_TRUE(codec.isIdle());
}

TEST_F(Http1ServerCodecTest, WritesTheLengthOfAnEmptyResponse) {
  feeder.feed(kGet);
  codec.sendHead(1, response(200, BodyLength::none()), false);
  codec.sendEnd(1);
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nContent-Length: 0\r\n\r\n");
}

TEST_F(Http1ServerCodecTest, AnswersHeadWithFramingButNoContent) {
  struct Row {
    BodyLength body;
    const char* expected;
  };
  const Row rows[] = {
      {BodyLength::known(7), "HTTP/1.1 200 OK\r\nContent-Length: 7\r\n\r\n"},
      {BodyLength::chunked(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n"},
      {BodyLength::none(), "HTTP/1.1 200 OK\r\n\r\n"},
  };
  for (const Row& row : rows) {
    feeder.feed("HEAD / HTTP/1.1\r\nHost: h\r\n\r\n");
    codec.sendHead(seen.last_stream, response(200, row.body), true);
    codec.sendBody(seen.last_stream, "content");
    codec.sendEnd(seen.last_stream);
    EXPECT_EQ(output(), row.expected);
    EXPECT_TRUE(codec.isIdle());
  }
}

TEST_F(Http1ServerCodecTest, SendsNoContentWithAStatusThatForbidsIt) {
  for (const std::uint16_t status : {std::uint16_t{204}, std::uint16_t{304}}) {
    feeder.feed(kGet);
    codec.sendHead(seen.last_stream, response(status, BodyLength::known(3)), false);
    codec.sendBody(seen.last_stream, "abc");
    codec.sendEnd(seen.last_stream);
    EXPECT_EQ(output(), "HTTP/1.1 " + std::to_string(status) + " " +
                            std::string(reasonPhrase(status)) + "\r\n\r\n");
    EXPECT_TRUE(codec.isIdle());
  }
}

TEST_F(Http1ServerCodecTest, WritesOneLengthWhateverTheHeadCarries) {
  feeder.feed(kGet);
  ResponseHead head = response(200, BodyLength::known(2));
  head.headers.add("content-length", "99");
  head.headers.add("Transfer-Encoding", "chunked");
  head.headers.add("Connection", "close");
  head.headers.add("Keep-Alive", "timeout=5");
  head.headers.add("X", "y");
  codec.sendHead(1, head, false);
  codec.sendBody(1, "ok");
  codec.sendEnd(1);
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nX: y\r\nContent-Length: 2\r\n\r\nok");
}

TEST_F(Http1ServerCodecTest, LeavesOutAFieldThatWouldSplitTheMessage) {
  feeder.feed(kGet);
  ResponseHead head = response(200, BodyLength::known(2));
  head.headers.add("X", "a\r\nSet-Cookie: b");
  head.headers.add("Y", "a\nb");
  head.headers.add("", "c");
  head.headers.add("Z", "d");
  codec.sendHead(1, head, false);
  codec.sendBody(1, "ok");
  codec.sendEnd(1);
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nZ: d\r\nContent-Length: 2\r\n\r\nok");
}

TEST_F(Http1ServerCodecTest, SendsContinueOnceAndOnlyWhenAskedFor) {
  feeder.feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  EXPECT_TRUE(seen.is_continue_expected);
  codec.sendContinue(1);
  codec.sendContinue(1);
  EXPECT_EQ(output(), "HTTP/1.1 100 Continue\r\n\r\n");
  codec.credit(1, 2);
  feeder.feed("ab");
  answer(1);
  EXPECT_EQ(output(), kOk);
  feeder.feed(kPost);
  codec.sendContinue(2);
  EXPECT_EQ(output(), "");
}

TEST_F(Http1ServerCodecTest, ClosesWhenAnExpectedBodyIsRefused) {
  feeder.feed("PUT / HTTP/1.1\r\nHost: h\r\nContent-Length: 2\r\nExpect: 100-continue\r\n\r\n");
  answer(1, 413, "no");
  EXPECT_NE(output().find("Connection: close"), std::string::npos);
  feeder.feed(kGet);
  EXPECT_EQ(seen.requests.size(), 1u);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, KeepsTheConnectionWhenTheUnreadBodyIsHere) {
  feeder.feed(std::string(kPost) + kGet);
  answer(1);
  EXPECT_EQ(output(), kOk);
  feeder.offer();
  ASSERT_EQ(seen.requests.size(), 2u);
  EXPECT_EQ(seen.requests[0].content, "");
  EXPECT_FALSE(seen.requests[0].is_whole);
  EXPECT_EQ(seen.requests[1].start, "GET /a");
}

TEST_F(Http1ServerCodecTest, KeepsTheConnectionWhenAnsweredWithinTheHeadEvent) {
  seen.on_head = [this](StreamId stream, const RequestHead&) { answer(stream); };
  feeder.feed(std::string(kPost) + kGet + kPost);
  EXPECT_EQ(seen.requests.size(), 3u);
  EXPECT_EQ(output(), std::string(kOk) + kOk + kOk);
  EXPECT_TRUE(codec.isIdle());
  for (const SeenMessage& request : seen.requests) EXPECT_FALSE(request.is_whole);
}

TEST_F(Http1ServerCodecTest, NeverTakesLeftOverContentForARequest) {
  const std::string smuggled = "GET /smuggled HTTP/1.1\r\nHost: h\r\n\r\n";
  const std::string head = "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 200\r\n\r\n";
  for (const bool is_chunked : {false, true}) {
    RecordingServer events;
    Http1ServerCodec server(events);
    Feeder<Http1ServerCodec> pieces(server);
    pieces.feed(is_chunked ? "POST / HTTP/1.1\r\nHost: h\r\nTransfer-Encoding: chunked\r\n\r\n"
                           : head);
    server.sendHead(1, response(403, BodyLength::known(0)), false);
    server.sendEnd(1);
    pieces.feed(smuggled + smuggled + smuggled + smuggled + smuggled + smuggled + smuggled);
    EXPECT_EQ(events.requests.size(), 1u);
    EXPECT_TRUE(events.errors.empty());
    EXPECT_NE(takeOutput(server.pull()).find("Connection: close"), std::string::npos);
    EXPECT_TRUE(server.isFinished());
  }
}

TEST_F(Http1ServerCodecTest, DropsNoMoreOfABodyThanItsBound) {
  const auto post = [](std::size_t bytes) {
    return "POST / HTTP/1.1\r\nHost: h\r\nContent-Length: " + std::to_string(bytes) + "\r\n\r\n" +
           std::string(bytes, 'x');
  };
  feeder.feed(post(limits::kDiscardedBodyBytesMax));
  answer(1);
  EXPECT_EQ(output(), kOk);
  feeder.feed(post(limits::kDiscardedBodyBytesMax + 1));
  answer(2);
  EXPECT_EQ(output(), kOkClose);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, AbortClosesWithoutAnEnd) {
  feeder.feed(std::string(kGet) + kGet);
  codec.sendHead(1, response(200, BodyLength::chunked()), false);
  codec.sendBody(1, "ab");
  codec.abort(1);
  EXPECT_FALSE(codec.isFinished());
  EXPECT_EQ(output(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nab\r\n");
  EXPECT_TRUE(codec.isFinished());
  feeder.offer();
  codec.sendBody(1, "cd");
  codec.sendEnd(1);
  EXPECT_EQ(output(), "");
  EXPECT_EQ(seen.requests.size(), 1u);
}

TEST_F(Http1ServerCodecTest, BreaksOffAResponseShorterThanDeclared) {
  feeder.feed(kGet);
  codec.sendHead(1, response(200, BodyLength::known(5)), false);
  codec.sendBody(1, "abc");
  codec.sendEnd(1);
  output();
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, IgnoresCallsForAStreamThatIsNotOpen) {
  feeder.feed(kGet);
  answer(2);
  EXPECT_EQ(output(), "");
  answer(1);
  answer(1);
  EXPECT_EQ(output(), kOk);
}

TEST_F(Http1ServerCodecTest, DrainsAnIdleConnectionAtOnce) {
  EXPECT_TRUE(codec.isIdle());
  codec.drain();
  EXPECT_TRUE(codec.isFinished());
  feeder.feed(kGet);
  EXPECT_TRUE(seen.requests.empty());
}

TEST_F(Http1ServerCodecTest, DrainsABusyConnectionWithItsAnswer) {
  feeder.feed(std::string(kGet) + kGet);
  codec.drain();
  EXPECT_FALSE(codec.isFinished());
  answer(1);
  feeder.offer();
  EXPECT_EQ(output(), kOkClose);
  EXPECT_TRUE(codec.isFinished());
  EXPECT_EQ(seen.requests.size(), 1u);
}

TEST_F(Http1ServerCodecTest, DrainsABegunHeadWithItsAnswer) {
  feeder.feed("GET / HT");
  codec.drain();
  EXPECT_FALSE(codec.isFinished());
  feeder.feed("TP/1.1\r\nHost: h\r\n\r\n");
  answer(1);
  EXPECT_EQ(output(), kOkClose);
  EXPECT_TRUE(codec.isFinished());
}

TEST_F(Http1ServerCodecTest, FinishesWhenAnIdleClientLeaves) {
  codec.receiveEnd();
  EXPECT_TRUE(codec.isFinished());
  EXPECT_TRUE(seen.errors.empty());
}

TEST_F(Http1ServerCodecTest, ReportsARequestCutByTheEnd) {
  feeder.feed("GET / HT");
  EXPECT_TRUE(codec.isInHead());
  codec.receiveEnd();
  ASSERT_EQ(seen.errors.size(), 1u);
  EXPECT_EQ(seen.errors[0].reason, Reason::kMalformedRequest);
}

TEST_F(Http1ServerCodecTest, ReportsABodyCutByTheEnd) {
  feeder.feed("POST / HTTP/1.1\r\nHost: h\r\nContent-Length: 5\r\n\r\n");
  codec.receiveEnd();
  ASSERT_EQ(seen.errors.size(), 1u);
  EXPECT_EQ(seen.errors[0].reason, Reason::kClientClosed);
}

TEST_F(Http1ServerCodecTest, AnswersAllThatCameBeforeTheEnd) {
  feeder.feed(std::string(kGet) + kPost);
  codec.receiveEnd();
  answer(1);
  EXPECT_EQ(output(), kOk);
  feeder.offer();
  ASSERT_EQ(seen.requests.size(), 2u);
  codec.credit(2, 100);
  feeder.offer();
  EXPECT_TRUE(seen.requests[1].is_whole);
  answer(2);
  EXPECT_EQ(output(), kOkClose);
  EXPECT_TRUE(codec.isFinished());
  EXPECT_TRUE(seen.errors.empty());
}

TEST_F(Http1ServerCodecTest, KnowsWhetherAHeadHasBegun) {
  EXPECT_FALSE(codec.isInHead());
  feeder.feed("G");
  EXPECT_TRUE(codec.isInHead());
  EXPECT_FALSE(codec.isIdle());
  feeder.feed("ET / HTTP/1.1\r\nHost: h\r\n\r\n");
  EXPECT_FALSE(codec.isInHead());
  EXPECT_FALSE(codec.isIdle());
  answer(1);
  EXPECT_TRUE(codec.isIdle());
}

}  // namespace
}  // namespace edgehold
