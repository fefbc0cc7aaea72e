// SPDX-License-Identifier: Apache-2.0
// The compiled policy: what a configuration became once it was read, checked and built whole.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/limits.h"
#include "proxy/exchange/route.h"
#include "proxy/net/listener_spec.h"
#include "proxy/observe/audit_spec.h"
#include "proxy/policy/outline.h"
#include "proxy/policy/router.h"
#include "proxy/policy/secret_state.h"
#include "proxy/upstream/upstream_spec.h"

namespace edgehold {

struct AdminSpec {
  std::string socket_path;          // Unix socket; empty: none
  std::optional<Endpoint> address;  // TCP; loopback unless deny_public_admin is false
  bool is_public_allowed = false;   // deny_public_admin is false
};

// Fixed at start; a reload that would change one of these is refused whole and names it.
struct ServerSpec {
  std::vector<ListenerSpec> listeners;  // addresses are start-only, certificates are not
  AdminSpec admin;
  std::size_t workers = 0;  // 0: one per core
  std::string user;         // to become after binding; empty: stay
  std::string state_directory;
  bool is_state_synced = false;  // `state.durability: disk`: event ids survive a power failure too
};

struct TimeoutSpec {
  std::chrono::nanoseconds handshake = limits::kHandshakeTimeout;
  std::chrono::nanoseconds head = limits::kHeadTimeout;
  std::chrono::nanoseconds idle = limits::kIdleTimeout;
  std::chrono::nanoseconds write = limits::kWriteTimeout;
  // Between not ready and the end of the doors, so that load balancers see the first in time.
  std::chrono::nanoseconds drain_delay{0};
  std::chrono::nanoseconds drain = limits::kDrainTimeout;
};

// `limits:` of the whole process, shared by all workers.
struct LimitSpec {
  std::size_t connections = 0;  // 0: the default, as far as the descriptors go
  std::size_t connections_per_address = limits::kConnectionsPerAddressDefault;
  std::size_t handshakes = limits::kHandshakesDefault;  // TLS, under way
  std::size_t handshakes_per_address = limits::kHandshakesPerAddressDefault;
  std::size_t exchanges = limits::kExchangesDefault;
  std::size_t buffered_bytes = limits::kBufferedBytesDefault;
  std::size_t client_rate = limits::kClientRateDefault;  // bytes in a second; 0: any
};

// `reload:`. SIGHUP and the admin socket work in any case.
struct ReloadSpec {
  bool is_watched = false;  // a changed file is loaded by itself
};

// `security:` as the operator wrote it, after its defaults.
struct SecuritySpec {
  int secret_rotate_days = 30;
  bool deny_public_admin = true;
  std::vector<std::string> require_approval_for;
};

class PolicySnapshot {
 public:
  struct Parts {
    std::string version;  // content hash of the effective policy, hexadecimal
    ServerSpec server;
    TimeoutSpec timeouts;
    LimitSpec limits;
    ReloadSpec reload;
    SecuritySpec security;
    AuditSpec audit;
    CidrSet trusted_proxies;
    std::vector<UpstreamSpec> upstreams;
    std::vector<std::unique_ptr<const Route>> routes;
    std::size_t counter_entries = limits::kCounterEntriesDefault;
    PolicyOutline outline;              // what each route's filters demand, for comparisons
    std::vector<SecretState> secrets;   // what filters refer to
    std::vector<std::string> warnings;  // unresolved secrets and the like: live, but to be told
  };
  explicit PolicySnapshot(Parts parts);

  const std::string& version() const { return parts_.version; }
  const ServerSpec& server() const { return parts_.server; }
  const TimeoutSpec& timeouts() const { return parts_.timeouts; }
  const LimitSpec& limits() const { return parts_.limits; }
  const ReloadSpec& reload() const { return parts_.reload; }
  const SecuritySpec& security() const { return parts_.security; }
  const AuditSpec& audit() const { return parts_.audit; }
  const CidrSet& trustedProxies() const { return parts_.trusted_proxies; }
  const std::vector<UpstreamSpec>& upstreams() const { return parts_.upstreams; }
  const std::vector<std::unique_ptr<const Route>>& routes() const { return parts_.routes; }
  // Some route has `websocket:`.
  bool opensWebSockets() const { return opens_websockets_; }
  std::size_t counterEntries() const { return parts_.counter_entries; }
  const PolicyOutline& outline() const { return parts_.outline; }
  const std::vector<SecretState>& secrets() const { return parts_.secrets; }
  const std::vector<std::string>& warnings() const { return parts_.warnings; }

  // The route for a request, most specific first; null when none matches.
  const Route* match(std::string_view authority, std::string_view path) const {
    return router_.match(authority, path);
  }

 private:
  Parts parts_;
  Router router_;
  bool opens_websockets_ = false;
};

}  // namespace edgehold
