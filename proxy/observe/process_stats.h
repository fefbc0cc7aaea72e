// SPDX-License-Identifier: Apache-2.0
// What the kernel says of this process: descriptors, memory, processor time.
// Thread: any (stateless).
#pragma once

#include <cstdint>

#include "proxy/observe/exposition.h"

namespace edgehold {

struct ProcessStats {
  std::uint64_t open_descriptors = 0;
  std::uint64_t descriptors_max = 0;
  std::uint64_t resident_bytes = 0;
  double cpu_seconds = 0;
};

// Zero stands for what could not be read. Reads /proc: for scrapes, not for requests.
ProcessStats readProcessStats();

void renderProcess(Exposition& out, const ProcessStats& stats);

}  // namespace edgehold
