// SPDX-License-Identifier: Apache-2.0
// Where a filter leaves a question to somebody else's service: a login code to its platform, a set
// of keys to whoever publishes it. It goes to an entry of `upstreams:` and no further, so that what
// the edge itself may reach stands in the configuration.
// Thread: one loop (each worker has its own).
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/base/async.h"
#include "proxy/base/clock.h"
#include "proxy/base/limits.h"
#include "proxy/base/result.h"

namespace edgehold {

struct CallRequest {
  std::string upstream;      // its name in `upstreams:`
  std::string target;        // path and query; may hold secrets, so it is never logged
  std::string body;          // empty: GET, else POST
  std::string content_type;  // of the body
  Duration timeout = limits::kCallTimeoutMax;  // of the whole call
  std::size_t answer_bytes_max = limits::kCallAnswerBytesMax;
};

struct CallAnswer {
  std::uint16_t status = 0;
  std::string content_type;
  std::string body;
};

class CallDesk {
 public:
  virtual ~CallDesk() = default;
  // Any whole answer, whatever its status. Errors: kOverloaded and kUpstreamUnreachable (nothing
  // was sent), else what UpstreamRequest says, kUpstreamTimeout, and kUpstreamMalformed for an
  // answer that is too long. Destroying the Async ends the call.
  virtual Async<Result<CallAnswer>> call(CallRequest request) = 0;
};

}  // namespace edgehold
