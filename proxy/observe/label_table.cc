// SPDX-License-Identifier: Apache-2.0
// The locked half of label_table.h.
// Thread: LabelTable any (synchronised by mutex_); LabelCache one loop.
#include "proxy/observe/label_table.h"

#include "proxy/base/log.h"

namespace edgehold {

LabelTable::LabelTable(std::size_t slots) : slots_max_(slots) {
  CHECK_GT(slots, 0u);
  names_.emplace_back();
  slots_.emplace(names_.back(), 0);
}

LabelTable::Label LabelTable::find(std::string_view name) {
  const std::lock_guard lock(mutex_);
  if (const auto found = slots_.find(name); found != slots_.end()) {
    return {found->second, found->first};
  }
  if (names_.size() >= slots_max_) return {};
  const auto slot = static_cast<std::uint32_t>(names_.size());
  names_.emplace_back(name);  // a deque: earlier names do not move
  slots_.emplace(names_.back(), slot);
  return {slot, names_.back()};
}

std::vector<std::string_view> LabelTable::names() const {
  const std::lock_guard lock(mutex_);
  return {names_.begin(), names_.end()};
}

std::uint32_t LabelCache::slotOfUnknown(std::string_view name, Entry& entry) {
  entry.place = name.data();
  entry.name = name;
  entry.slot = table_.find(name).slot;
  return entry.slot;
}

}  // namespace edgehold
