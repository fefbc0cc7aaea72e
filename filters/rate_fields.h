// SPDX-License-Identifier: Apache-2.0
// What a client is told about its budget: Retry-After (RFC 9110 10.2.3) and the fields of
// draft-ietf-httpapi-ratelimit-headers. The policy is always called "default": the names that
// operators give their limits are not for callers.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <string>

#include "proxy/base/arena.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/verdict.h"
#include "proxy/http/headers.h"

namespace edgehold {

// RateLimit-Policy: so many requests in so much time.
std::string ratePolicyText(std::uint64_t count, Duration period);
void addRateFields(const RateReport& report, Reply& reply);
// Replaces what the upstream said of budgets of its own. The values live in `arena` and the route.
void addRateFields(const RateReport& report, Arena& arena, Headers& headers);
// Whole seconds, rounded up, at least one and at most a day.
void addRetryAfter(Duration after, Reply& reply);

}  // namespace edgehold
