// SPDX-License-Identifier: Apache-2.0
// What a verified token says (RFC 7519 4.1): when it counts, who issued it, for whom.
// Thread: one loop (owned by the call).
#pragma once

#include <chrono>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/json.h"
#include "proxy/base/result.h"

namespace edgehold {

// `exp`, which it must have, and `nbf`, which it may have, with `leeway` for clocks that differ,
// both ways and its end included. Errors: kTimestampMissing, kTimestampOutsideWindow.
Result<void> checkJwtTimes(JsonValue claims, WallTime now, std::chrono::seconds leeway);

// When a token that passed checkJwtTimes() no longer does; WallTime::max() where that is further
// than a clock counts.
WallTime jwtEnd(JsonValue claims, std::chrono::seconds leeway);

// True when the claim is exactly `value`.
bool isJwtClaim(JsonValue claims, std::string_view claim, std::string_view value);
// True when `aud` is `audience` or a list that holds it. RFC 7519 4.1.3.
bool isJwtFor(JsonValue claims, std::string_view audience);

}  // namespace edgehold
