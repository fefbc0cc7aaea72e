// SPDX-License-Identifier: Apache-2.0
// Where a filter leaves an exchange that must wait for a person. delivery/ keeps it and releases
// it. Thread: any (the implementation says how it is synchronised); answers on the given loop.
#pragma once

#include <chrono>
#include <string>
#include <string_view>

#include "proxy/base/async.h"
#include "proxy/base/clock.h"
#include "proxy/base/loop.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

struct HoldTerms {
  std::chrono::seconds ttl{};  // silence is no: past it the hold is expired
  std::string_view rule;       // what asked for it
  std::string_view reason;     // why, for the approver
};

struct HoldTicket {
  std::string approval_id;   // what approvers name it by; not a secret
  std::string status_token;  // 128 random bits: who has it may read what became of the request
  WallTime expires;
};

class HoldDesk {
 public:
  virtual ~HoldDesk() = default;
  // Keeps the exact request (head, body, facts), bound to a digest of its bytes, principal, route
  // and policy version. The ticket comes when it is durable, never before. kStoreUnavailable or
  // kOverloaded when it cannot be kept. REQUIRES: exchange.is_body_complete or the request has no
  // body.
  virtual Async<Result<HoldTicket>> hold(const Exchange& exchange, const HoldTerms& terms,
                                         Loop& loop, Random& random) = 0;
};

}  // namespace edgehold
