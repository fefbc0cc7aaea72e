// SPDX-License-Identifier: Apache-2.0
// For signatures that do not cover the body: whoever saw one could send any body with it. So the
// first body is the only one: a second one under the same signature is refused, while the first may
// come again, as retries do.
// Thread: any (immutable; the memory is Counters').
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"

namespace edgehold {

class SingleUse {
 public:
  // `dialect`: what credentials of which are compared with each other; in whichever channel and
  // route, as one secret may stand in several. `kept`: for how long a signature is remembered; no
  // shorter than it can be valid.
  SingleUse(std::string dialect, Duration kept) : dialect_(std::move(dialect)), kept_(kept) {}

  enum class Bound : std::uint8_t {
    kYes,
    kAskAgain,  // another worker is at it in this moment: which body is the first is not known yet
  };
  // For so long, should that worker die.
  static constexpr Duration kInFlight = std::chrono::seconds(1);

  // Errors: kSignatureInvalid when `credential` came with another body, kStoreUnavailable when it
  // cannot be remembered. REQUIRES: the body is whole.
  Result<Bound> bind(std::string_view credential, const Exchange& exchange,
                     Services& services) const;

 private:
  const std::string dialect_;
  const Duration kept_;
};

}  // namespace edgehold
