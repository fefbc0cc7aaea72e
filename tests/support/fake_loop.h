// SPDX-License-Identifier: Apache-2.0
// A loop without descriptors: posts, timers and turn-end tasks run when a test turns it.
// Thread: one loop.
#pragma once

#include <functional>
#include <memory>
#include <utility>
#include <vector>

#include "proxy/base/loop.h"
#include "tests/support/fake_clock.h"

namespace edgehold {

class FakeLoop final : public Loop {
 public:
  const Clock& clock() const override { return clock_; }
  FakeClock& fakeClock() { return clock_; }

  std::unique_ptr<Timer> makeTimer(std::function<void()> on_fire) override {
    return std::make_unique<FakeTimer>(*this, std::move(on_fire));
  }
  void post(std::function<void()> call) override { posted_.push_back(std::move(call)); }
  void atTurnEnd(TurnEndTask& task) override { turn_end_.add(task); }

  // One turn: what was posted before it, then the turn-end tasks.
  void turn() {
    std::vector<std::function<void()>> calls = std::move(spare_);
    calls.swap(posted_);
    for (auto& call : calls) call();
    calls.clear();
    spare_ = std::move(calls);
    turn_end_.run();
  }
  // Turns until nothing is posted and no task is queued; at least once.
  void settle(const std::function<void()>& after_turn = {}) {
    for (int turns = 0; turns < 10'000; ++turns) {
      turn();
      if (after_turn) after_turn();
      if (posted_.empty() && turn_end_.empty()) return;
    }
  }
  // Moves time forward timer by timer, so that each sees its own instant; then settles.
  void advance(Duration by, const std::function<void()>& after_turn = {}) {
    const Instant end = clock_.now() + by;
    settle(after_turn);
    while (FakeTimer* const due = earliestBefore(end)) {
      if (due->due_ > clock_.now()) clock_.advance(due->due_ - clock_.now());
      due->is_armed_ = false;
      const auto on_fire = due->on_fire_;  // the callback may destroy the timer
      on_fire();
      settle(after_turn);
    }
    clock_.advance(end - clock_.now());
  }

 private:
  class FakeTimer final : public Timer {
   public:
    FakeTimer(FakeLoop& loop, std::function<void()> on_fire)
        : loop_(loop), on_fire_(std::move(on_fire)) {
      loop_.timers_.push_back(this);
    }
    ~FakeTimer() override { std::erase(loop_.timers_, this); }
    void arm(Duration delay) override {
      due_ = loop_.clock_.now() + delay;
      is_armed_ = true;
    }
    void cancel() override { is_armed_ = false; }
    bool isArmed() const override { return is_armed_; }

   private:
    friend class FakeLoop;
    FakeLoop& loop_;
    std::function<void()> on_fire_;
    Instant due_{};
    bool is_armed_ = false;
  };

  FakeTimer* earliestBefore(Instant end) {
    FakeTimer* earliest = nullptr;
    for (FakeTimer* timer : timers_) {
      if (!timer->is_armed_ || timer->due_ > end) continue;
      if (earliest == nullptr || timer->due_ < earliest->due_) earliest = timer;
    }
    return earliest;
  }

  FakeClock clock_;
  std::vector<std::function<void()>> posted_;
  std::vector<std::function<void()>> spare_;  // room for the next ones: a turn allocates nothing
  std::vector<FakeTimer*> timers_;
  TurnEndQueue turn_end_;
};

}  // namespace edgehold
