// SPDX-License-Identifier: Apache-2.0
// Memory that lives as long as one exchange: bump allocation, freed at once.
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstddef>
#include <memory>
#include <string_view>
#include <vector>

namespace edgehold {

// The first block is part of the object, so that a small exchange allocates nothing. Destructors of
// what is placed here never run: only views and trivially destructible values belong in it.
class Arena {
 public:
  Arena() = default;
  Arena(const Arena&) = delete;
  Arena& operator=(const Arena&) = delete;

  // `bytes` uninitialised bytes, aligned for any scalar.
  char* allocate(std::size_t bytes);
  // A copy of `text` that lives as long as the arena.
  std::string_view copy(std::string_view text);
  // The pieces joined into one text that lives as long as the arena.
  std::string_view join(std::initializer_list<std::string_view> pieces);
  // Forgets everything and keeps the first block, for the next exchange.
  void reset();

  std::size_t allocatedBytes() const { return allocated_; }

 private:
  static constexpr std::size_t kFirstBlockBytes = 3072;

  alignas(std::max_align_t) char first_[kFirstBlockBytes];
  char* next_ = first_;
  char* limit_ = first_ + kFirstBlockBytes;
  std::size_t allocated_ = 0;
  std::vector<std::unique_ptr<char[]>> blocks_;
};

}  // namespace edgehold
