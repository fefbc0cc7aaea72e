// SPDX-License-Identifier: Apache-2.0
// Which boot of which machine this is: monotonic times that were written down mean something as
// long as it is the same.
// Thread: any (immutable).
#pragma once

#include "proxy/base/siphash.h"

namespace edgehold {

// Zero when the kernel does not say; then no two are the same.
SipHash128 bootIdentity();

inline bool isSameBoot(const SipHash128& a, const SipHash128& b) {
  return a == b && a != SipHash128{};
}

}  // namespace edgehold
