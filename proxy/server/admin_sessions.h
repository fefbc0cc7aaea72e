// SPDX-License-Identifier: Apache-2.0
// The admin path that ends a user's sessions.
// Thread: main only.
#pragma once

#include <string_view>

#include "proxy/base/async.h"
#include "proxy/server/admin_answer.h"
#include "proxy/server/operations.h"

namespace edgehold {

//   POST /sessions/end   {"app": "wx...", "subject": "...", "reason": "...", "who": "..."}
class AdminSessions {
 public:
  static bool serves(std::string_view path) { return path == "/sessions/end"; }

  // Recorded before anything ends; what fails then, or is broken off by its caller, has ended some
  // of them. REQUIRES: serves(request.path); operations outlives the answer.
  static Async<AdminAnswer> answer(const AdminRequest& request, Operations& operations);
};

}  // namespace edgehold
