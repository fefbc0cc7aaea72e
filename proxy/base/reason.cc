// SPDX-License-Identifier: Apache-2.0
// The table behind reason.h.
// Thread: any (immutable).
#include "proxy/base/reason.h"

#include <array>
#include <cstddef>

namespace edgehold {
namespace {

constexpr std::size_t kReasons = static_cast<std::size_t>(Reason::kCount);

constexpr std::array<ReasonRow, kReasons> kRows = {{
    {Reason::kAllowed, "allowed", 200, "Allowed"},
    {Reason::kHeld, "held", 202, "Held for approval"},
    {Reason::kReleased, "released", 200, "Released after approval"},
    {Reason::kDuplicate, "duplicate", 200, "Already accepted"},
    {Reason::kMalformedRequest, "malformed_request", 400, "Malformed request"},
    {Reason::kFramingConflict, "framing_conflict", 400, "Ambiguous message framing"},
    {Reason::kHeadTooLarge, "head_too_large", 431, "Request header fields too large"},
    {Reason::kTargetTooLong, "target_too_long", 414, "Request target too long"},
    {Reason::kTargetNotCanonical, "target_not_canonical", 400, "Request target is not canonical"},
    {Reason::kVersionUnsupported, "version_unsupported", 505, "HTTP version not supported"},
    {Reason::kTransferCodingUnsupported, "transfer_coding_unsupported", 501,
     "Transfer coding not supported"},
    {Reason::kExpectationUnsupported, "expectation_unsupported", 417, "Expectation not supported"},
    {Reason::kUpgradeRefused, "upgrade_refused", 400, "Upgrade not accepted here"},
    {Reason::kUpgradeVersion, "upgrade_version", 426, "WebSocket version not supported"},
    {Reason::kHeadTimeout, "head_timeout", 408, "Request head took too long"},
    {Reason::kBodyTimeout, "body_timeout", 408, "Request body took too long"},
    {Reason::kPayloadTooLarge, "payload_too_large", 413, "Payload too large"},
    {Reason::kRouteNotFound, "route_not_found", 404, "No such route"},
    {Reason::kMethodNotAllowed, "method_not_allowed", 405, "Method not allowed"},
    {Reason::kFrameMalformed, "frame_malformed", 400, "Malformed WebSocket message"},
    {Reason::kMessageTypeRefused, "message_type_refused", 415, "Message type not accepted here"},
    {Reason::kIdleTimeout, "idle_timeout", 408, "Nothing moved for too long"},
    {Reason::kIpDenied, "ip_denied", 403, "Address not allowed"},
    {Reason::kHostRejected, "host_rejected", 421, "Host not served here"},
    {Reason::kOriginRejected, "origin_rejected", 403, "Origin not allowed"},
    {Reason::kCredentialsInvalid, "credentials_invalid", 401, "Credentials missing or invalid"},
    {Reason::kSessionExpired, "session_expired", 401, "The session has ended"},
    {Reason::kLoginCodeInvalid, "login_code_invalid", 401, "The login code is not valid"},
    {Reason::kLoginCodeUsed, "login_code_used", 401, "The login code was used before"},
    {Reason::kLoginRefused, "login_refused", 403, "The platform refuses this login"},
    {Reason::kSecretUnavailable, "secret_unavailable", 503, "Verification is not available"},
    {Reason::kSignatureMissing, "signature_missing", 401, "Signature missing"},
    {Reason::kSignatureInvalid, "signature_invalid", 401, "Signature invalid"},
    {Reason::kTimestampMissing, "timestamp_missing", 401, "Timestamp missing or malformed"},
    {Reason::kTimestampOutsideWindow, "timestamp_outside_window", 401,
     "Timestamp outside the replay window"},
    {Reason::kJsonInvalid, "json_invalid", 422, "Body is not acceptable JSON"},
    {Reason::kEventMissing, "event_missing", 422, "Event fields missing"},
    {Reason::kEventUnknown, "event_unknown", 422, "Unknown event type"},
    {Reason::kRateLimited, "rate_limited", 429, "Rate limit exceeded"},
    {Reason::kActionDenied, "action_denied", 403, "Action not allowed"},
    {Reason::kRuleDenied, "rule_denied", 403, "Refused by policy"},
    {Reason::kRuleFailed, "rule_failed", 500, "Policy could not be evaluated"},
    {Reason::kRuleBudgetExceeded, "rule_budget_exceeded", 500, "Policy could not be evaluated"},
    {Reason::kRuleQuarantined, "rule_quarantined", 500, "Policy could not be evaluated"},
    {Reason::kFilterFailed, "filter_failed", 500, "Policy could not be evaluated"},
    {Reason::kReadOnlyMode, "read_only_mode", 503, "Read-only mode"},
    {Reason::kHoldNotFound, "hold_not_found", 404, "No such hold"},
    {Reason::kHoldPending, "hold_pending", 202, "Waiting for approval"},
    {Reason::kHoldDenied, "hold_denied", 403, "Approval was refused"},
    {Reason::kHoldDecided, "hold_decided", 409, "The hold is decided already"},
    {Reason::kHoldExpired, "hold_expired", 410, "Approval did not come in time"},
    {Reason::kHoldOutcomeUnknown, "hold_outcome_unknown", 502,
     "The released request may or may not have been carried out"},
    {Reason::kPolicyChanged, "policy_changed", 409, "The current policy refuses the held request"},
    {Reason::kPolicyRefused, "policy_refused", 409, "The configuration was refused"},
    {Reason::kOverloaded, "overloaded", 503, "Overloaded"},
    {Reason::kDraining, "draining", 503, "Shutting down"},
    {Reason::kStoreUnavailable, "store_unavailable", 503, "Durable store not available"},
    {Reason::kUpstreamUnreachable, "upstream_unreachable", 502, "Upstream not reachable"},
    {Reason::kUpstreamTimeout, "upstream_timeout", 504, "Upstream took too long"},
    {Reason::kUpstreamMalformed, "upstream_malformed", 502, "Upstream answered malformed HTTP"},
    {Reason::kUpstreamReset, "upstream_reset", 502, "Upstream closed the connection"},
    {Reason::kExchangeTimeout, "exchange_timeout", 504, "Request took too long in all"},
    {Reason::kClientTooSlow, "client_too_slow", 499, "Client took its answer too slowly"},
    {Reason::kClientClosed, "client_closed", 499, "Client closed the connection"},
    {Reason::kInternalError, "internal_error", 500, "Internal error"},
}};

constexpr bool inEnumOrder() {
  for (std::size_t i = 0; i < kReasons; ++i) {
    if (static_cast<std::size_t>(kRows[i].reason) != i) return false;
  }
  return true;
}
static_assert(inEnumOrder(), "reasonRow() indexes the table by enumerator");

}  // namespace

const ReasonRow& reasonRow(Reason reason) { return kRows[static_cast<std::size_t>(reason)]; }

std::optional<Reason> reasonFromCode(std::string_view code) {
  for (const ReasonRow& row : kRows) {
    if (row.code == code) return row.reason;
  }
  return std::nullopt;
}

}  // namespace edgehold
