// SPDX-License-Identifier: Apache-2.0
// Replaces the global operator new. A file of its own: inlined into a caller, the compiler would
// take the pair for a mismatch.
// Thread: any (the count is relaxed).
#include "tests/support/counted_new.h"

#include <atomic>
#include <cstdlib>
#include <new>

namespace {
std::atomic<std::size_t> allocations{0};
}  // namespace

// clang's thread sanitizer brings operators of its own; nothing is counted there.
#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
#define EDGEHOLD_FOREIGN_OPERATORS
#endif
#endif
#if !defined(EDGEHOLD_FOREIGN_OPERATORS)
void* operator new(std::size_t bytes) {
  allocations.fetch_add(1, std::memory_order_relaxed);
  void* const memory = std::malloc(bytes);
  if (memory == nullptr) std::abort();
  return memory;
}
void* operator new(std::size_t bytes, const std::nothrow_t&) noexcept {
  allocations.fetch_add(1, std::memory_order_relaxed);
  return std::malloc(bytes);
}
// A sanitizer's array forms would not come here.
void* operator new[](std::size_t bytes) { return operator new(bytes); }
void* operator new[](std::size_t bytes, const std::nothrow_t& nothrow) noexcept {
  return operator new(bytes, nothrow);
}
void operator delete[](void* memory) noexcept { std::free(memory); }
void operator delete[](void* memory, std::size_t) noexcept { std::free(memory); }
void operator delete(void* memory) noexcept { std::free(memory); }
void operator delete(void* memory, std::size_t) noexcept { std::free(memory); }
#endif

namespace edgehold {

std::size_t allocationCount() { return allocations.load(std::memory_order_relaxed); }

}  // namespace edgehold
