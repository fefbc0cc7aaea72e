// SPDX-License-Identifier: Apache-2.0
// The laws of kept blocks.
// Thread: main, and one of its own where a test says so.
#include "proxy/base/block_pool.h"

#include <cstdlib>
#include <cstring>
#include <set>
#include <thread>
#include <vector>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

// Around the borders between shelves, and around the large one.
constexpr std::size_t kSizes[] = {0,    1,    23,    24,    25,    40,    41,    1000,  1032,
                                  1033, 1048, 16384, 16385, 17000, 17408, 17409, 17424, 40000};

bool isKept(std::size_t bytes) {
  return bytes <= 1032 || (bytes > 16 * 1024 && bytes <= 17 * 1024);
}

#ifdef EDGEHOLD_SANITIZED
constexpr bool kPools = false;
#else
constexpr bool kPools = true;
#endif

TEST(BlockPool, GivesAFreedBlockOutAgain) {
  const BlockPool pool;
  for (const std::size_t bytes : kSizes) {
    void* const first = takeBlock(bytes);
    giveBlock(first);
    EXPECT_EQ(BlockPool::keptFor(bytes), kPools && isKept(bytes) ? 1u : 0u) << bytes;
    if (!kPools || !isKept(bytes)) continue;
    void* const second = takeBlock(bytes);
    EXPECT_EQ(second, first) << bytes;
    EXPECT_EQ(BlockPool::keptFor(bytes), 0u) << bytes;
    std::free(second);
  }
}

TEST(BlockPool, EveryBlockHasTheBytesItWasTakenForWhoeverMadeIt) {
  const BlockPool pool;
  for (const std::size_t made : kSizes) {
    for (int i = 0; i < 3; ++i) giveBlock(std::malloc(made));
  }
  for (const std::size_t bytes : kSizes) {
    std::vector<void*> blocks;
    for (std::size_t i = 0; i < 2 * BlockPool::kKeptMax; ++i) {
      blocks.push_back(takeBlock(bytes));
      std::memset(blocks.back(), 0x5a, bytes);  // past the end valgrind and glibc would see it
    }
    EXPECT_EQ(std::set<void*>(blocks.begin(), blocks.end()).size(), blocks.size());
    for (void* const block : blocks) std::free(block);
  }
}

TEST(BlockPool, KeepsNoMoreThanItsBound) {
  const BlockPool pool;
  for (const std::size_t bytes : {std::size_t{200}, std::size_t{17000}}) {
    const std::size_t most = bytes < 1024 ? BlockPool::kKeptMax : BlockPool::kLargeKeptMax;
    std::vector<void*> blocks;
    for (std::size_t i = 0; i <= most; ++i) blocks.push_back(takeBlock(bytes));
    for (void* const block : blocks) giveBlock(block);
    EXPECT_EQ(BlockPool::keptFor(bytes), kPools ? most : 0u) << bytes;
  }
}

TEST(BlockPool, ABlockMayEndOnAnotherThreadAndAPoolKeepsNothingForTheNext) {
  void* block = nullptr;
  std::thread([&block] {
    const BlockPool pool;
    block = takeBlock(100);
    giveBlock(takeBlock(100));
  }).join();
  giveBlock(block);  // no pool here
  EXPECT_EQ(BlockPool::keptFor(100), 0u);
  const BlockPool pool;
  EXPECT_EQ(BlockPool::keptFor(100), 0u);
}

TEST(BlockPool, AResizedBlockKeepsItsContent) {
  const BlockPool pool;
  char* block = static_cast<char*>(takeBlock(8));
  std::memcpy(block, "contents", 8);
  block = static_cast<char*>(resizeBlock(block, 5000));
  EXPECT_EQ(std::memcmp(block, "contents", 8), 0);
  block = static_cast<char*>(resizeBlock(block, 4));
  EXPECT_EQ(std::memcmp(block, "cont", 4), 0);
  giveBlock(block);
}

}  // namespace
}  // namespace edgehold
