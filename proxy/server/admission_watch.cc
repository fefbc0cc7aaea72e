// SPDX-License-Identifier: Apache-2.0
// Asks the admissions of one socket, behind admission_watch.h.
// Thread: one loop (owned by a tunnel).
#include "proxy/server/admission_watch.h"

#include <algorithm>

namespace edgehold {

const Admission* AdmissionWatch::ended(Station& station, const Exchange& exchange) {
  const WallTime wall = station.clock().wallNow();
  Duration next = kInterval;
  for (const auto& admission : exchange.admissions) {
    if (admission->until() <= wall || admission->isWithdrawn(station.services())) {
      return admission.get();
    }
    next = std::min<Duration>(next, admission->until() - wall);
  }
  due_ = station.clock().now() + next;
  return nullptr;
}

}  // namespace edgehold
