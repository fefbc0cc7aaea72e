// SPDX-License-Identifier: Apache-2.0
// How often an address may fail to prove who it is. What fails is charged to the client's address
// (of IPv6 to its /64), and who has failed too often is not listened to for a while: verifying
// costs more than asking.
// Thread: any (immutable; the memory is Counters').
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "proxy/base/config_reader.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"
#include "proxy/exchange/verdict.h"
#include "proxy/state/counters.h"

namespace edgehold {

class FailureBudget {
 public:
  FailureBudget() = default;  // without end
  // `use` and `name` tell budgets apart; 0 a minute: without end.
  FailureBudget(std::string use, std::string name, std::uint64_t per_minute);
  // From the key `failures_per_minute`.
  static FailureBudget read(ConfigReader& config, std::string use, std::string name,
                            std::uint64_t otherwise);

  // Nothing while the budget lasts. Takes nothing.
  std::optional<Verdict> refuseGuesser(const Exchange& exchange, Services& services) const;
  // One failure. A shadow charges nobody.
  void charge(const Exchange& exchange, Services& services) const;

 private:
  CounterKey keyOf(const Exchange& exchange, const Services& services) const;

  std::string use_;
  std::string name_;
  std::optional<GcraSpec> spec_;
};

}  // namespace edgehold
