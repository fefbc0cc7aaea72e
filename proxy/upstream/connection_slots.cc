// SPDX-License-Identifier: Apache-2.0
// The counting behind connection_slots.h.
// Thread: any (atomics; the table synchronised by mutex_).
#include "proxy/upstream/connection_slots.h"

#include <algorithm>

namespace edgehold {

std::optional<ConnectionSlots::Slot> ConnectionSlots::take(std::size_t most) {
  std::size_t taken = taken_.load(std::memory_order_relaxed);
  do {
    if (taken >= most) return std::nullopt;
  } while (!taken_.compare_exchange_weak(taken, taken + 1));
  return Slot(shared_from_this());
}

std::size_t ConnectionSlots::shareOf(std::size_t most) const {
  return most / std::max<std::size_t>(pools_.load(std::memory_order_relaxed), 1);
}

std::shared_ptr<ConnectionSlots> UpstreamSlots::of(const std::string& upstream) {
  const std::lock_guard lock(mutex_);
  // Names come and go with policies.
  std::erase_if(slots_, [](const auto& entry) { return entry.second.expired(); });
  auto slots = slots_[upstream].lock();
  if (slots == nullptr) slots_[upstream] = slots = std::make_shared<ConnectionSlots>();
  return slots;
}

}  // namespace edgehold
