// SPDX-License-Identifier: Apache-2.0
// Budgets of failures, behind failure_budget.h.
// Thread: any (immutable).
#include "filters/failure_budget.h"

#include <chrono>
#include <utility>

#include "proxy/base/loop.h"
#include "proxy/base/subscriber.h"

namespace edgehold {

using namespace std::chrono_literals;

FailureBudget::FailureBudget(std::string use, std::string name, std::uint64_t per_minute)
    : use_(std::move(use)), name_(std::move(name)) {
  if (per_minute > 0) spec_ = GcraSpec::per(per_minute, 1min, per_minute);
}

FailureBudget FailureBudget::read(ConfigReader& config, std::string use, std::string name,
                                  std::uint64_t otherwise) {
  const std::uint64_t most = config.number("failures_per_minute", otherwise, 0, 1'000'000);
  return {std::move(use), std::move(name), most};
}

CounterKey FailureBudget::keyOf(const Exchange& exchange, const Services& services) const {
  return services.counters.key({use_, name_, Subscriber(exchange.client.address).bytes()});
}

std::optional<Verdict> FailureBudget::refuseGuesser(const Exchange& exchange,
                                                    Services& services) const {
  if (!spec_) return std::nullopt;
  const RateResult left = services.counters.peekTokens(keyOf(exchange, services), *spec_, 1,
                                                       services.loop.clock().now());
  if (left.is_allowed) return std::nullopt;
  return Verdict::deny(Reason::kRateLimited, "too many failed verifications").byRule("failures");
}

void FailureBudget::charge(const Exchange& exchange, Services& services) const {
  if (!spec_ || exchange.is_shadow) return;
  services.counters.takeTokens(keyOf(exchange, services), *spec_, 1, services.loop.clock().now());
}

}  // namespace edgehold
