// SPDX-License-Identifier: Apache-2.0
// What one worker did with one upstream, for the metrics.
// Thread: one loop.
#pragma once

#include <cstdint>

namespace edgehold {

// Shared by the pools that one after the other serve the upstream, and by their connections, which
// may outlive them.
struct UpstreamCounts {
  std::uint64_t opened = 0;  // connections
  std::uint64_t closed = 0;
  std::uint64_t requests = 0;
  std::uint64_t requests_on_kept = 0;  // over a connection that was there before
  std::uint64_t bytes_in = 0;
  std::uint64_t bytes_out = 0;

  bool operator==(const UpstreamCounts&) const = default;
};

}  // namespace edgehold
