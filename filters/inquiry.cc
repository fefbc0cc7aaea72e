// SPDX-License-Identifier: Apache-2.0
// Asking again, behind inquiry.h.
// Thread: one loop.
#include "filters/inquiry.h"

namespace edgehold {

Inquiry::Inquiry(Loop& loop, Duration interval, Question question)
    : loop_(loop),
      interval_(interval),
      question_(std::move(question)),
      timer_(loop.makeTimer([this] { ask(); })) {}

Inquiry::Answer Inquiry::begin(Loop& loop, Duration interval, Question question) {
  const auto inquiry = std::make_shared<Inquiry>(loop, interval, std::move(question));
  inquiry->askLater();
  return inquiry->open();
}

Inquiry::Answer Inquiry::open() {
  auto [answer, resolver] = Answer::make();
  resolver_.emplace(resolver);
  answer.keep(shared_from_this());
  return std::move(answer);
}

void Inquiry::askLater() {
  if (interval_ > Duration::zero()) return timer_->arm(interval_);
  loop_.post([weak = weak_from_this()] {
    if (const auto self = weak.lock()) self->ask();
  });
}

void Inquiry::ask() {
  std::optional<Result<Verdict>> said = question_();
  if (!said) return askLater();
  const Resolver<Result<Verdict>> resolver = *resolver_;  // resolving destroys this
  resolver.resolve(*std::move(said));
}

}  // namespace edgehold
