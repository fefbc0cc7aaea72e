// SPDX-License-Identifier: Apache-2.0
// A walk in which nobody waits allocates nothing: every allocation of this binary is counted.
// Thread: main only.
#include <cstdlib>
#include <new>

#include <gtest/gtest.h>

#include "tests/exchange/scripted_filter.h"

namespace {
std::size_t allocations = 0;
}  // namespace

void* operator new(std::size_t bytes) {
  ++allocations;
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }

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
  const std::size_t before = allocations;
  {
    ChainWalk walk(chain, f.exchange, f.services());
    walk.requestHead([&ends](auto) { ++ends; });
    walk.chunk("a piece");
    walk.requestBody([&ends](auto) { ++ends; });
    ResponseHead head;
    walk.responseHead(head);
    walk.finished();
  }
  EXPECT_EQ(allocations, before);
  EXPECT_EQ(ends, 2);
}

}  // namespace
}  // namespace edgehold
