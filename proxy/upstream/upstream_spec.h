// SPDX-License-Identifier: Apache-2.0
// An upstream as configured: its endpoints, how to speak to them and how long to wait.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <string>
#include <vector>

#include "proxy/base/limits.h"

namespace edgehold {

struct UpstreamAddress {
  std::string host;  // name or address literal, without brackets
  std::uint16_t port = 0;

  bool operator==(const UpstreamAddress&) const = default;
};

struct UpstreamTlsSpec {
  std::string ca_file;      // PEM; empty: the system's certificate store
  std::string server_name;  // SNI and the name verified; empty: the address's host
  bool verify = true;  // false is refused by the loader unless `insecure_skip_verify` is written

  bool operator==(const UpstreamTlsSpec&) const = default;
};

// Chosen, not found out: an upstream that does not speak it fails.
enum class UpstreamProtocol : std::uint8_t { kHttp1, kHttp2 };

struct UpstreamSpec {
  std::string name;
  std::vector<UpstreamAddress> addresses;  // tried round-robin
  bool is_tls = false;
  UpstreamTlsSpec tls;
  UpstreamProtocol protocol = UpstreamProtocol::kHttp1;
  std::string host;                        // what goes out as Host; empty: the client's own
  std::size_t idle_connections_max = 256;  // kept warm, per worker
  std::size_t connections_max = limits::kUpstreamConnectionsDefault;  // in all, of all workers
  std::chrono::nanoseconds connect_timeout = limits::kConnectTimeout;
  std::chrono::nanoseconds idle_timeout = limits::kUpstreamIdleTimeout;

  bool operator==(const UpstreamSpec&) const = default;
};

}  // namespace edgehold
