// SPDX-License-Identifier: Apache-2.0
// Keeps events. Thread: one loop (owned by the call).
#include "filters/channels/event_batch.h"

#include <memory>

#include "proxy/base/limits.h"

namespace edgehold {

Result<void> EventBatch::add(const ChannelEvent& event) {
  if (events_.size() >= limits::kBatchEventsMax) {
    return fail(Reason::kPayloadTooLarge, "too many events in one request");
  }
  if (event.id.empty()) return fail(Reason::kEventMissing, "an event without an id");
  events_.push_back(event);
  return {};
}

Result<Received> EventBatch::received(Exchange& exchange) const {
  static_assert(std::is_trivially_destructible_v<ChannelEvent>, "arenas run no destructors");
  if (events_.empty()) return fail(Reason::kEventMissing, "no event");
  Received received;
  received.event = events_.front();
  const std::size_t count = events_.size() - 1;
  if (count == 0) return received;
  auto* const more =
      reinterpret_cast<ChannelEvent*>(exchange.arena.allocate(count * sizeof(ChannelEvent)));
  std::uninitialized_copy_n(events_.begin() + 1, count, more);
  received.more = {more, count};
  return received;
}

}  // namespace edgehold
