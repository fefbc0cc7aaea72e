// SPDX-License-Identifier: Apache-2.0
// What code that runs on a worker's loop may ask of it: the time, a timer, a later call.
// net/event_loop.h is the real one; tests/support/fake_loop.h the deterministic one.
// Thread: one loop, except post().
#pragma once

#include <functional>
#include <memory>

#include "proxy/base/clock.h"

namespace edgehold {

// A one-shot timer. Destroying it cancels it. Never fires inside arm().
class Timer {
 public:
  virtual ~Timer() = default;
  // Fires once, `delay` from now (at once in a later turn if not positive); replaces what was
  // armed.
  virtual void arm(Duration delay) = 0;
  virtual void cancel() = 0;
  virtual bool isArmed() const = 0;
};

// Work that wants one call at the end of the turn in which it was asked for, however often asked.
// Intrusive, so that asking costs no allocation; a destroyed task leaves the queue by itself.
class TurnEndTask {
 public:
  TurnEndTask() = default;
  TurnEndTask(const TurnEndTask&) = delete;
  TurnEndTask& operator=(const TurnEndTask&) = delete;
  virtual ~TurnEndTask() { unlink(); }
  virtual void onTurnEnd() = 0;

 private:
  friend class TurnEndQueue;
  void unlink() {
    if (next_ == nullptr) return;
    previous_->next_ = next_;
    next_->previous_ = previous_;
    next_ = previous_ = nullptr;
  }
  TurnEndTask* next_ = nullptr;  // null when not queued
  TurnEndTask* previous_ = nullptr;
};

// The tasks of one turn, in the order in which they asked: a ring around a sentinel.
class TurnEndQueue {
 public:
  TurnEndQueue() { sentinel_.next_ = sentinel_.previous_ = &sentinel_; }
  ~TurnEndQueue() {
    while (sentinel_.next_ != &sentinel_) sentinel_.next_->unlink();
  }
  bool empty() const { return sentinel_.next_ == &sentinel_; }
  void add(TurnEndTask& task) {
    if (task.next_ != nullptr) return;
    task.previous_ = sentinel_.previous_;
    task.next_ = &sentinel_;
    sentinel_.previous_->next_ = &task;
    sentinel_.previous_ = &task;
  }
  // Runs every task, also those that are added while it runs.
  void run() {
    while (!empty()) {
      TurnEndTask& task = *sentinel_.next_;
      task.unlink();
      task.onTurnEnd();
    }
  }

 private:
  struct Sentinel final : TurnEndTask {
    void onTurnEnd() override {}
  };
  Sentinel sentinel_;
};

class Loop {
 public:
  virtual ~Loop() = default;
  // Read once per turn; constant within it.
  virtual const Clock& clock() const = 0;
  virtual std::unique_ptr<Timer> makeTimer(std::function<void()> on_fire) = 0;
  // Runs `call` on this loop in a later turn. Any thread may post; order per poster is kept.
  // Calls still queued when the loop ends are destroyed unrun.
  virtual void post(std::function<void()> call) = 0;
  // onTurnEnd() is called once when this turn's events are done. Output leaves here: after the
  // audit records of the turn, in one write per connection.
  virtual void atTurnEnd(TurnEndTask& task) = 0;
};

}  // namespace edgehold
