// SPDX-License-Identifier: Apache-2.0
// The laws of traceparent (W3C Trace Context).
// Thread: main only.
#include "proxy/observe/trace.h"

#include <string>

#include <gtest/gtest.h>

#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

const std::string kTrace = "0af7651916cd43dd8448eb211c80319c";
const std::string kGood = "00-" + kTrace + "-b7ad6b7169203331-01";

TEST(TraceParent, ReadsItsFields) {
  const auto parent = TraceParent::parse(kGood);
  ASSERT_TRUE(parent.has_value());
  EXPECT_EQ(parent->text(), kGood);
  EXPECT_EQ(parent->traceId(), kTrace);
  EXPECT_EQ(parent->spanId(), "b7ad6b7169203331");
  EXPECT_TRUE(parent->isSampled());
}

TEST(TraceParent, RefusesWhatTheGrammarDoesNotAllow) {
  const std::string zeros(32, '0');
  for (const std::string& text :
       {std::string(), kGood.substr(1), kGood + "-", kGood + "0", "ff" + kGood.substr(2),
        "0G" + kGood.substr(2), "00-" + zeros + "-b7ad6b7169203331-01",
        "00-" + kTrace + "-0000000000000000-01",
        "00-0AF7651916CD43DD8448EB211C80319C-" + std::string("b7ad6b7169203331-01"),
        "00_" + kGood.substr(3), "00-" + kTrace + "_b7ad6b7169203331-01",
        "00-" + kTrace + "-b7ad6b7169203331_01", "00-" + kTrace + "-b7ad6b7169203331-0x",
        " " + kGood.substr(0, 54), "01" + kGood.substr(2) + "x"}) {
    EXPECT_FALSE(TraceParent::parse(text).has_value()) << text;
  }
}

TEST(TraceParent, ReadsTheKnownFieldsOfALaterVersion) {
  const auto parent = TraceParent::parse("cc-" + kTrace + "-b7ad6b7169203331-ff-what-the-future");
  ASSERT_TRUE(parent.has_value());
  EXPECT_EQ(parent->text(), kGood);
}

TEST(TraceParent, ContinuesTheTraceWithASpanOfItsOwn) {
  FakeRandom random;
  const auto parent = TraceParent::parse(kGood);
  const TraceParent child = parent->next(random);
  EXPECT_EQ(child.traceId(), kTrace);
  EXPECT_NE(child.spanId(), parent->spanId());
  EXPECT_TRUE(child.isSampled());
  EXPECT_TRUE(TraceParent::parse(child.text()).has_value());
}

TEST(TraceParent, StartsTracesThatAreValidAndDiffer) {
  FakeRandom random;
  const TraceParent one = TraceParent::start(random);
  const TraceParent other = TraceParent::start(random, /*is_sampled=*/true);
  EXPECT_TRUE(TraceParent::parse(one.text()).has_value());
  EXPECT_TRUE(TraceParent::parse(other.text()).has_value());
  EXPECT_NE(one.traceId(), other.traceId());
  EXPECT_FALSE(one.isSampled());
  EXPECT_TRUE(other.isSampled());
}

// All zero is no id: a source of zeros is asked again.
class ZerosFirst final : public Random {
 public:
  std::uint64_t next() override { return calls_++ % 2 == 0 ? 0 : 0xAB; }

 private:
  int calls_ = 0;
};

TEST(TraceParent, NeverMakesAnIdOfZeros) {
  ZerosFirst random;
  EXPECT_TRUE(TraceParent::parse(TraceParent::start(random).text()).has_value());
}

}  // namespace
}  // namespace edgehold
