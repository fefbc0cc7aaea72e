// SPDX-License-Identifier: Apache-2.0
// One field of an HTTP/2 header block (RFC 9113 8.2), by the rules of HTTP/1 and narrower.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/headers.h"

namespace edgehold {

inline constexpr std::size_t kHttp2FieldOverheadBytes = 32;  // RFC 9113 6.5.2

// A name in lower case and a clean value. Fail with kMalformedRequest or kHeadTooLarge.
Result<void> checkHttp2Name(std::string_view name);
Result<void> checkHttp2Value(std::string_view value);
// RFC 9113 8.2.2: it belongs to one connection and has no place here (`te: trailers` aside).
bool concernsConnection(HeaderId id);

}  // namespace edgehold
