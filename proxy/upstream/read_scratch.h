// SPDX-License-Identifier: Apache-2.0
// What connections to upstreams read into. Every loop has one of its own: what a connection has not
// parsed yet is the exception. Thread: one loop.
#pragma once

#include <array>
#include <span>

#include "proxy/base/limits.h"

namespace edgehold {

// Valid until the next read of the same loop.
inline std::span<char> readScratch() {
  thread_local std::array<char, limits::kUpstreamReadBytes> scratch;
  return scratch;
}

}  // namespace edgehold
