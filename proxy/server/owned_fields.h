// SPDX-License-Identifier: Apache-2.0
// Fields that a client may not speak through the edge: names that tell an upstream who somebody is
// or where a request came from, and names by which some upstreams take another method, path or host
// than the one that was decided on. Thread: any (immutable).
#pragma once

#include "proxy/http/headers.h"

namespace edgehold {

// Only edgehold may send `field` to an upstream. `X_Real_IP` and `X.Real.IP` are `X-Real-IP` here:
// many servers read all of them the same (CGI variables).
bool isOwnedField(const Header& field);

}  // namespace edgehold
