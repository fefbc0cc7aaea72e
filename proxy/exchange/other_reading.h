// SPDX-License-Identifier: Apache-2.0
// Whether what a request says of its body lets another reader take it for something else. Checks
// look at a body as the JSON that its bytes are; an upstream goes by Content-Type and
// Content-Encoding, and may find another text in the same bytes.
// Thread: any (immutable).
#pragma once

#include <string_view>

#include "proxy/base/bytes.h"
#include "proxy/http/headers.h"

namespace edgehold {

// Why another reader may find something else in `body` than JSON in UTF-8, as a sentence of
// constant text; empty when none may.
std::string_view otherReading(const Headers& headers, ByteView body);

}  // namespace edgehold
