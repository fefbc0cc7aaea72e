// SPDX-License-Identifier: Apache-2.0
// What became of the events of an inspected event stream.
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstdint>

namespace edgehold {

struct EventStreamReport {
  std::uint64_t events_passed = 0;
  std::uint64_t events_dropped = 0;
};

}  // namespace edgehold
