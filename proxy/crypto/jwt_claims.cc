// SPDX-License-Identifier: Apache-2.0
// Reads the registered claims. Thread: one loop (owned by the call).
#include "proxy/crypto/jwt_claims.h"

#include <optional>
#include <string>

namespace edgehold {
namespace {

// RFC 7519 2: seconds, maybe with a fraction. Within what a double holds exactly.
Result<std::optional<double>> timeClaim(JsonValue claims, std::string_view claim) {
  constexpr double kMost = 9'007'199'254'740'992.0;
  const auto value = claims.member(claim);
  if (!value) return std::optional<double>();
  const auto seconds = value->asDouble();
  if (seconds && *seconds >= 0 && *seconds <= kMost) return seconds;
  return fail(Reason::kTimestampMissing, "`" + std::string(claim) + "` is no time");
}

}  // namespace

Result<void> checkJwtTimes(JsonValue claims, WallTime now, std::chrono::seconds leeway) {
  TRY_ASSIGN(const auto expires, timeClaim(claims, "exp"));
  TRY_ASSIGN(const auto not_before, timeClaim(claims, "nbf"));
  if (!expires) return fail(Reason::kTimestampMissing, "the token has no `exp`");
  const double time = std::chrono::duration<double>(now.time_since_epoch()).count();
  const double slack = std::chrono::duration<double>(leeway).count();
  if (time - *expires > slack) {
    return fail(Reason::kTimestampOutsideWindow, "the token has expired");
  }
  if (not_before && *not_before - time > slack) {
    return fail(Reason::kTimestampOutsideWindow, "the token does not count yet");
  }
  return {};
}

WallTime jwtEnd(JsonValue claims, std::chrono::seconds leeway) {
  constexpr double kMost = 9'000'000'000.0;  // Unix seconds of the year 2255, in nanoseconds
  const auto expires = timeClaim(claims, "exp");
  if (!expires || !*expires) return WallTime::min();
  if (**expires > kMost) return WallTime::max();
  const auto exact = std::chrono::duration<double>(**expires);
  return WallTime(std::chrono::duration_cast<Duration>(exact) + leeway);
}

bool isJwtClaim(JsonValue claims, std::string_view claim, std::string_view value) {
  const auto member = claims.member(claim);
  return member && member->asString() == value;
}

bool isJwtFor(JsonValue claims, std::string_view audience) {
  if (isJwtClaim(claims, "aud", audience)) return true;
  const auto list = claims.member("aud");
  if (!list) return false;
  for (const JsonValue one : list->elements()) {
    if (one.asString() == audience) return true;
  }
  return false;
}

}  // namespace edgehold
