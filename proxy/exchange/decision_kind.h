// SPDX-License-Identifier: Apache-2.0
// Which kind of decision a reason makes.
// Thread: any (immutable).
#pragma once

#include "proxy/exchange/decision.h"

namespace edgehold {

inline Decision::Kind decisionKindOf(Reason reason) {
  switch (reason) {
    case Reason::kAllowed:
    case Reason::kReleased:
      return Decision::Kind::kAllow;
    case Reason::kHeld:
      return Decision::Kind::kHold;
    case Reason::kDuplicate:
      return Decision::Kind::kDuplicate;
    default:
      return reasonRow(reason).status >= 500 ? Decision::Kind::kError : Decision::Kind::kDeny;
  }
}

}  // namespace edgehold
