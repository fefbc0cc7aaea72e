// SPDX-License-Identifier: Apache-2.0
// What each admin path answers: health, metrics, status, rules, reload, approvals. Knows no
// sockets. Thread: main only.
#pragma once

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/server/admin_answer.h"
#include "proxy/server/operations.h"

namespace edgehold {

class AdminApi {
 public:
  // REQUIRES: both outlive the api.
  AdminApi(Operations& operations, Loop& loop) : operations_(operations), loop_(loop) {}

  // Every request has an answer, errors included; whoever asks bounds the wait.
  Async<AdminAnswer> answer(const AdminRequest& request);

 private:
  AdminAnswer readiness() const;
  AdminAnswer status() const;
  AdminAnswer rules() const;

  Operations& operations_;
  Loop& loop_;
};

}  // namespace edgehold
