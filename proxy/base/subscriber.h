// SPDX-License-Identifier: Apache-2.0
// Who has an address. What is counted, bounded or charged by address is so by this: of IPv6
// addresses a subscriber has a /64 at the least, and may use another of them each time.
// Thread: any (immutable).
#pragma once

#include <type_traits>

#include "proxy/base/bytes.h"
#include "proxy/base/ip.h"

namespace edgehold {

class Subscriber {
 public:
  constexpr explicit Subscriber(IpAddress address)
      : network_(IpAddress::v6(address.high(), address.isV4() ? address.low() : 0)) {}

  // An IPv4 address itself; of an IPv6 address the first one of its /64.
  constexpr IpAddress network() const { return network_; }
  // Sixteen, for keys; they die with this.
  ByteView bytes() const { return {reinterpret_cast<const char*>(&network_), sizeof network_}; }

 private:
  IpAddress network_;
};
static_assert(std::has_unique_object_representations_v<Subscriber>);
static_assert(sizeof(Subscriber) == 16);

}  // namespace edgehold
