// SPDX-License-Identifier: Apache-2.0
// The numbers behind the metrics: one writer, any reader, no locked instruction. Each worker writes
// its own cells on its own cache lines; a scrape reads those of all workers.
// Thread: any (synchronised by relaxed atomics; each cell has one writing thread).
#pragma once

#include <algorithm>
#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <vector>

#include "proxy/base/clock.h"

namespace edgehold {

inline constexpr std::size_t kCacheLineBytes = 64;

// Only grows. A load and a store, not a read-modify-write: there is one writer.
class CounterCell {
 public:
  void add(std::uint64_t by = 1) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  std::uint64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::uint64_t> value_{0};
};

// Goes up and down.
class GaugeCell {
 public:
  void add(std::int64_t by) {
    value_.store(value_.load(std::memory_order_relaxed) + by, std::memory_order_relaxed);
  }
  void set(std::int64_t value) { value_.store(value, std::memory_order_relaxed); }
  std::int64_t value() const { return value_.load(std::memory_order_relaxed); }

 private:
  std::atomic<std::int64_t> value_{0};
};

// Durations by size. The bounds are the same for all, so that they can be compared and summed.
class DurationHistogram {
 public:
  // Upper bounds, inclusive, in nanoseconds; what is larger is counted past the last.
  static constexpr std::array<std::int64_t, 18> kBounds = {
      10'000,      25'000,      50'000,        100'000,       250'000,       500'000,
      1'000'000,   2'500'000,   5'000'000,     10'000'000,    25'000'000,    50'000'000,
      100'000'000, 250'000'000, 1'000'000'000, 2'500'000'000, 5'000'000'000, 10'000'000'000};
  static constexpr std::size_t kBuckets = kBounds.size() + 1;

  void observe(Duration duration) {
    const std::int64_t nanoseconds = std::max<std::int64_t>(duration.count(), 0);
    const auto bound = std::lower_bound(kBounds.begin(), kBounds.end(), nanoseconds);
    buckets_[static_cast<std::size_t>(bound - kBounds.begin())].add();
    nanoseconds_.add(static_cast<std::uint64_t>(nanoseconds));
  }
  std::uint64_t bucket(std::size_t index) const { return buckets_[index].value(); }
  std::uint64_t nanoseconds() const { return nanoseconds_.value(); }

 private:
  std::array<CounterCell, kBuckets> buckets_;
  CounterCell nanoseconds_;
};

// One Series per label slot, made when its worker first needs it; a reader sees it whole or not.
template <class Series, std::size_t kSlots>
class SeriesTable {
 public:
  // Writer only. A slot past the table is slot 0, the one for all others.
  Series& at(std::size_t slot) {
    if (slot >= kSlots) slot = 0;
    Series* const series = slots_[slot].load(std::memory_order_relaxed);
    return series != nullptr ? *series : make(slot);
  }
  // Any thread. Null when nothing was ever counted there.
  const Series* find(std::size_t slot) const {
    return slot < kSlots ? slots_[slot].load(std::memory_order_acquire) : nullptr;
  }

 private:
  Series& make(std::size_t slot) {
    owned_.push_back(std::make_unique<Series>());
    slots_[slot].store(owned_.back().get(), std::memory_order_release);
    return *owned_.back();
  }
  std::array<std::atomic<Series*>, kSlots> slots_{};
  std::vector<std::unique_ptr<Series>> owned_;  // writer only
};

}  // namespace edgehold
