// SPDX-License-Identifier: Apache-2.0
// One shard of the counters: an open-addressing table of 32-byte entries that expire by themselves.
// An expired entry keeps its place until it is reused, so that probing needs no tombstones.
// Thread: any (synchronised by the shard's mutex).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>

#include "proxy/state/counters.h"

namespace edgehold {

enum class CounterKind : std::uint8_t { kNone = 0, kRate = 1, kClaim = 2, kSlot = 3 };

// Aligned, so that none lies on two lines of the cache.
struct alignas(32) CounterEntry {
  std::uint64_t tag = 0;     // 62 bits of the key and the kind; 0 for a place never used
  std::uint64_t high = 0;    // the other 64
  std::uint64_t value = 0;   // a claim's token (0: committed), a slot's count; rates need none
  std::int64_t expires = 0;  // nanoseconds; a rate's theoretical arrival time

  CounterKind kind() const { return static_cast<CounterKind>(tag & 3); }
  bool isLive(std::int64_t now) const { return expires > now; }
};
static_assert(sizeof(CounterEntry) == 32);

class CounterTable {
 public:
  explicit CounterTable(std::size_t entries_max);

  // The entry of `key`, live or expired, or null.
  CounterEntry* find(const CounterKey& key, CounterKind kind) const;
  // The same, or a new one that has expired long ago: set it at once. Null when every place is
  // live and none may be evicted. Pointers die at the next call.
  CounterEntry* findOrAdd(const CounterKey& key, CounterKind kind, std::int64_t now);

  // Asks for the memory where `key` would stand; find() will want it.
  void prefetch(const CounterKey& key, CounterKind kind) const;

  std::size_t usedEntries() const { return used_; }

 private:
  struct Probe {
    CounterEntry* found = nullptr;
    CounterEntry* reusable = nullptr;  // the first expired entry on the way
    CounterEntry* unused = nullptr;    // the end of the way
  };
  std::size_t placeOf(std::uint64_t tag) const { return (tag >> 2) & (capacity_ - 1); }
  Probe probe(std::uint64_t tag, std::uint64_t high, std::int64_t now) const;
  std::size_t usedMax() const;
  // By growing, by sweeping, or by evicting near `tag`'s place. False when nothing may go.
  bool makeRoom(std::uint64_t tag, std::int64_t now);
  bool evictNear(std::uint64_t tag, std::int64_t now);
  void erase(std::size_t place);
  void rebuild(std::size_t capacity, std::int64_t now);

  const std::size_t entries_max_;
  std::size_t capacity_;   // a power of two, at least 4/3 of the entries
  std::size_t used_ = 0;   // places taken, by live and by expired entries
  std::int64_t swept_at_;  // when expired entries were last swept out of a full table
  std::unique_ptr<CounterEntry[]> entries_;
};

}  // namespace edgehold
