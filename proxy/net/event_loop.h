// SPDX-License-Identifier: Apache-2.0
// The real loop, on libevent: descriptors, timers, posts from other threads, and the end of each
// turn. Thread: one loop, except post() and stop() (any).
#pragma once

#include <atomic>
#include <functional>
#include <memory>
#include <mutex>
#include <vector>

#include <event2/event.h>
#include <event2/event_struct.h>

#include "proxy/base/loop.h"
#include "proxy/net/fd.h"

namespace edgehold {

class EventLoop;

// Readiness of one descriptor, level-triggered. Interest changes cost a system call only when they
// take effect, so a connection that reads steadily costs none.
class FdWatch {
 public:
  class Observer {
   public:
    virtual ~Observer() = default;
    // May destroy the watch.
    virtual void onFdReady(bool is_readable, bool is_writable) = 0;
  };
  // REQUIRES: loop, observer and the open `fd` outlive the watch.
  FdWatch(EventLoop& loop, int fd, Observer& observer);
  ~FdWatch();
  FdWatch(const FdWatch&) = delete;
  FdWatch& operator=(const FdWatch&) = delete;

  void wantRead(bool wanted) { want(EV_READ, wanted); }
  void wantWrite(bool wanted) { want(EV_WRITE, wanted); }

 private:
  void want(short what, bool wanted);
  static void onEvent(evutil_socket_t fd, short what, void* self);

  EventLoop& loop_;
  Observer& observer_;
  ::event event_;  // one for both: an idle connection has a hundred bytes less
  const int fd_;
  short wanted_ = 0;
};

class EventLoop final : public Loop {
 public:
  EventLoop();
  ~EventLoop() override;
  EventLoop(const EventLoop&) = delete;
  EventLoop& operator=(const EventLoop&) = delete;

  const Clock& clock() const override { return clock_; }
  std::unique_ptr<Timer> makeTimer(std::function<void()> on_fire) override;
  void post(std::function<void()> call) override;
  void atTurnEnd(TurnEndTask& task) override { turn_end_.add(task); }

  // What runs at the end of every turn, after its turn-end tasks.
  void setAfterTurn(std::function<void()> after_turn) { after_turn_ = std::move(after_turn); }

  // False when this turn has done its part of clients' handshakes (limits::kHandshakeStepsPerTurn):
  // they cost more than anything else a stranger can ask for.
  bool takeHandshakeStep();

  // Turns until stop().
  void run();
  void stop();

  event_base* base() { return base_.get(); }

 private:
  // Read at most once a turn, when somebody first asks.
  class TurnClock final : public Clock {
   public:
    Instant now() const override;
    WallTime wallNow() const override;
    void forget() { is_read_ = is_wall_read_ = false; }

   private:
    mutable Instant now_{};
    mutable WallTime wall_{};
    mutable bool is_read_ = false;
    mutable bool is_wall_read_ = false;
  };
  struct BaseDeleter {
    void operator()(event_base* base) const { event_base_free(base); }
  };

  void wake();
  void runPosted();
  void endTurn();
  static void onWake(evutil_socket_t fd, short what, void* self);

  // loop only
  std::unique_ptr<event_base, BaseDeleter> base_;
  TurnClock clock_;
  TurnEndQueue turn_end_;
  std::function<void()> after_turn_;
  unsigned handshake_steps_ = 0;  // in this turn
  Fd wake_fd_;
  ::event wake_event_;
  // synchronised
  std::atomic<bool> is_stopped_ = false;
  std::mutex mutex_;
  std::vector<std::function<void()>> posted_;  // guarded by mutex_
};

}  // namespace edgehold
