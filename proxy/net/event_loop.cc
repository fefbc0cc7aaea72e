// SPDX-License-Identifier: Apache-2.0
// libevent behind event_loop.h.
// Thread: one loop, except post() and stop() (any).
#include "proxy/net/event_loop.h"

#include <utility>

#include <sys/eventfd.h>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

timeval toTimeval(Duration delay) {
  // Rounded up to libevent's microsecond: a timer must not fire before its time.
  const auto microseconds = std::chrono::ceil<std::chrono::microseconds>(delay).count();
  const auto wait = microseconds > 0 ? microseconds : 0;
  return {wait / 1'000'000, wait % 1'000'000};
}

// Deadlines mostly move away before they are reached, so moving one later costs no heap operation:
// the event fires at its old time, finds that it is early, and waits for the rest.
class EventTimer final : public Timer {
 public:
  EventTimer(EventLoop& loop, std::function<void()> on_fire)
      : loop_(loop), on_fire_(std::move(on_fire)) {
    evtimer_assign(&event_, loop.base(), &EventTimer::onTimeout, this);
  }
  ~EventTimer() override { event_del(&event_); }
  EventTimer(const EventTimer&) = delete;
  EventTimer& operator=(const EventTimer&) = delete;

  void arm(Duration delay) override {
    const Instant now = loop_.clock().now();
    deadline_ = now + delay;
    is_armed_ = true;
    if (!is_scheduled_ || deadline_ < scheduled_) schedule(now);
  }
  void cancel() override { is_armed_ = false; }
  bool isArmed() const override { return is_armed_; }

 private:
  void schedule(Instant now) {
    const timeval wait = toTimeval(deadline_ - now);
    scheduled_ = deadline_;
    is_scheduled_ = true;
    CHECK_EQ(event_add(&event_, &wait), 0);
  }
  static void onTimeout(evutil_socket_t, short, void* self) {
    static_cast<EventTimer*>(self)->fire();
  }
  void fire() {
    is_scheduled_ = false;
    if (!is_armed_) return;
    const Instant now = loop_.clock().now();
    if (deadline_ > now) {
      schedule(now);
      return;
    }
    is_armed_ = false;
    const auto on_fire = on_fire_;  // the callback may destroy this timer
    on_fire();
  }

  EventLoop& loop_;
  std::function<void()> on_fire_;
  ::event event_;
  Instant deadline_{};
  Instant scheduled_{};
  bool is_scheduled_ = false;
  bool is_armed_ = false;
};

event_base* makeBase() {
  event_config* const config = event_config_new();
  CHECK(config != nullptr);
  // Every event of ours belongs to this thread: no locks. Interest changes of one turn are merged.
  event_config_set_flag(config, EVENT_BASE_FLAG_NOLOCK);
  event_config_set_flag(config, EVENT_BASE_FLAG_EPOLL_USE_CHANGELIST);
  event_base* const base = event_base_new_with_config(config);
  event_config_free(config);
  CHECK(base != nullptr) << "cannot make an event loop";
  return base;
}

}  // namespace

FdWatch::FdWatch(EventLoop& loop, int fd, Observer& observer)
    : loop_(loop), observer_(observer), fd_(fd) {}

FdWatch::~FdWatch() {
  wantRead(false);
  wantWrite(false);
}

void FdWatch::want(short what, bool wanted) {
  const auto next = static_cast<short>(wanted ? wanted_ | what : wanted_ & ~what);
  if (next == wanted_) return;
  if (wanted_ != 0) CHECK_EQ(event_del(&event_), 0);
  wanted_ = next;
  if (next == 0) return;
  event_assign(&event_, loop_.base(), fd_, static_cast<short>(next | EV_PERSIST), &FdWatch::onEvent,
               this);
  CHECK_EQ(event_add(&event_, nullptr), 0);
}

void FdWatch::onEvent(evutil_socket_t, short what, void* self) {
  static_cast<FdWatch*>(self)->observer_.onFdReady((what & EV_READ) != 0, (what & EV_WRITE) != 0);
}

Instant EventLoop::TurnClock::now() const {
  if (!is_read_) {
    now_ = SystemClock().now();
    is_read_ = true;
  }
  return now_;
}

WallTime EventLoop::TurnClock::wallNow() const {
  if (!is_wall_read_) {
    wall_ = SystemClock().wallNow();
    is_wall_read_ = true;
  }
  return wall_;
}

EventLoop::EventLoop() : base_(makeBase()), wake_fd_(eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK)) {
  PCHECK(wake_fd_.isOpen()) << "eventfd";
  event_assign(&wake_event_, base_.get(), wake_fd_.get(), EV_READ | EV_PERSIST, &EventLoop::onWake,
               this);
  CHECK_EQ(event_add(&wake_event_, nullptr), 0);
}

EventLoop::~EventLoop() { event_del(&wake_event_); }

std::unique_ptr<Timer> EventLoop::makeTimer(std::function<void()> on_fire) {
  return std::make_unique<EventTimer>(*this, std::move(on_fire));
}

void EventLoop::post(std::function<void()> call) {
  bool was_empty = false;
  {
    const std::lock_guard lock(mutex_);
    was_empty = posted_.empty();
    posted_.push_back(std::move(call));
  }
  if (was_empty) wake();
}

void EventLoop::run() {
  while (!is_stopped_.load(std::memory_order_acquire)) {
    CHECK_GE(event_base_loop(base_.get(), EVLOOP_ONCE), 0) << "the event loop failed";
    endTurn();
  }
  // What was posted before the stop still runs: a last message must not be lost to a race.
  runPosted();
  endTurn();
}

void EventLoop::stop() {
  is_stopped_.store(true, std::memory_order_release);
  wake();
}

void EventLoop::wake() {
  const std::uint64_t one = 1;
  // The counter cannot overflow in our lifetime; a full one would wake the loop just as well.
  [[maybe_unused]] const ssize_t written = ::write(wake_fd_.get(), &one, sizeof one);
}

void EventLoop::onWake(evutil_socket_t fd, short, void* self) {
  std::uint64_t count = 0;
  [[maybe_unused]] const ssize_t got = ::read(fd, &count, sizeof count);
  static_cast<EventLoop*>(self)->runPosted();
}

void EventLoop::runPosted() {
  std::vector<std::function<void()>> calls;
  {
    const std::lock_guard lock(mutex_);
    calls.swap(posted_);
  }
  for (const auto& call : calls) call();
}

void EventLoop::endTurn() {
  turn_end_.run();
  if (after_turn_) after_turn_();
  clock_.forget();
  handshake_steps_ = 0;
}

bool EventLoop::takeHandshakeStep() { return ++handshake_steps_ <= limits::kHandshakeStepsPerTurn; }

}  // namespace edgehold
