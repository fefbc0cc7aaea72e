// SPDX-License-Identifier: Apache-2.0
// A question about a request that nobody can answer yet: it is asked again until somebody can. It
// is gone with the Async that it answers. Thread: one loop.
#pragma once

#include <functional>
#include <memory>
#include <optional>
#include <utility>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"
#include "proxy/exchange/verdict.h"

namespace edgehold {

class Inquiry : public std::enable_shared_from_this<Inquiry> {
 public:
  // Nothing: to be asked again. Whoever asks bounds how often; it is never asked within a call of
  // begin().
  using Question = std::function<std::optional<Result<Verdict>>()>;
  using Answer = Async<Result<Verdict>>;

  // Asked after each `interval`; in each turn of the loop where that is zero.
  static Answer begin(Loop& loop, Duration interval, Question question);
  // Asked for the first time when `first` has come, whatever it is.
  template <class T>
  static Answer beginAfter(Async<T> first, Loop& loop, Duration interval, Question question) {
    const auto inquiry = std::make_shared<Inquiry>(loop, interval, std::move(question));
    const auto awaited = std::make_shared<Async<T>>(std::move(first));
    inquiry->awaited_ = awaited;
    Answer answer = inquiry->open();
    awaited->then([self = inquiry.get()](T /*whatever*/) { self->ask(); });
    return answer;
  }

  Inquiry(Loop& loop, Duration interval, Question question);
  Inquiry(const Inquiry&) = delete;
  Inquiry& operator=(const Inquiry&) = delete;

 private:
  Answer open();
  void askLater();
  void ask();

  Loop& loop_;
  const Duration interval_;
  const Question question_;
  const std::unique_ptr<Timer> timer_;
  std::shared_ptr<void> awaited_;
  std::optional<Resolver<Result<Verdict>>> resolver_;
};

}  // namespace edgehold
