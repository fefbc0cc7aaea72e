// SPDX-License-Identifier: Apache-2.0
// Names that become label values (routes, filters, rules, upstreams) as small numbers that stay the
// same over reloads, and a worker's cache of them that costs no hash and no lock.
// Thread: LabelTable any (synchronised by mutex_); LabelCache one loop.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <functional>
#include <mutex>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "proxy/base/strings.h"

namespace edgehold {

// Slot 0 is for what has no name, and for every name past the bound: a scrape stays bounded
// whatever operators reload.
class LabelTable {
 public:
  struct Label {
    std::uint32_t slot = 0;
    std::string_view name;  // lives as long as the table
  };

  // REQUIRES: slots > 0.
  explicit LabelTable(std::size_t slots);

  Label find(std::string_view name);
  // By slot; the first is "".
  std::vector<std::string_view> names() const;

 private:
  const std::size_t slots_max_;
  mutable std::mutex mutex_;
  std::deque<std::string> names_;                              // guarded by mutex_
  std::unordered_map<std::string_view, std::uint32_t> slots_;  // guarded by mutex_
};

// Keyed by where the name lies, for a snapshot's names do not move; what is found there is compared
// with what was cached, since memory is used again.
class LabelCache {
 public:
  // REQUIRES: the table outlives the cache.
  explicit LabelCache(LabelTable& table) : table_(table) {}

  std::uint32_t slotOf(std::string_view name) {
    if (name.empty()) return 0;
    Entry& entry = entries_[indexOf(name.data())];
    if (entry.place == name.data() && entry.name == name) return entry.slot;
    return slotOfUnknown(name, entry);
  }

 private:
  static constexpr std::size_t kEntries = 128;
  struct Entry {
    const char* place = nullptr;
    std::uint32_t slot = 0;
    std::string name;
  };
  static std::size_t indexOf(const char* place) {
    const auto address = reinterpret_cast<std::uintptr_t>(place);
    return ((address >> 4) ^ (address >> 11)) % kEntries;
  }
  std::uint32_t slotOfUnknown(std::string_view name, Entry& entry);

  LabelTable& table_;
  std::array<Entry, kEntries> entries_;
};

}  // namespace edgehold
