// SPDX-License-Identifier: Apache-2.0
// Bounds from the configuration and the machine, behind capacity.h.
// Thread: main only.
#include "proxy/server/capacity.h"

#include <algorithm>

#include <sys/resource.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// All workers' spare lots together stay below an eighth of the whole: so much may be refused early.
std::size_t lotOf(std::size_t most, std::size_t workers, std::size_t lot) {
  return std::min(lot, most / (16 * std::max<std::size_t>(workers, 1)));
}

// A request needs a descriptor for its client and one for its upstream.
std::size_t connectionsFor(std::size_t descriptors) {
  const std::size_t free = descriptors - std::min(descriptors, limits::kDescriptorsReserved);
  return std::max(free / 2, limits::kConnectionsLeast);
}

}  // namespace

std::size_t Capacity::adopt(const LimitSpec& spec, std::size_t workers, std::size_t descriptors) {
  const std::size_t wanted = spec.connections != 0 ? spec.connections : limits::kConnectionsDefault;
  const std::size_t most = std::min(wanted, connectionsFor(descriptors));
  connections.bound(
      {most, spec.connections_per_address, spec.handshakes, spec.handshakes_per_address});
  exchanges.bound(spec.exchanges, lotOf(spec.exchanges, workers, limits::kExchangesLot));
  buffered_bytes.bound(spec.buffered_bytes,
                       lotOf(spec.buffered_bytes, workers, limits::kBufferedBytesLot));
  return most;
}

std::size_t descriptorLimit() {
  rlimit limit{};
  if (::getrlimit(RLIMIT_NOFILE, &limit) != 0) return 0;
  return limit.rlim_cur;
}

}  // namespace edgehold
