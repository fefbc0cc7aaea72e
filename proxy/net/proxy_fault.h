// SPDX-License-Identifier: Apache-2.0
// Why a connection that had to begin with a PROXY protocol header was closed.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string_view>

namespace edgehold {

enum class ProxyFault : std::uint8_t {
  kUntrusted,  // the peer may not announce anybody
  kMissing,    // it began with something else, or ended before it began
  kMalformed,  // a header that is wrong in itself
  kTooLarge,
  kLate,   // not whole in time, or begun and cut
  kCount,  // keep last
};

inline constexpr std::size_t kProxyFaultCount = static_cast<std::size_t>(ProxyFault::kCount);

// The label of metrics.
constexpr std::string_view proxyFaultName(ProxyFault fault) {
  constexpr std::array<std::string_view, kProxyFaultCount> kNames = {
      "untrusted", "missing", "malformed", "too_large", "late"};
  return kNames.at(static_cast<std::size_t>(fault));
}

}  // namespace edgehold
