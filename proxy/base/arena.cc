// SPDX-License-Identifier: Apache-2.0
// The bump allocator behind arena.h.
// Thread: one loop (owned by the exchange).
#include "proxy/base/arena.h"

#include <algorithm>
#include <cstring>

namespace edgehold {
namespace {
constexpr std::size_t kBlockBytes = 8192;
constexpr std::size_t kAlignment = alignof(std::max_align_t);
}  // namespace

char* Arena::allocate(std::size_t bytes) {
  const std::size_t rounded = (bytes + kAlignment - 1) & ~(kAlignment - 1);
  allocated_ += rounded;
  if (static_cast<std::size_t>(limit_ - next_) < rounded) {
    const std::size_t block = std::max(kBlockBytes, rounded);
    blocks_.push_back(std::make_unique_for_overwrite<char[]>(block));
    if (rounded > kBlockBytes / 2) return blocks_.back().get();  // a block of its own
    next_ = blocks_.back().get();
    limit_ = next_ + block;
  }
  char* const result = next_;
  next_ += rounded;
  return result;
}

std::string_view Arena::copy(std::string_view text) {
  if (text.empty()) return {};
  char* const place = allocate(text.size());
  std::memcpy(place, text.data(), text.size());
  return {place, text.size()};
}

std::string_view Arena::join(std::initializer_list<std::string_view> pieces) {
  std::size_t size = 0;
  for (const std::string_view piece : pieces) size += piece.size();
  if (size == 0) return {};
  char* const place = allocate(size);
  char* end = place;
  for (const std::string_view piece : pieces) end = std::copy(piece.begin(), piece.end(), end);
  return {place, size};
}

void Arena::reset() {
  blocks_.clear();
  next_ = first_;
  limit_ = first_ + kFirstBlockBytes;
  allocated_ = 0;
}

}  // namespace edgehold
