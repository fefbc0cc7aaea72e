// SPDX-License-Identifier: Apache-2.0
// The closed list of reason codes. Logs, metrics, audit records, problem+json and WebSocket errors
// all name a decision by one of these; a code that is not here does not exist.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace edgehold {

enum class Reason : std::uint8_t {
  // What passed, or was answered as a success.
  kAllowed,
  kHeld,
  kReleased,
  kDuplicate,
  // What the HTTP parser or the driver refused.
  kMalformedRequest,
  kFramingConflict,
  kHeadTooLarge,
  kTargetTooLong,
  kTargetNotCanonical,
  kVersionUnsupported,
  kTransferCodingUnsupported,
  kExpectationUnsupported,
  kUpgradeRefused,
  kUpgradeVersion,
  kHeadTimeout,
  kBodyTimeout,
  kPayloadTooLarge,
  kRouteNotFound,
  kMethodNotAllowed,
  // What was wrong with a WebSocket that was open.
  kFrameMalformed,
  kMessageTypeRefused,
  kIdleTimeout,
  // What a filter refused.
  kIpDenied,
  kHostRejected,
  kOriginRejected,
  kCredentialsInvalid,
  kSessionExpired,
  kLoginCodeInvalid,
  kLoginCodeUsed,
  kLoginRefused,
  kSecretUnavailable,
  kSignatureMissing,
  kSignatureInvalid,
  kTimestampMissing,
  kTimestampOutsideWindow,
  kJsonInvalid,
  kEventMissing,
  kEventUnknown,
  kRateLimited,
  kActionDenied,
  kRuleDenied,
  kRuleFailed,
  kRuleBudgetExceeded,
  kRuleQuarantined,
  kFilterFailed,
  kReadOnlyMode,
  // What became of a hold.
  kHoldNotFound,
  kHoldPending,
  kHoldDenied,
  kHoldDecided,
  kHoldExpired,
  kHoldOutcomeUnknown,
  kPolicyChanged,
  // What an operator asked for and did not get.
  kPolicyRefused,
  // What the machine could not do.
  kOverloaded,
  kDraining,
  kStoreUnavailable,
  kUpstreamUnreachable,
  kUpstreamTimeout,
  kUpstreamMalformed,
  kUpstreamReset,
  kExchangeTimeout,
  kClientTooSlow,
  kClientClosed,
  kInternalError,
  kCount,  // keep last
};

struct ReasonRow {
  Reason reason;
  std::string_view code;   // snake_case; what machines read
  std::uint16_t status;    // HTTP status (RFC 9110) of the answer that carries it
  std::string_view title;  // problem+json `title`; safe to show to an untrusted caller
};

// The row of `reason`. Total: every enumerator has one (checked by a test).
const ReasonRow& reasonRow(Reason reason);

inline std::string_view reasonCode(Reason reason) { return reasonRow(reason).code; }

// The reason named `code`, or nothing: readers of audit files meet codes of other versions.
std::optional<Reason> reasonFromCode(std::string_view code);

}  // namespace edgehold
