// SPDX-License-Identifier: Apache-2.0
// The laws of a question that is asked again until it is answered.
// Thread: main only.
#include "filters/inquiry.h"

#include <gtest/gtest.h>

#include "tests/support/fake_loop.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

class InquiryTest : public testing::Test {
 protected:
  // Answered at the `answered_at`th time; counts how often it was asked.
  Inquiry::Question question(int answered_at) {
    return [this, answered_at, token = token_]() -> std::optional<Result<Verdict>> {
      if (++asked_ < answered_at) return std::nullopt;
      return Verdict::deny(Reason::kDuplicate);
    };
  }
  void listen(Inquiry::Answer answer) {
    answer_ = std::make_unique<Inquiry::Answer>(std::move(answer));
    answer_->then([this](Result<Verdict> verdict) {
      ++answers_;
      reason_ = verdict ? verdict->reason() : verdict.error().reason;
      answer_.reset();  // whoever waited is done with it
    });
  }
  bool isRemembered() const { return token_.use_count() > 1; }

  FakeLoop loop_;
  int asked_ = 0;
  int answers_ = 0;
  Reason reason_ = Reason::kAllowed;
  std::unique_ptr<Inquiry::Answer> answer_;
  const std::shared_ptr<int> token_ = std::make_shared<int>();
};

TEST_F(InquiryTest, IsAskedAfterEachIntervalUntilItIsAnswered) {
  listen(Inquiry::begin(loop_, 5ms, question(3)));
  EXPECT_EQ(asked_, 0);
  loop_.advance(5ms - 1ns);
  EXPECT_EQ(asked_, 0);
  loop_.advance(1ns);
  EXPECT_EQ(asked_, 1);
  loop_.advance(5ms);
  EXPECT_EQ(asked_, 2);
  EXPECT_EQ(answers_, 0);
  loop_.advance(5ms);
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(reason_, Reason::kDuplicate);
}

TEST_F(InquiryTest, IsForgottenOnceItIsAnswered) {
  listen(Inquiry::begin(loop_, 5ms, question(1)));
  EXPECT_TRUE(isRemembered());
  loop_.advance(1s);
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(isRemembered());
}

TEST_F(InquiryTest, WithoutAnIntervalIsAskedOnceInEachTurn) {
  const Instant begun = loop_.clock().now();
  listen(Inquiry::begin(loop_, 0ns, question(1000)));
  EXPECT_EQ(asked_, 0);
  for (int turns = 1; turns < 1000; ++turns) {
    loop_.turn();
    ASSERT_EQ(asked_, turns);
  }
  EXPECT_EQ(answers_, 0);
  loop_.turn();
  EXPECT_EQ(answers_, 1);
  EXPECT_EQ(loop_.clock().now(), begun);
}

TEST_F(InquiryTest, IsGoneWithWhoeverWaited) {
  listen(Inquiry::begin(loop_, 5ms, question(3)));
  loop_.advance(5ms);
  answer_.reset();
  EXPECT_FALSE(isRemembered());
  loop_.advance(1s);
  EXPECT_EQ(asked_, 1);
  EXPECT_EQ(answers_, 0);
}

TEST_F(InquiryTest, AnErrorIsAnAnswer) {
  listen(Inquiry::begin(loop_, 5ms, []() -> std::optional<Result<Verdict>> {
    return fail(Reason::kStoreUnavailable, "no");
  }));
  loop_.advance(5ms);
  EXPECT_EQ(reason_, Reason::kStoreUnavailable);
}

TEST_F(InquiryTest, IsAskedAtOnceWhenWhatItAwaitedHasComeAndThenAtIntervals) {
  auto [first, resolver] = Async<int>::make();
  listen(Inquiry::beginAfter(std::move(first), loop_, 5ms, question(2)));
  loop_.advance(1s);
  EXPECT_EQ(asked_, 0);
  resolver.resolve(1);
  EXPECT_EQ(asked_, 1);
  loop_.advance(5ms);
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(isRemembered());
}

TEST_F(InquiryTest, MayBeAnsweredByWhatItAwaited) {
  auto [first, resolver] = Async<int>::make();
  listen(Inquiry::beginAfter(std::move(first), loop_, 5ms, question(1)));
  resolver.resolve(1);
  EXPECT_EQ(answers_, 1);
  EXPECT_FALSE(isRemembered());
}

TEST_F(InquiryTest, TakesWhatHadComeBefore) {
  auto [first, resolver] = Async<int>::make();
  resolver.resolve(1);
  listen(Inquiry::beginAfter(std::move(first), loop_, 5ms, question(1)));
  EXPECT_EQ(answers_, 1);
}

TEST_F(InquiryTest, AwaitsNothingForNobody) {
  auto [first, resolver] = Async<int>::make();
  listen(Inquiry::beginAfter(std::move(first), loop_, 5ms, question(1)));
  EXPECT_TRUE(resolver.isWanted());
  answer_.reset();
  EXPECT_FALSE(resolver.isWanted());
  resolver.resolve(1);
  EXPECT_EQ(asked_, 0);
}

}  // namespace
}  // namespace edgehold
