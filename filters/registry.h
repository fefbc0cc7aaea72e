// SPDX-License-Identifier: Apache-2.0
// The explicit list of filter types.
// Thread: main only.
#pragma once

#include "proxy/exchange/filter_registry.h"

namespace edgehold {

// Adds every filter of this room. REQUIRES: none of their names is there yet.
void addFilters(FilterRegistry& registry);

}  // namespace edgehold
