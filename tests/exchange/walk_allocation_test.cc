// SPDX-License-Identifier: Apache-2.0
// A walk in which nobody waits allocates nothing: every allocation of this binary is counted.
// Thread: main only.
#include <gtest/gtest.h>

#include "tests/exchange/scripted_filter.h"
#include "tests/support/counted_new.h"

namespace edgehold {
namespace {

class Silent final : public Filter {
 public:
  FilterNeeds needs() const override { return {.request_body = FilterNeeds::Body::kChunks}; }
};

TEST(ChainWalk, AllocatesNothingWhenNobodyWaits) {
  std::vector<ChainEntry> entries;
  for (int i = 0; i < 12; ++i) {
    entries.push_back({.name = "silent", .filter = std::make_unique<Silent>(), .needs = {}});
  }
  const FilterChain chain(std::move(entries));
  WalkFixture f;
  int ends = 0;
  const std::size_t before = allocationCount();
  {
    ChainWalk walk(chain, f.exchange, f.services());
    walk.requestHead([&ends](auto) { ++ends; });
    walk.chunk("a piece");
    walk.requestBody([&ends](auto) { ++ends; });
    ResponseHead head;
    walk.responseHead(head);
    walk.finished();
  }
  EXPECT_EQ(allocationCount(), before);
  EXPECT_EQ(ends, 2);
}

}  // namespace
}  // namespace edgehold
