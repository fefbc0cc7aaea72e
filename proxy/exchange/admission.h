// SPDX-License-Identifier: Apache-2.0
// What let a client in, where it does not last for ever: a token that runs out, a session that can
// be ended. A request is over before that matters; a WebSocket must not outlive it.
// Thread: one loop (owned by the exchange).
#pragma once

#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/reason.h"
#include "proxy/exchange/services.h"

namespace edgehold {

class Admission {
 public:
  // Why it is over, then.
  struct End {
    Reason reason = Reason::kCredentialsInvalid;
    std::string_view why;  // a literal
  };

  Admission(WallTime until, End end) : until_(until), end_(end) {}
  Admission(const Admission&) = delete;
  Admission& operator=(const Admission&) = delete;
  virtual ~Admission() = default;

  WallTime until() const { return until_; }
  const End& end() const { return end_; }
  // Taken back before its time. Asked for every message and now and then: it must be cheap.
  virtual bool isWithdrawn(Services& /*services*/) const { return false; }

 private:
  const WallTime until_;
  const End end_;
};

}  // namespace edgehold
