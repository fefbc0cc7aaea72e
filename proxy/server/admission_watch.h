// SPDX-License-Identifier: Apache-2.0
// Whether what let a client in still lasts, asked for as long as its WebSocket is open. A socket
// whose client was let in for ever never asks.
// Thread: one loop (owned by a tunnel).
#pragma once

#include "proxy/base/clock.h"
#include "proxy/exchange/exchange.h"
#include "proxy/server/station.h"

namespace edgehold {

class AdmissionWatch {
 public:
  // What ends otherwise than by its time (it is taken back, the wall clock is set) is seen within
  // so long, also where nothing is said.
  static constexpr Duration kInterval = std::chrono::seconds(5);

  // One that is over, or null while all of them last. Then due() is later than now.
  const Admission* ended(Station& station, const Exchange& exchange);
  // When to ask again; at once before the first time, if there is anything to ask.
  Instant due(const Exchange& exchange) const {
    return exchange.admissions.empty() ? Instant::max() : due_;
  }

 private:
  Instant due_{};
};

}  // namespace edgehold
