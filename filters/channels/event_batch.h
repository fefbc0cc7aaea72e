// SPDX-License-Identifier: Apache-2.0
// The events of one body, for platforms that send several.
// Thread: one loop (owned by the call).
#pragma once

#include <vector>

#include "filters/channels/channel.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

class EventBatch {
 public:
  // kPayloadTooLarge past limits::kBatchEventsMax, kEventMissing for one without an id: it could
  // come again and again beside the others.
  Result<void> add(const ChannelEvent& event);
  // The first is the request's own; the others live in the exchange. kEventMissing when there is
  // none.
  Result<Received> received(Exchange& exchange) const;

 private:
  std::vector<ChannelEvent> events_;
};

}  // namespace edgehold
