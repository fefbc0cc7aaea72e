// SPDX-License-Identifier: Apache-2.0
// `forward: decrypted`: what the body says takes its place, and the fields that told of the body
// tell of it.
// Thread: one loop (owned by the exchange).
#pragma once

#include "proxy/exchange/exchange.h"

namespace edgehold {

// Moves exchange.content into exchange.body. Its length is told by whoever sends it. REQUIRES:
// content is a JSON object or an XML document.
void forwardContent(Exchange& exchange);

}  // namespace edgehold
