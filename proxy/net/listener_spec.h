// SPDX-License-Identifier: Apache-2.0
// A client listener as configured. Start-only: a reload cannot change where we listen, but it does
// replace certificates.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/ip.h"

namespace edgehold {

struct CertificateSpec {
  std::string certificate_file;  // PEM, leaf first, chain after it
  std::string key_file;          // PEM
};

struct TlsSpec {
  // Chosen by SNI among the names of each leaf (exact, then wildcard); the first serves the rest.
  std::vector<CertificateSpec> certificates;
  bool allows_tls12 = true;
  bool offers_http2 = false;  // by ALPN, before HTTP/1.1
};

struct ListenerSpec {
  std::string name;
  Endpoint address;  // port 0: the kernel chooses (tests)
  // Who must announce the client of each connection (PROXY protocol); others are turned away.
  // Nothing: connections begin with TLS or HTTP.
  std::optional<CidrSet> announcers;
  bool is_tls = true;
  TlsSpec tls;
  int backlog = 4096;
};

}  // namespace edgehold
