// SPDX-License-Identifier: Apache-2.0
// Free lists by size; what is large is left to malloc().
// Thread: one loop.
#include "lua/runtime/block_cache.h"

#include <algorithm>
#include <cstdlib>
#include <cstring>

namespace edgehold {

BlockCache::~BlockCache() {
  for (const Size& size : sizes_) {
    for (Free* block = size.first; block != nullptr;) {
      Free* const next = block->next;
      std::free(block);
      block = next;
    }
  }
}

void* BlockCache::takeSmall(std::size_t bytes) {
  Size& size = sizes_[sizeOf(bytes)];
  if (size.first == nullptr) return std::malloc((sizeOf(bytes) + 1) * kStepBytes);
  --size.count;
  Free* const block = size.first;
  size.first = block->next;
  return block;
}

void BlockCache::give(void* block, std::size_t bytes) {
  if (!isSmall(bytes)) return std::free(block);
  Size& size = sizes_[sizeOf(bytes)];
  if (size.count == kKeptMax) return std::free(block);
  ++size.count;
  auto* const free_block = static_cast<Free*>(block);
  free_block->next = size.first;
  size.first = free_block;
}

void* BlockCache::resize(void* block, std::size_t old_bytes, std::size_t new_bytes) {
  if (block == nullptr) return isSmall(new_bytes) ? takeSmall(new_bytes) : std::malloc(new_bytes);
  const bool both_small = isSmall(old_bytes) && isSmall(new_bytes);
  if (both_small && sizeOf(old_bytes) == sizeOf(new_bytes)) return block;
  if (!isSmall(old_bytes) && !isSmall(new_bytes)) return std::realloc(block, new_bytes);
  void* const moved = isSmall(new_bytes) ? takeSmall(new_bytes) : std::malloc(new_bytes);
  if (moved == nullptr) return nullptr;
  std::memcpy(moved, block, std::min(old_bytes, new_bytes));
  give(block, old_bytes);
  return moved;
}

}  // namespace edgehold
