// SPDX-License-Identifier: Apache-2.0
// The admin paths of held requests: list, show, approve, deny.
// Thread: main only.
#pragma once

#include <functional>
#include <string_view>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"
#include "proxy/server/admin_answer.h"

namespace edgehold {

class HoldStore;
struct OperatorAct;

//   GET  /approvals?state=pending&limit=100&after=ID
//   GET  /approvals/ID
//   POST /approvals/ID/approve   {"reason": "...", "who": "..."}
//   POST /approvals/ID/deny      the same
class AdminApprovals {
 public:
  static bool serves(std::string_view path) {
    return path == "/approvals" || path.starts_with("/approvals/");
  }
  // Leaves the audit record of an act; its answer waits for it.
  using Record = std::function<Result<void>(const OperatorAct&)>;

  // REQUIRES: serves(request.path); holds, loop and what `record` uses outlive the answer.
  static Async<AdminAnswer> answer(const AdminRequest& request, HoldStore& holds, Loop& loop,
                                   Record record);
};

}  // namespace edgehold
