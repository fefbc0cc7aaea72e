// SPDX-License-Identifier: Apache-2.0
// What the whole process takes on: connections, exchanges under way, bytes in memory. The workers'
// share of it; past it, the newest is refused.
// Thread: any (its parts are synchronised).
#pragma once

#include <cstddef>

#include "proxy/base/quota.h"
#include "proxy/policy/snapshot.h"
#include "proxy/server/connection_gate.h"
#include "proxy/upstream/connection_slots.h"

namespace edgehold {

struct Capacity {
  ConnectionGate connections;
  SharedQuota exchanges;
  SharedQuota buffered_bytes;
  UpstreamSlots upstream_connections;  // bounded by each upstream's own `max_connections`

  // What is open or under way stays, even past new bounds. `descriptors`: that the process may
  // have open. Returns the connections that this comes to.
  std::size_t adopt(const LimitSpec& spec, std::size_t workers, std::size_t descriptors);
};

// RLIMIT_NOFILE of this process.
std::size_t descriptorLimit();

}  // namespace edgehold
