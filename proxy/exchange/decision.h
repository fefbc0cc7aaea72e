// SPDX-License-Identifier: Apache-2.0
// What became of one exchange. There is exactly one per exchange, and one audit record of it.
// Thread: one loop (owned by the exchange).
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/reason.h"

namespace edgehold {

// What a filter in shadow mode would have done, or why one with `on_error: allow` was passed over.
// At most one for each filter and reason.
struct ShadowVerdict {
  std::string_view filter;  // the chain entry's name; lives with the route
  Reason reason = Reason::kAllowed;
  std::string rule;
};

struct Decision {
  enum class Kind : std::uint8_t { kAllow, kDeny, kHold, kDuplicate, kError };

  Kind kind = Kind::kAllow;
  Reason reason = Reason::kAllowed;
  std::string_view filter;  // who said it; empty for the driver itself
  std::string rule;         // the Lua rule or catalogue row that decided; for operators only
  std::string why;          // detail for operators; never sent
  std::vector<ShadowVerdict> shadows;

  std::uint16_t status = 0;           // what the client got; 0 when it got nothing
  std::uint16_t upstream_status = 0;  // 0 when nothing was asked or answered
  bool was_forwarded = false;         // a byte of it may have reached an upstream
  bool was_forwarded_whole = false;   // all of it left for one
  std::uint64_t request_body_bytes = 0;
  std::uint64_t response_body_bytes = 0;
  Duration policy_time{};    // from the head to the verdict, waiting included
  Duration upstream_time{};  // from the first byte to the upstream to its head
  Duration total_time{};
};

// "allow", "deny", "hold", "duplicate", "error".
std::string_view decisionName(Decision::Kind kind);

}  // namespace edgehold
