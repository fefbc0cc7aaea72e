// SPDX-License-Identifier: Apache-2.0
// Fields that nobody may speak through the edge. From clients: names that tell an upstream who
// somebody is or where a request came from, and names by which some upstreams take another method,
// path or host than the one that was decided on. From upstreams: edgehold's own. Thread: any
// (immutable).
#pragma once

#include "proxy/http/headers.h"

namespace edgehold {

// Only edgehold may send `field` to an upstream. `X_Real_IP` and `X.Real.IP` are `X-Real-IP` here:
// many servers read all of them the same (CGI variables).
bool isOwnedField(const Header& field);

// Only edgehold may say `field` to a client: `X-Request-Id` and `X-Edgehold-*`, spelled as above.
// The other names mean nothing in an answer, or belong to the upstream.
bool isOwnedAnswerField(const Header& field);

}  // namespace edgehold
