// SPDX-License-Identifier: Apache-2.0
// Laws of the blocks of a Lua state: nobody else's bytes, and what was given is taken again.
// Thread: main only.
#include "lua/runtime/block_cache.h"

#include <cstring>
#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(BlockCache, ABlockIsTakenAgainForTheSameSize) {
  BlockCache blocks;
  void* const first = blocks.resize(nullptr, 0, 100);
  blocks.give(first, 100);
  void* const again = blocks.resize(nullptr, 0, 112);  // the same 16 bytes' step
  EXPECT_EQ(again, first);
  blocks.give(again, 112);
}

// Every way between small and large, and within both.
TEST(BlockCache, KeepsTheBytesWhenABlockChangesItsSize) {
  const std::vector<std::size_t> sizes = {1, 16, 17, 255, 256, 257, 4096};
  for (const std::size_t from : sizes) {
    for (const std::size_t to : sizes) {
      BlockCache blocks;
      char* const block = static_cast<char*>(blocks.resize(nullptr, 0, from));
      std::memset(block, 'x', from);
      char* const resized = static_cast<char*>(blocks.resize(block, from, to));
      const std::size_t kept = std::min(from, to);
      EXPECT_EQ(std::string(resized, kept), std::string(kept, 'x')) << from << " to " << to;
      std::memset(resized, 'y', to);
      blocks.give(resized, to);
    }
  }
}

// Past what is kept, blocks are freed: LeakSanitizer sees either to be whole.
TEST(BlockCache, BlocksThatLiveAtOnceDoNotOverlap) {
  constexpr std::size_t kBlocks = 1000;
  BlockCache blocks;
  for (int round = 0; round < 2; ++round) {
    std::vector<char*> live;
    for (std::size_t i = 0; i < kBlocks; ++i) {
      live.push_back(static_cast<char*>(blocks.resize(nullptr, 0, 48)));
      std::memset(live.back(), static_cast<int>(i % 251), 48);
    }
    for (std::size_t i = 0; i < kBlocks; ++i) {
      EXPECT_EQ(std::string(live[i], 48), std::string(48, static_cast<char>(i % 251)));
      blocks.give(live[i], 48);
    }
  }
}

}  // namespace
}  // namespace edgehold
