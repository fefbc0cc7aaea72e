// SPDX-License-Identifier: Apache-2.0
// The laws of breaking: wherever a connection breaks, what may not be repeated is sent once, what
// is cut is never passed on as whole, and there is one decision.
// Thread: main only.
#include <gmock/gmock.h>

#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

constexpr std::string_view kOpen = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent, limits: {body: 1MiB}}
)";

constexpr std::string_view kGet = "GET /get HTTP/1.1\r\nHost: edge\r\n\r\n";
constexpr std::string_view kEmptyPost = "POST /post HTTP/1.1\r\nHost: edge\r\n\r\n";
constexpr std::string_view kPost =
    "POST /post HTTP/1.1\r\nHost: edge\r\nContent-Length: 12\r\n\r\nhello upward";
constexpr std::string_view kChunkedPost =
    "POST /post HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nhello\r\n7\r\n "
    "upward\r\n0\r\n\r\n";
constexpr std::string_view kPut =
    "PUT /put HTTP/1.1\r\nHost: edge\r\nContent-Length: 12\r\n\r\nhello upward";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
constexpr std::string_view kChunkedOk =
    "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\ndone\r\n0\r\n\r\n";

std::size_t countIn(std::string_view text, std::string_view part) {
  std::size_t count = 0;
  for (auto at = text.find(part); at != std::string_view::npos; at = text.find(part, at + 1)) {
    ++count;
  }
  return count;
}

// How the upstream's connection ends.
enum class Break { kReset, kEnd };

class RepetitionTest : public FlowTest {
 protected:
  RepetitionTest() { use(kOpen); }

  // How often a request with this path was begun, over all upstream connections.
  std::size_t timesBegun(std::string_view path) const {
    std::size_t times = 0;
    for (const auto& peer : dialer_.peers) times += countIn(peer->received, path);
    return times;
  }
  // A client whose next request goes out on a connection that has served before, or on a new one.
  std::shared_ptr<FakePeer> clientWith(bool is_warm) {
    for (const auto& peer : std::exchange(dialer_.peers, {})) {
      if (!peer->is_closed) peer->end();
    }
    settle();
    const auto client = connect();
    if (!is_warm) return client;
    send(*client, "GET /warm HTTP/1.1\r\nHost: edge\r\n\r\n");
    send(upstream(), kOk);
    client->received.clear();
    return client;
  }
  void breakOff(FakePeer& peer, Break how) {
    how == Break::kReset ? peer.reset() : peer.end();
    settle();
  }
  void forgetUpstreams() {
    for (const auto& peer : dialer_.peers) peer->received.clear();
  }

  // Breaks `answer` off after each number of bytes; `check` sees what came of it.
  using Check = std::function<void(FakePeer& client, std::size_t sent)>;
  void breakAnswersOf(std::string_view request, std::string_view answer, bool is_warm,
                      const Check& check) {
    for (const Break how : {Break::kReset, Break::kEnd}) {
      for (std::size_t sent = 0; sent < answer.size(); ++sent) {
        SCOPED_TRACE(std::string(how == Break::kReset ? "reset" : "end") + " after " +
                     std::to_string(sent) + " bytes of the answer, " + (is_warm ? "warm" : "new") +
                     " connection");
        const auto client = clientWith(is_warm);
        forgetUpstreams();
        send(*client, request);
        FakePeer& peer = upstream();
        const auto kept = dialer_.peers.back();
        if (sent > 0) send(peer, answer.substr(0, sent));
        breakOff(*kept, how);
        check(*client, sent);
        if (HasFailure()) return;
      }
    }
  }
  static void expectFailure(const FakePeer& client, std::string_view answer, std::size_t sent) {
    const std::size_t head = answer.find("\r\n\r\n") + 4;
    if (sent < head) {
      EXPECT_THAT(client.received, StartsWith("HTTP/1.1 502 "));
    } else {
      EXPECT_THAT(client.received, StartsWith("HTTP/1.1 200 "));
      EXPECT_THAT(client.received, testing::Not(EndsWith("0\r\n\r\n")));
      EXPECT_TRUE(client.is_closed) << "the client must see that it is not whole";
    }
  }
};

TEST_F(RepetitionTest, SendsAPostOnceWhereverItsAnswerBreaks) {
  for (const std::string_view request : {kEmptyPost, kPost, kChunkedPost}) {
    for (const std::string_view answer : {kOk, kChunkedOk}) {
      for (const bool is_warm : {false, true}) {
        breakAnswersOf(request, answer, is_warm, [&](FakePeer& client, std::size_t sent) {
          EXPECT_EQ(timesBegun("POST /post "), 1u);
          expectFailure(client, answer, sent);
        });
      }
    }
  }
}

TEST_F(RepetitionTest, SendsARequestWithABodyOnceWhateverItsMethod) {
  breakAnswersOf(kPut, kOk, /*is_warm=*/true, [&](FakePeer& client, std::size_t sent) {
    EXPECT_EQ(timesBegun("PUT /put "), 1u);
    expectFailure(client, kOk, sent);
  });
}

TEST_F(RepetitionTest, RepeatsAGetOnceIfAWarmConnectionSaidNothing) {
  breakAnswersOf(kGet, kOk, /*is_warm=*/true, [&](FakePeer& client, std::size_t sent) {
    if (sent > 0) {
      EXPECT_EQ(timesBegun("GET /get "), 1u);
      return expectFailure(client, kOk, sent);
    }
    EXPECT_EQ(client.received, "");
    FakePeer& second = upstream();
    EXPECT_EQ(timesBegun("GET /get "), 2u);
    breakOff(second, Break::kReset);
    EXPECT_EQ(timesBegun("GET /get "), 2u) << "once, not for ever";
    EXPECT_THAT(client.received, StartsWith("HTTP/1.1 502 "));
  });
}

