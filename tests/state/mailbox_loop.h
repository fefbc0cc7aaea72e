// SPDX-License-Identifier: Apache-2.0
// A loop that other threads may post to, turned by the test that waits for an answer.
// Thread: post() any (synchronised by mutex_), the rest main only.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <memory>
#include <mutex>
#include <optional>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "tests/support/fake_clock.h"

namespace edgehold {

class MailboxLoop final : public Loop {
 public:
  const Clock& clock() const override { return clock_; }
  std::unique_ptr<Timer> makeTimer(std::function<void()>) override { return nullptr; }
  void atTurnEnd(TurnEndTask&) override {}
  void post(std::function<void()> call) override {
    // Told under the lock: whoever gets the answer may destroy this loop at once.
    const std::lock_guard lock(mutex_);
    calls_.push_back(std::move(call));
    posted_.notify_one();
  }

  // Runs posted calls until `is_done`; a test that waits in vain fails.
  void runUntil(const std::function<bool()>& is_done) {
    while (!is_done()) {
      std::function<void()> call;
      {
        std::unique_lock lock(mutex_);
        const bool has_call =
            posted_.wait_for(lock, std::chrono::seconds(30), [this] { return !calls_.empty(); });
        ASSERT_TRUE(has_call) << "nothing was posted";
        call = std::move(calls_.front());
        calls_.pop_front();
      }
      call();
    }
  }

  template <class T>
  T await(Async<T> async) {
    std::optional<T> value;
    async.then([&value](T given) { value.emplace(std::move(given)); });
    runUntil([&value] { return value.has_value(); });
    return std::move(value).value();
  }

 private:
  FakeClock clock_;
  std::mutex mutex_;
  std::condition_variable posted_;
  std::deque<std::function<void()>> calls_;  // guarded by mutex_
};

}  // namespace edgehold
