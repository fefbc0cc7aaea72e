// SPDX-License-Identifier: Apache-2.0
// For signatures that do not cover the body: whoever saw one could send any body with it. So the
// first body is the only one: a second one under the same signature is refused, while the first may
// come again, as retries do.
// Thread: any (immutable; the memory is Counters').
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"

namespace edgehold {

class SingleUse {
 public:
  // `kept`: for how long a signature is remembered; no shorter than it can be valid.
  SingleUse(std::string channel, Duration kept) : channel_(std::move(channel)), kept_(kept) {}

  // Errors: kSignatureInvalid when `credential` came with another body, kStoreUnavailable when it
  // cannot be remembered. REQUIRES: the body is whole.
  Result<void> bind(std::string_view credential, const Exchange& exchange,
                    Services& services) const;

 private:
  const std::string channel_;
  const Duration kept_;
};

}  // namespace edgehold