TEST_F(RepetitionTest, DoesNotRepeatAGetOnANewConnection) {
  breakAnswersOf(kGet, kOk, /*is_warm=*/false, [&](FakePeer& client, std::size_t sent) {
    EXPECT_EQ(timesBegun("GET /get "), 1u);
    expectFailure(client, kOk, sent);
  });
}

TEST_F(RepetitionTest, DoesNotRepeatAGetThatGotAnInterimAnswer) {
  const auto client = clientWith(/*is_warm=*/true);
  send(*client, kGet);
  FakePeer& peer = upstream();
  send(peer, "HTTP/1.1 103 Early Hints\r\n\r\n");
  breakOff(*dialer_.peers.back(), Break::kReset);
  EXPECT_EQ(timesBegun("GET /get "), 1u);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
}

TEST_F(RepetitionTest, DoesNotRepeatWhatTookTooLong) {
  const auto client = clientWith(/*is_warm=*/true);
  send(*client, kGet);
  loop_.advance(limits::kFirstByteTimeout + 1ms);
  settle();
  EXPECT_EQ(timesBegun("GET /get "), 1u);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 504 "));
}

TEST_F(RepetitionTest, SendsAPostOnceWhereverTheUpstreamStopsTakingIt) {
  for (const std::string_view request : {kPost, kChunkedPost}) {
    for (const bool is_warm : {false, true}) {
      for (std::size_t taken = 0; taken < 400; ++taken) {
        SCOPED_TRACE(std::to_string(taken) + " bytes taken");
        const auto client = clientWith(is_warm);
        const std::size_t dialled = dialer_.peers.size();
        if (is_warm) dialer_.peers.back()->send_room = taken;
        forgetUpstreams();
        send(*client, request);
        if (!is_warm) {
          dialer_.peers.back()->send_room = taken;
          upstream();
        }
        ASSERT_EQ(dialer_.peers.size(), dialled + (is_warm ? 0 : 1));
        breakOff(*dialer_.peers.back(), Break::kReset);
        ASSERT_EQ(dialer_.peers.size(), dialled + (is_warm ? 0 : 1)) << "nobody else is asked";
        ASSERT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
      }
    }
  }
}

TEST_F(RepetitionTest, NeverCompletesARequestThatItsClientCut) {
  for (const std::string_view request : {kPost, kChunkedPost}) {
    for (const Break how : {Break::kReset, Break::kEnd}) {
      for (std::size_t sent = 1; sent < request.size(); ++sent) {
        SCOPED_TRACE(std::to_string(sent) + " bytes sent");
        const std::size_t records = recordsWritten();
        const auto client = clientWith(/*is_warm=*/false);
        send(*client, request.substr(0, sent));
        const bool is_dialled = !dialer_.peers.empty();
        if (is_dialled) upstream();
        breakOff(*client, how);
        ASSERT_TRUE(client->is_closed);
        if (is_dialled) {
          const std::string& begun = dialer_.peers.back()->received;
          ASSERT_TRUE(dialer_.peers.back()->is_closed);
          ASSERT_FALSE(begun.ends_with("hello upward") || begun.ends_with("0\r\n\r\n")) << begun;
        }
        // A head that was cut by a reset was never a request.
        ASSERT_LE(recordsWritten(), records + 1);
        ASSERT_GE(recordsWritten(), records + (is_dialled ? 1 : 0));
      }
    }
  }
}

TEST_F(RepetitionTest, NeverUsesAnIdleConnectionThatEndedOrSpoke) {
  for (const std::string_view says :
       {std::string_view(), std::string_view("HTTP/1.1 408 Request Timeout\r\n\r\n"),
        std::string_view("\0", 1)}) {
    const auto client = clientWith(/*is_warm=*/true);
    const auto warm = dialer_.peers.back();
    says.empty() ? warm->end() : warm->feed(says);
    settle();
    warm->received.clear();
    const std::size_t dialled = dialer_.peers.size();
    send(*client, kPost);
    EXPECT_EQ(dialer_.peers.size(), dialled + 1);
    EXPECT_EQ(warm->received, "");
    send(upstream(), kOk);
    EXPECT_THAT(client->received, EndsWith("done"));
  }
}

TEST_F(RepetitionTest, AnswersAClientThatClosedItsSideAfterAWholeRequest) {
  for (const std::string_view request : {kGet, kPost, kChunkedPost}) {
    const auto client = clientWith(/*is_warm=*/false);
    client->to_send = request;
    for (int i = 0; i < 2; ++i) {  // the bytes, then the end
      client->end();
      settle();
    }
    send(upstream(), kOk);
    EXPECT_THAT(client->received, EndsWith("done")) << request;
    EXPECT_TRUE(client->is_closed);
  }
}

TEST_F(RepetitionTest, PassesOnAnAnswerBeforeTheUpstreamsEnd) {
  const auto client = clientWith(/*is_warm=*/true);
  send(*client, kPost);
  const auto peer = dialer_.peers.back();
  peer->to_send = kOk;
  for (int i = 0; i < 2; ++i) {  // the bytes, then the end
    peer->end();
    settle();
  }
  EXPECT_THAT(client->received, EndsWith("done"));
  const std::size_t dialled = dialer_.peers.size();
  send(*client, kPost);
  EXPECT_EQ(dialer_.peers.size(), dialled + 1) << "the ended connection is not used again";
}

}  // namespace
}  // namespace edgehold
