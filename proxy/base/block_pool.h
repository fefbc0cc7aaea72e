// SPDX-License-Identifier: Apache-2.0
// Blocks of memory that a worker freed and will want again, in lists by size. glibc keeps seven of
// a size at hand and none above 1 KiB; a turn of the loop takes and frees dozens for its requests,
// and two of 17 KiB for every TLS record. Thread: any (each keeps its own).
#pragma once

#include <cstddef>

namespace edgehold {

// As malloc(3), free(3) and realloc(3), whose blocks these are: each may free the other's. Where
// the thread has no BlockPool, and under a sanitizer, they are nothing else.
void* takeBlock(std::size_t bytes) noexcept;
void giveBlock(void* block) noexcept;
void* resizeBlock(void* block, std::size_t bytes) noexcept;

// While one lives, its thread keeps blocks. REQUIRES: one per thread.
class BlockPool {
 public:
  // Of one size. A bound on what an idle worker holds: some 2 MiB if it used every size.
  static constexpr std::size_t kKeptMax = 64;
  static constexpr std::size_t kLargeKeptMax = 4;

  BlockPool();
  ~BlockPool();
  BlockPool(const BlockPool&) = delete;
  BlockPool& operator=(const BlockPool&) = delete;

  // How many blocks of that size it has at hand.
  static std::size_t keptFor(std::size_t bytes);
};

}  // namespace edgehold
