// SPDX-License-Identifier: Apache-2.0
// What each admin path answers: health, metrics, status, reload, approvals. Knows no sockets.
// Thread: main only.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/base/reason.h"
#include "proxy/http/message.h"
#include "proxy/server/operations.h"

namespace edgehold {

struct AdminRequest {
  Method method = Method::kOther;
  std::string path;  // canonical
  std::string query;
  std::string body;
  std::string caller;  // who the transport says it is: `uid:0 (root)`, `tcp:127.0.0.1:4711`
};

struct AdminAnswer {
  std::uint16_t status = 200;
  std::string_view content_type;  // a literal
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
};

// problem+json (RFC 9457). Operators are trusted: `detail` tells them why.
AdminAnswer adminProblem(Reason reason, std::string_view detail);

class AdminApi {
 public:
  // REQUIRES: both outlive the api.
  AdminApi(Operations& operations, Loop& loop) : operations_(operations), loop_(loop) {}

  // Every request has an answer, errors included; whoever asks bounds the wait.
  Async<AdminAnswer> answer(const AdminRequest& request);

 private:
  AdminAnswer status() const;
  AdminAnswer reload();

  Operations& operations_;
  Loop& loop_;
};

}  // namespace edgehold
