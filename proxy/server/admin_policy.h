// SPDX-License-Identifier: Apache-2.0
// The admin paths that change the policy or tell of earlier ones: `/reload`, `/policy/…`.
// Thread: main only.
#pragma once

#include <string_view>

#include "proxy/server/admin_answer.h"
#include "proxy/server/operations.h"

namespace edgehold {

class AdminPolicy {
 public:
  static bool serves(std::string_view path);
  // REQUIRES: serves(request.path).
  static AdminAnswer answer(const AdminRequest& request, Operations& operations);
};

}  // namespace edgehold
