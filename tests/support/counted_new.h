// SPDX-License-Identifier: Apache-2.0
// Counts every allocation of the binary that lists counted_new.cc among its sources.
// Thread: main only (other threads' allocations are counted too).
#pragma once

#include <cstddef>

namespace edgehold {

// How often operator new was called since the start.
std::size_t allocationCount();

}  // namespace edgehold
