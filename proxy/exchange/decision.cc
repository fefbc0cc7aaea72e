// SPDX-License-Identifier: Apache-2.0
// The names behind decision.h.
// Thread: any (immutable).
#include "proxy/exchange/decision.h"

#include "proxy/base/log.h"

namespace edgehold {

std::string_view decisionName(Decision::Kind kind) {
  switch (kind) {
    case Decision::Kind::kAllow:
      return "allow";
    case Decision::Kind::kDeny:
      return "deny";
    case Decision::Kind::kHold:
      return "hold";
    case Decision::Kind::kDuplicate:
      return "duplicate";
    case Decision::Kind::kError:
      return "error";
  }
  LOG(FATAL) << "no such decision";
}

}  // namespace edgehold
