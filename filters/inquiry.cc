// SPDX-License-Identifier: Apache-2.0
// Asking again, behind inquiry.h.
// Thread: one loop.
#include "filters/inquiry.h"

namespace edgehold {

Inquiry::Inquiry(Loop& loop, Duration interval, Question question)
    : interval_(interval),
      question_(std::move(question)),
      timer_(loop.makeTimer([this] { ask(); })) {}

Inquiry::Answer Inquiry::begin(Loop& loop, Duration interval, Question question) {
  const auto inquiry = std::make_shared<Inquiry>(loop, interval, std::move(question));
  inquiry->timer_->arm(interval);
  return inquiry->open(inquiry);
}

Inquiry::Answer Inquiry::open(std::shared_ptr<Inquiry> self) {
  auto [answer, resolver] = Answer::make();
  resolver_.emplace(resolver);
  answer.keep(std::move(self));
  return std::move(answer);
}

void Inquiry::ask() {
  std::optional<Result<Verdict>> said = question_();
  if (!said) return timer_->arm(interval_);
  const Resolver<Result<Verdict>> resolver = *resolver_;  // resolving destroys this
  resolver.resolve(*std::move(said));
}

}  // namespace edgehold
