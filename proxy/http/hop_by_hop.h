// SPDX-License-Identifier: Apache-2.0
// Fields that concern one connection only and never cross a proxy (RFC 9110 7.6.1), both ways.
// Thread: any (immutable).
#pragma once

#include "proxy/http/headers.h"

namespace edgehold {

// Removes Connection and the fields it names, Keep-Alive, Proxy and Proxy-*, TE, Trailer,
// Transfer-Encoding and Upgrade. What the codec learned of them is in the head's own members.
//
// A sender may name any field in Connection, and so take it away from whoever stands behind us:
// `Connection: X-Forwarded-For` is a known attack on trust in that field. Fields that the proxy,
// its filters or an upstream's access control read stay, as if they had not been named. Ignoring is
// better than refusing: the field arrives, which is what its owner meant.
void stripHopByHop(Headers& headers);

}  // namespace edgehold
