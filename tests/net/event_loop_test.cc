// SPDX-License-Identifier: Apache-2.0
// The laws of the real loop: timers, posts from other threads, and the order at the end of a turn.
// Thread: main only, but for the poster.
#include "proxy/net/event_loop.h"

#include <array>
#include <string>
#include <thread>
#include <vector>

#include <gtest/gtest.h>
#include <sys/socket.h>

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Ends a loop that a defect would keep running for ever.
struct Watchdog {
  explicit Watchdog(EventLoop& loop)
      : timer(loop.makeTimer([&loop] {
          ADD_FAILURE() << "the loop did not end by itself";
          loop.stop();
        })) {
    timer->arm(20s);
  }
  std::unique_ptr<Timer> timer;
};

TEST(EventLoop, FiresATimerOnceAndNotBeforeItsTime) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  const Instant begin = SystemClock().now();
  int fired = 0;
  Instant when;
  const auto timer = loop.makeTimer([&] {
    ++fired;
    when = SystemClock().now();
    loop.stop();
  });
  timer->arm(20ms);
  EXPECT_TRUE(timer->isArmed());
  loop.run();
  EXPECT_EQ(fired, 1);
  EXPECT_FALSE(timer->isArmed());
  EXPECT_GE(when - begin, 20ms);
}

TEST(EventLoop, MovesATimerThatIsArmedAgain) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  std::string order;
  const auto later = loop.makeTimer([&] {
    order += 'l';
    loop.stop();
  });
  const auto sooner = loop.makeTimer([&] { order += 's'; });
  later->arm(5ms);
  later->arm(60ms);  // moved away
  sooner->arm(10s);
  sooner->arm(20ms);  // moved closer
  loop.run();
  EXPECT_EQ(order, "sl");
}

TEST(EventLoop, NeverFiresACancelledOrDestroyedTimer) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  int fired = 0;
  const auto cancelled = loop.makeTimer([&] { ++fired; });
  auto destroyed = loop.makeTimer([&] { ++fired; });
  cancelled->arm(1ms);
  destroyed->arm(1ms);
  cancelled->cancel();
  destroyed.reset();
  const auto end = loop.makeTimer([&] { loop.stop(); });
  end->arm(20ms);
  loop.run();
  EXPECT_EQ(fired, 0);
}

TEST(EventLoop, LetsATimerDestroyItself) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  std::unique_ptr<Timer> timer;
  timer = loop.makeTimer([&] {
    timer.reset();
    loop.stop();
  });
  timer->arm(1ms);
  loop.run();
  EXPECT_EQ(timer, nullptr);
}

TEST(EventLoop, RunsPostsOfAnotherThreadInTheirOrder) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  std::vector<int> seen;
  std::thread poster([&] {
    for (int i = 0; i < 1000; ++i) loop.post([&seen, i] { seen.push_back(i); });
    loop.post([&] { loop.stop(); });
  });
  loop.run();
  poster.join();
  ASSERT_EQ(seen.size(), 1000u);
  EXPECT_TRUE(std::is_sorted(seen.begin(), seen.end()));
}

struct NotingTask final : TurnEndTask {
  explicit NotingTask(std::string& notes) : notes_(notes) {}
  void onTurnEnd() override { notes_ += 'o'; }
  std::string& notes_;
};

TEST(EventLoop, EndsATurnAfterItsOutput) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  std::string notes;
  NotingTask output(notes);
  loop.setAfterTurn([&] { notes += 'r'; });
  loop.post([&] {
    notes += 'e';
    loop.atTurnEnd(output);
    loop.stop();
  });
  loop.run();
  EXPECT_EQ(notes.substr(0, 3), "eor");
}

TEST(EventLoop, KeepsItsClockWithinATurn) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  Instant first, second;
  loop.post([&] {
    first = loop.clock().now();
    std::this_thread::sleep_for(2ms);
    EXPECT_EQ(loop.clock().now(), first);
    loop.post([&] {
      second = loop.clock().now();
      loop.stop();
    });
  });
  loop.run();
  EXPECT_GE(second - first, 2ms);
}

struct ReadingObserver final : FdWatch::Observer {
  void onFdReady(bool is_readable, bool) override {
    if (!is_readable) return;
    std::array<char, 16> bytes;
    const ssize_t got = ::read(fd, bytes.data(), bytes.size());
    if (got > 0) seen.append(bytes.data(), static_cast<std::size_t>(got));
    if (seen.size() >= stop_at) loop->stop();
  }
  EventLoop* loop = nullptr;
  int fd = -1;
  std::string seen;
  std::size_t stop_at = 1;
};

TEST(FdWatch, TellsOnlyWhileReadingIsWanted) {
  EventLoop loop;
  const Watchdog watchdog(loop);
  int pair[2];
  ASSERT_EQ(::socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair), 0);
  const Fd ours(pair[0]), theirs(pair[1]);
  ReadingObserver observer;
  observer.loop = &loop;
  observer.fd = ours.get();
  FdWatch watch(loop, ours.get(), observer);
  ASSERT_EQ(::write(theirs.get(), "x", 1), 1);
  const auto later = loop.makeTimer([&] {
    EXPECT_EQ(observer.seen, "");
    watch.wantRead(true);
  });
  later->arm(10ms);
  loop.run();
  EXPECT_EQ(observer.seen, "x");
}

}  // namespace
}  // namespace edgehold
