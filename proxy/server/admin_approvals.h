// SPDX-License-Identifier: Apache-2.0
// The admin paths of held requests: list, show, approve, deny.
// Thread: main only.
#pragma once

#include <string_view>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/server/admin_answer.h"

namespace edgehold {

class HoldStore;

//   GET  /approvals?state=pending&limit=100&after=ID
//   GET  /approvals/ID
//   POST /approvals/ID/approve   {"reason": "...", "who": "..."}
//   POST /approvals/ID/deny      the same
class AdminApprovals {
 public:
  static bool serves(std::string_view path) {
    return path == "/approvals" || path.starts_with("/approvals/");
  }
  // REQUIRES: serves(request.path); holds and loop outlive the answer.
  static Async<AdminAnswer> answer(const AdminRequest& request, HoldStore& holds, Loop& loop);
};

}  // namespace edgehold
