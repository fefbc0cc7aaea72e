// SPDX-License-Identifier: Apache-2.0
// The laws of recycled memory.
// Thread: main only.
#include "proxy/base/recycled.h"

#include <memory>
#include <set>
#include <vector>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

template <std::size_t kKept>
struct Thing final : Recycled<Thing<kKept>, kKept> {
  int content[64] = {};
};

TEST(Recycled, GivesAFreedPlaceOutAgainExceptWhereASanitizerWatchesIt) {
  using Small = Thing<2>;
  auto first = std::make_unique<Small>();
  first->content[0] = 7;
  const void* const place = first.get();
  first.reset();
  if (!Small::isRecycling()) return;
  const auto second = std::make_unique<Small>();
  EXPECT_EQ(second.get(), place);
  EXPECT_EQ(second->content[0], 0) << "a new object, not the old one";
}

TEST(Recycled, LivingObjectsNeverShareAPlace) {
  using Small = Thing<3>;
  for (int round = 0; round < 3; ++round) {
    std::vector<std::unique_ptr<Small>> things;
    std::set<const void*> places;
    for (int i = 0; i < 10; ++i)
      places.insert(things.emplace_back(std::make_unique<Small>()).get());
    EXPECT_EQ(places.size(), 10u);
  }
}

TEST(Recycled, KeepsNoMoreThanItsBound) {
  using Small = Thing<3>;
  std::vector<std::unique_ptr<Small>> things;
  for (int i = 0; i < 10; ++i) things.push_back(std::make_unique<Small>());
  things.clear();
  EXPECT_EQ(Small::keptPlaces(), Small::isRecycling() ? 3u : 0u);
}

}  // namespace
}  // namespace edgehold
