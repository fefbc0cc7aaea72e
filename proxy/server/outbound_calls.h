// SPDX-License-Identifier: Apache-2.0
// Calls that filters make, over the pools that client requests use: the same connections, limits
// and TLS. A call lives as long as its answer is waited for.
// Thread: one loop (owned by the station).
#pragma once

#include <cstddef>

#include "proxy/exchange/call_desk.h"

namespace edgehold {

class Station;

class OutboundCalls final : public CallDesk {
 public:
  // REQUIRES: the station outlives every call.
  explicit OutboundCalls(Station& station) : station_(station) {}
  OutboundCalls(const OutboundCalls&) = delete;
  OutboundCalls& operator=(const OutboundCalls&) = delete;

  Async<Result<CallAnswer>> call(CallRequest request) override;

 private:
  class Call;
  class Wait;

  Station& station_;
  std::size_t under_way_ = 0;  // at most limits::kCallsMax
};

}  // namespace edgehold
