// SPDX-License-Identifier: Apache-2.0
// The client's own part: places, deadlines, and servers that misbehave.
#include "proxy/server/admin_client.h"

#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>
#include <poll.h>
#include <sys/socket.h>

#include "proxy/net/socket.h"
#include "proxy/net/unix_socket.h"
#include "tests/support/temp_directory.h"

namespace edgehold {
namespace {

using std::chrono_literals::operator""s;
using testing::HasSubstr;

TEST(AdminPlace, IsAnAddressOrAPath) {
  EXPECT_NE(AdminPlace::parse("127.0.0.1:9901")->address(), nullptr);
  EXPECT_NE(AdminPlace::parse("[::1]:9901")->address(), nullptr);
  EXPECT_EQ(*AdminPlace::parse("/run/edgehold/admin.sock")->path(), "/run/edgehold/admin.sock");
  EXPECT_EQ(*AdminPlace::parse("./admin.sock")->path(), "./admin.sock");
  for (const char* const text : {"", "admin.sock", "localhost:9901", "127.0.0.1", "::1:9901"}) {
    EXPECT_FALSE(AdminPlace::parse(text).has_value()) << text;
  }
}

// Answers one connection with `answer` after it has seen the end of a head, then closes.
class OneShotServer {
 public:
  explicit OneShotServer(std::string answer) : answer_(std::move(answer)) {
    auto listener = listenOnUnix(path(), 1);
    EXPECT_TRUE(listener);
    listener_ = std::move(*listener);
    thread_ = std::thread([this] { serve(); });
  }
  ~OneShotServer() { thread_.join(); }
  std::string path() const { return directory_.file("s.sock"); }

 private:
  void serve() {
    pollfd ready{listener_.fd.get(), POLLIN, 0};
    if (::poll(&ready, 1, 20'000) <= 0) return;
    const Fd fd(::accept(listener_.fd.get(), nullptr, nullptr));
    std::string request;
    char room[4096];
    while (request.find("\r\n\r\n") == std::string::npos) {
      const ssize_t got = ::recv(fd.get(), room, sizeof room, 0);
      if (got <= 0) return;
      request.append(room, static_cast<std::size_t>(got));
    }
    ByteView left = answer_;
    while (!left.empty()) {
      const ssize_t sent = ::send(fd.get(), left.data(), left.size(), MSG_NOSIGNAL);
      if (sent <= 0) return;
      left.remove_prefix(static_cast<std::size_t>(sent));
    }
  }

  const std::string answer_;
  TempDirectory directory_;
  UnixListener listener_;
  std::thread thread_;
};

Result<AdminAnswered> askOneShot(std::string answer) {
  const OneShotServer server(std::move(answer));
  const SystemClock clock;
  return AdminClient(AdminPlace::at(server.path()), clock).ask({.target = "/status", .body = {}});
}

TEST(AdminClient, TakesAnAnswerOfAnyFraming) {
  for (const char* const answer :
       {"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nhi",
        "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n2\r\nhi\r\n0\r\n\r\n",
        "HTTP/1.1 200 OK\r\n\r\nhi"}) {
    const auto answered = askOneShot(answer);
    ASSERT_TRUE(answered) << answered.error().message;
    EXPECT_EQ(answered->status, 200);
    EXPECT_EQ(answered->body, "hi");
  }
}

TEST(AdminClient, CutAnswerIsAnError) {
  for (const char* const answer :
       {"", "HTTP/1.1 20", "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nhi"}) {
    EXPECT_FALSE(askOneShot(answer)) << answer;
  }
}

TEST(AdminClient, MalformedAnswerIsAnErrorThatNamesThePlace) {
  const auto answered = askOneShot("SSH-2.0-OpenSSH\r\n\r\n");
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().reason, Reason::kUpstreamMalformed);
  EXPECT_THAT(answered.error().message, HasSubstr("s.sock"));
}

TEST(AdminClient, NobodyThereIsUnreachable) {
  const TempDirectory directory;
  const SystemClock clock;
  const auto missing = AdminClient(AdminPlace::at(directory.file("no.sock")), clock)
                           .ask({.target = "/", .body = {}});
  ASSERT_FALSE(missing);
  EXPECT_EQ(missing.error().reason, Reason::kUpstreamUnreachable);
  EXPECT_THAT(missing.error().message, HasSubstr("no.sock"));

  auto closed = listenAloneOn(*Endpoint::parse("127.0.0.1:0"), 1);
  ASSERT_TRUE(closed);
  const Endpoint address = localEndpoint(*closed);
  closed->reset();
  const auto refused = AdminClient(AdminPlace::at(address), clock).ask({.target = "/", .body = {}});
  ASSERT_FALSE(refused);
  EXPECT_EQ(refused.error().reason, Reason::kUpstreamUnreachable);
}

TEST(AdminClient, SilenceEndsAtTheDeadline) {
  const TempDirectory directory;
  const auto listener = listenOnUnix(directory.file("s.sock"), 1);  // nobody accepts
  ASSERT_TRUE(listener);
  const SystemClock clock;
  const auto answered = AdminClient(AdminPlace::at(directory.file("s.sock")), clock, 0s)
                            .ask({.target = "/", .body = {}});
  ASSERT_FALSE(answered);
  EXPECT_EQ(answered.error().reason, Reason::kUpstreamTimeout);
}

}  // namespace
}  // namespace edgehold
