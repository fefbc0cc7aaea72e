// SPDX-License-Identifier: Apache-2.0
// The lists behind block_pool.h.
// Thread: any (each thread has its own lists).
#include "proxy/base/block_pool.h"

#include <array>
#include <cstdlib>

#include <malloc.h>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

// Shelves hold blocks of 24, 40 ... 1,032 bytes, which are the sizes that glibc makes, and of the
// one large size: a TLS record with what OpenSSL puts around it.
constexpr std::size_t kSmallest = 24;
constexpr std::size_t kStep = 16;
constexpr std::size_t kSmallShelves = 64;
constexpr std::size_t kLarge = 17 * 1024;
constexpr std::size_t kLargeFrom = 16 * 1024;  // smaller ones would waste it
constexpr std::size_t kLargeShelf = kSmallShelves;
constexpr std::size_t kNoShelf = kSmallShelves + 1;

struct Shelf {
  std::size_t count = 0;
  std::array<void*, BlockPool::kKeptMax> blocks;
};
using Shelves = std::array<Shelf, kNoShelf>;

constinit thread_local Shelves* shelves = nullptr;

// From which shelf so many bytes are taken.
std::size_t shelfFor(std::size_t bytes) {
  if (bytes <= kSmallest) return 0;
  const std::size_t shelf = (bytes - kSmallest + kStep - 1) / kStep;
  if (shelf < kSmallShelves) return shelf;
  return bytes > kLargeFrom && bytes <= kLarge ? kLargeShelf : kNoShelf;
}

std::size_t bytesOf(std::size_t shelf) {
  return shelf == kLargeShelf ? kLarge : kSmallest + kStep * shelf;
}

// On which shelf a block goes: it has at least the bytes that are taken from there.
std::size_t shelfOf(void* block) {
  const std::size_t bytes = malloc_usable_size(block);
  if (bytes < kSmallest) return kNoShelf;
  const std::size_t shelf = (bytes - kSmallest) / kStep;
  if (shelf < kSmallShelves) return shelf;
  return bytes >= kLarge && bytes < kLarge + kStep ? kLargeShelf : kNoShelf;
}

std::size_t keptMax(std::size_t shelf) {
  return shelf == kLargeShelf ? BlockPool::kLargeKeptMax : BlockPool::kKeptMax;
}

}  // namespace

void* takeBlock(std::size_t bytes) noexcept {
  if (shelves == nullptr) return std::malloc(bytes);
  const std::size_t shelf = shelfFor(bytes);
  if (shelf == kNoShelf) return std::malloc(bytes);
  Shelf& from = (*shelves)[shelf];
  return from.count > 0 ? from.blocks[--from.count] : std::malloc(bytesOf(shelf));
}

void giveBlock(void* block) noexcept {
  if (shelves == nullptr || block == nullptr) return std::free(block);
  const std::size_t shelf = shelfOf(block);
  if (shelf == kNoShelf || (*shelves)[shelf].count == keptMax(shelf)) return std::free(block);
  Shelf& onto = (*shelves)[shelf];
  onto.blocks[onto.count++] = block;
}

void* resizeBlock(void* block, std::size_t bytes) noexcept { return std::realloc(block, bytes); }

BlockPool::BlockPool() {
#ifndef EDGEHOLD_SANITIZED  // which must see each block come and go
  CHECK(shelves == nullptr) << "a thread has one pool";
  shelves = new Shelves;
#endif
}

BlockPool::~BlockPool() {
  Shelves* const last = shelves;
  shelves = nullptr;
  if (last == nullptr) return;
  for (Shelf& shelf : *last) {
    while (shelf.count > 0) std::free(shelf.blocks[--shelf.count]);
  }
  delete last;
}

std::size_t BlockPool::keptFor(std::size_t bytes) {
  const std::size_t shelf = shelfFor(bytes);
  return shelves != nullptr && shelf != kNoShelf ? (*shelves)[shelf].count : 0;
}

}  // namespace edgehold
