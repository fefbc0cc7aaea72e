// SPDX-License-Identifier: Apache-2.0
// The life of a hold: pending -> approved -> executing -> done | failed | unknown, or pending ->
// denied | expired. Every step is a compare-and-set in the ledger, so each is taken once.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

namespace edgehold {

enum class HoldState : std::uint8_t {
  kPending,
  kApproved,   // waits to be sent
  kExecuting,  // may have been sent
  kDone,       // the upstream answered, whatever it said
  kFailed,     // was not sent, and will not be
  kUnknown,    // may or may not have been carried out; never sent again
  kDenied,
  kExpired,
};

inline constexpr std::string_view kHoldKind = "hold";  // in the ledger

std::string_view holdStateName(HoldState state);
std::optional<HoldState> holdStateFromName(std::string_view name);

// Nothing more will happen to it.
inline bool isSettled(HoldState state) {
  return state != HoldState::kPending && state != HoldState::kApproved &&
         state != HoldState::kExecuting;
}

}  // namespace edgehold
