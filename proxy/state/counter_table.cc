// SPDX-License-Identifier: Apache-2.0
// Probing, growing and sweeping behind counter_table.h.
// Thread: any (synchronised by the shard's mutex).
#include "proxy/state/counter_table.h"

#include <algorithm>
#include <bit>
#include <limits>
#include <utility>

namespace edgehold {
namespace {

constexpr std::size_t kCapacityLeast = 64;
constexpr auto kNever = std::numeric_limits<std::int64_t>::min();
// A full table is swept at most this often: a flood of new keys must not buy a sweep each.
constexpr std::int64_t kSweepEvery = 1'000'000'000;
// How far from its home a key looks for a place to take from another.
constexpr std::size_t kEvictionReach = 64;

std::uint64_t tagOf(const CounterKey& key, CounterKind kind) {
  return (key.low & ~std::uint64_t{3}) | static_cast<std::uint64_t>(kind);
}

std::size_t capacityFor(std::size_t entries) {
  return std::max(kCapacityLeast, std::bit_ceil(entries + entries / 3 + 1));
}

}  // namespace

CounterTable::CounterTable(std::size_t entries_max)
    : entries_max_(std::max<std::size_t>(entries_max, 1)),
      capacity_(kCapacityLeast),
      swept_at_(kNever),
      entries_(std::make_unique<CounterEntry[]>(capacity_)) {}

CounterTable::Probe CounterTable::probe(std::uint64_t tag, std::uint64_t high,
                                        std::int64_t now) const {
  Probe result;
  // Ends: at least a quarter of the places is unused.
  for (std::size_t place = placeOf(tag);; place = (place + 1) & (capacity_ - 1)) {
    CounterEntry& entry = entries_[place];
    if (entry.tag == tag && entry.high == high) {
      result.found = &entry;
      return result;
    }
    if (entry.tag == 0) {
      result.unused = &entry;
      return result;
    }
    if (result.reusable == nullptr && !entry.isLive(now)) result.reusable = &entry;
  }
}

CounterEntry* CounterTable::find(const CounterKey& key, CounterKind kind) const {
  const std::uint64_t tag = tagOf(key, kind);
  for (std::size_t place = placeOf(tag);; place = (place + 1) & (capacity_ - 1)) {
    CounterEntry& entry = entries_[place];
    if (entry.tag == tag && entry.high == key.high) return &entry;
    if (entry.tag == 0) return nullptr;
  }
}

void CounterTable::prefetch(const CounterKey& key, CounterKind kind) const {
  __builtin_prefetch(&entries_[placeOf(tagOf(key, kind))], /*for writing=*/1);
}

CounterEntry* CounterTable::findOrAdd(const CounterKey& key, CounterKind kind, std::int64_t now) {
  const std::uint64_t tag = tagOf(key, kind);
  Probe way = probe(tag, key.high, now);
  if (way.found != nullptr) return way.found;
  if (way.reusable == nullptr) {
    if (used_ >= usedMax()) {
      if (!makeRoom(tag, now)) return nullptr;
      way = probe(tag, key.high, now);
    }
    if (way.reusable == nullptr) {
      way.reusable = way.unused;
      ++used_;
    }
  }
  *way.reusable = CounterEntry{tag, key.high, 0, kNever};
  return way.reusable;
}

std::size_t CounterTable::usedMax() const { return std::min(entries_max_, capacity_ / 4 * 3); }

bool CounterTable::makeRoom(std::uint64_t tag, std::int64_t now) {
  const bool may_grow = capacity_ < capacityFor(entries_max_);
  if (may_grow || swept_at_ == kNever || now - swept_at_ >= kSweepEvery) {
    std::size_t live = 0;
    for (std::size_t i = 0; i < capacity_; ++i) {
      live += entries_[i].tag != 0 && entries_[i].isLive(now) ? 1 : 0;
    }
    const bool should_grow = may_grow && live > capacity_ / 8 * 3;
    if (!should_grow) swept_at_ = now;
    rebuild(should_grow ? capacity_ * 2 : capacity_, now);
  }
  return used_ < usedMax() || evictNear(tag, now);
}

// A spent budget ends late: of the rates nearby goes the one that has least to forget. Claims and
// slots are never forgotten early.
bool CounterTable::evictNear(std::uint64_t tag, std::int64_t now) {
  std::size_t victim = capacity_;
  std::size_t place = placeOf(tag);
  for (std::size_t i = 0; i < kEvictionReach && i < capacity_; ++i) {
    const CounterEntry& entry = entries_[place];
    const bool may_go =
        entry.tag != 0 && (entry.kind() == CounterKind::kRate || !entry.isLive(now));
    if (may_go && (victim == capacity_ || entry.expires < entries_[victim].expires)) {
      victim = place;
    }
    place = (place + 1) & (capacity_ - 1);
  }
  if (victim == capacity_) return false;
  erase(victim);
  return true;
}

// Moves back what stood behind the gap and is allowed in it, so that no way is cut.
void CounterTable::erase(std::size_t gap) {
  const std::size_t mask = capacity_ - 1;
  for (std::size_t place = (gap + 1) & mask; entries_[place].tag != 0; place = (place + 1) & mask) {
    const std::size_t home = placeOf(entries_[place].tag);
    if (((place - home) & mask) >= ((place - gap) & mask)) {
      entries_[gap] = entries_[place];
      gap = place;
    }
  }
  entries_[gap] = {};
  --used_;
}

void CounterTable::rebuild(std::size_t capacity, std::int64_t now) {
  const std::unique_ptr<CounterEntry[]> old =
      std::exchange(entries_, std::make_unique<CounterEntry[]>(capacity));
  const std::size_t old_capacity = std::exchange(capacity_, capacity);
  used_ = 0;
  for (std::size_t i = 0; i < old_capacity; ++i) {
    const CounterEntry& entry = old[i];
    if (entry.tag == 0 || !entry.isLive(now)) continue;
    *probe(entry.tag, entry.high, now).unused = entry;
    ++used_;
  }
}

}  // namespace edgehold
