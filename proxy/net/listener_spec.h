// SPDX-License-Identifier: Apache-2.0
// A client listener as configured. Start-only: a reload cannot change where we listen, but it does
// replace certificates.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/ip.h"
#include "proxy/base/limits.h"

namespace edgehold {

struct CertificateSpec {
  std::string certificate_file;  // PEM, leaf first, chain after it
  std::string key_file;          // PEM
  std::string ocsp_file = {};    // DER, to staple; empty: none
};

struct TicketSpec {
  bool is_enabled = true;
  std::string keys_file;  // 80 bytes each, the first seals; empty: own ones
  std::chrono::nanoseconds rotation = limits::kTicketRotationDefault;  // of own ones
  bool operator==(const TicketSpec&) const = default;
};

struct TlsSpec {
  // Chosen by SNI among the names of each leaf (exact, then wildcard); the first serves the rest.
  std::vector<CertificateSpec> certificates;
  bool allows_tls12 = true;
  bool offers_http2 = true;  // by ALPN, before HTTP/1.1
  TicketSpec tickets = {};
  // Whose certificates of clients are believed (PEM); empty: none are asked for.
  std::string client_ca_file = {};
  bool requires_client_certificate = false;
  std::string hsts = {};  // the value of Strict-Transport-Security (RFC 6797); empty: not sent
};

struct ListenerSpec {
  std::string name;
  Endpoint address;  // port 0: the kernel chooses (tests)
  // Who must announce the client of each connection (PROXY protocol); others are turned away.
  // Nothing: connections begin with TLS or HTTP.
  std::optional<CidrSet> announcers;
  bool is_tls = true;
  bool takes_http2 = false;  // in clear text, from clients that know beforehand (RFC 9113 3.3)
  TlsSpec tls;
  int backlog = 4096;
};

}  // namespace edgehold
