// SPDX-License-Identifier: Apache-2.0
// The names of hold states, as the ledger keeps them and operators read them.
// Thread: any (immutable).
#include "proxy/delivery/hold_state.h"

#include <array>
#include <cstddef>

namespace edgehold {
namespace {
constexpr std::array<std::string_view, 8> kNames = {"pending", "approved", "executing", "done",
                                                    "failed",  "unknown",  "denied",    "expired"};
static_assert(static_cast<std::size_t>(HoldState::kExpired) + 1 == kNames.size());
}  // namespace

std::string_view holdStateName(HoldState state) { return kNames[static_cast<std::size_t>(state)]; }

std::optional<HoldState> holdStateFromName(std::string_view name) {
  for (std::size_t i = 0; i < kNames.size(); ++i) {
    if (kNames[i] == name) return static_cast<HoldState>(i);
  }
  return std::nullopt;
}

}  // namespace edgehold
