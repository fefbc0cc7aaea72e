// SPDX-License-Identifier: Apache-2.0
// Memory blocks of one Lua state. A request makes and drops a few small objects, and a collection
// gives back hundreds at once: kept here they are taken again at once, where malloc() would sort,
// merge and cut them anew.
// Thread: one loop.
#pragma once

#include <array>
#include <cstddef>

namespace edgehold {

class BlockCache {
 public:
  BlockCache() = default;
  BlockCache(const BlockCache&) = delete;
  BlockCache& operator=(const BlockCache&) = delete;
  ~BlockCache();

  // As realloc(), for whoever knows how large a block was: null and 0 for a new one. Null when
  // there is no memory. REQUIRES: new_bytes > 0.
  void* resize(void* block, std::size_t old_bytes, std::size_t new_bytes);
  void give(void* block, std::size_t bytes);

 private:
  struct Free {
    Free* next;
  };
  struct Size {
    Free* first = nullptr;
    std::size_t count = 0;
  };
  static constexpr std::size_t kStepBytes = 16;
  static constexpr std::size_t kSmallBytesMax = 256;
  // Of each size: 272 KiB in all at most.
  static constexpr std::size_t kKeptMax = 128;

  // All small blocks are allocated as large as the last of their size.
  static std::size_t sizeOf(std::size_t bytes) { return (bytes - 1) / kStepBytes; }
  static bool isSmall(std::size_t bytes) { return bytes - 1 < kSmallBytesMax; }
  void* takeSmall(std::size_t bytes);

  std::array<Size, kSmallBytesMax / kStepBytes> sizes_;
};

}  // namespace edgehold
