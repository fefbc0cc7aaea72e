// SPDX-License-Identifier: Apache-2.0
// What a chat platform's callback dialect is: who signed it, what it says, how the platform wants
// to be answered. One file per platform implements it (channels/README.md says how); filters/
// channel.cc drives it and is the only one who does.
// Thread: any (immutable).
#pragma once

#include <memory>
#include <optional>
#include <string_view>
#include <utility>

#include "proxy/base/config_reader.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/exchange/services.h"
#include "proxy/exchange/verdict.h"

namespace edgehold {

// What a verified callback is.
struct Received {
  // Facts of an event; views live in the exchange. principal and channel are set by the driver.
  Facts facts;
  // Set for a handshake of the platform's set-up, which the edge answers itself: nothing is
  // forwarded, and facts are not looked at.
  std::optional<Reply> handshake;
};

class Channel : public Acknowledger {
 public:
  // What can be refused before a byte of the body is read: missing fields, wrong forms, no live
  // secret (kSecretUnavailable). Cheap: no cryptography.
  virtual Result<void> checkHead(const Exchange& exchange) const = 0;

  // Verifies the raw bytes, with every live secret in constant time, and only then parses them.
  // Errors: kSignatureMissing, kSignatureInvalid, kTimestampMissing, kJsonInvalid, kEventMissing.
  // Freshness and duplicates are other filters' business. REQUIRES: the body is whole.
  virtual Result<Received> receive(Exchange& exchange, Services& services) const = 0;

  // How the platform is refused. Most need nothing special.
  virtual Verdict refuse(Error error) const {
    return Verdict::deny(error.reason, std::move(error.message));
  }
  // How it is told that an event was accepted (a duplicate; accepted now, delivered later).
  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return std::nullopt;
  }
};

// A dialect: what operators write in `dialect:`, and how it is made. The maker reads its own keys
// and leaves finish() to the filter; mistakes go to config, it may then return null.
struct ChannelDialect {
  std::string_view name;
  std::unique_ptr<const Channel> (*make)(ConfigReader& config, const FilterBuild& build);
};

// Every dialect there is; each is defined in the file of its name.
ChannelDialect hmacDialect();

}  // namespace edgehold
