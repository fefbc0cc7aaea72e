// SPDX-License-Identifier: Apache-2.0
// The laws of accepting when descriptors run out.
// Thread: main only.
#include "proxy/net/listener.h"

#include <ctime>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include <fcntl.h>
#include <gtest/gtest.h>
#include <sys/resource.h>

#include "proxy/net/event_loop.h"
#include "proxy/net/socket.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Lets the process open no descriptor more, until it ends.
class NoMoreDescriptors {
 public:
  NoMoreDescriptors() {
    getrlimit(RLIMIT_NOFILE, &before_);
    const Fd probe(::open("/dev/null", O_RDONLY | O_CLOEXEC));
    rlimit none = before_;
    none.rlim_cur = static_cast<rlim_t>(probe.get());
    setrlimit(RLIMIT_NOFILE, &none);
  }
  ~NoMoreDescriptors() { setrlimit(RLIMIT_NOFILE, &before_); }
  NoMoreDescriptors(const NoMoreDescriptors&) = delete;
  NoMoreDescriptors& operator=(const NoMoreDescriptors&) = delete;

 private:
  rlimit before_{};
};

double processorSeconds() { return static_cast<double>(std::clock()) / CLOCKS_PER_SEC; }

class ListenerTest : public testing::Test {
 protected:
  ListenerTest() {
    auto fd = listenOn(*Endpoint::parse("127.0.0.1:0"), 16);
    address_ = localEndpoint(*fd);
    listener_ =
        std::make_unique<Listener>(loop_, std::move(*fd), [this](Fd accepted, const Endpoint&) {
          accepted_.push_back(std::move(accepted));
          on_accept_();
        });
  }

  EventLoop loop_;
  Endpoint address_;
  std::unique_ptr<Listener> listener_;
  std::vector<Fd> accepted_;
  std::function<void()> on_accept_;
};

TEST_F(ListenerTest, RestsWithoutDescriptorsAndComesBackWhenThereAreSome) {
  std::optional<NoMoreDescriptors> none;
  std::optional<Connecting> second;
  // The first is accepted while there are descriptors: UBSan checks a type with one of its own.
  const auto first = connectTo(address_);
  ASSERT_TRUE(first.has_value());
  on_accept_ = [&] {
    if (accepted_.size() == 2) return loop_.stop();
    auto client = connectTo(address_);
    ASSERT_TRUE(client.has_value());
    second.emplace(std::move(*client));
    none.emplace();
  };
  const double before = processorSeconds();
  const auto relief = loop_.makeTimer([&] {
    EXPECT_EQ(accepted_.size(), 1u);
    EXPECT_LT(processorSeconds() - before, 0.1) << "spinning takes all of the half second";
    none.reset();
  });
  relief->arm(500ms);
  const auto late = loop_.makeTimer([this] { loop_.stop(); });
  late->arm(20s);
  loop_.run();
  EXPECT_EQ(accepted_.size(), 2u);
}

}  // namespace
}  // namespace edgehold
