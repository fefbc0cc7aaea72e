// SPDX-License-Identifier: Apache-2.0
// The body of a refusal: application/problem+json (RFC 9457), written by hand so that a rejection
// costs less than an acceptance. Says the reason code and its safe title, never a rule or a
// message. Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/arena.h"
#include "proxy/base/reason.h"

namespace edgehold {

inline constexpr std::string_view kProblemContentType = "application/problem+json";

struct Problem {
  Reason reason = Reason::kInternalError;
  std::string_view request_id;
  // Members that are written only when set.
  std::string_view approval_id;
  std::string_view status_url;
  std::optional<std::uint64_t> retry_after_seconds;
};

// The JSON text; lives as long as the arena.
std::string_view problemBody(Arena& arena, const Problem& problem);

}  // namespace edgehold
