// SPDX-License-Identifier: Apache-2.0
// What a proxy says first on a connection that it relays: who connected to it (the PROXY protocol,
// versions 1 and 2, proxy-protocol.txt of HAProxy). Sans-IO, and stricter than the document.
// Thread: one loop (owned by the intake).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/ip.h"
#include "proxy/net/proxy_fault.h"

namespace edgehold {

// Who is behind the proxy.
struct ProxySource {
  enum class Kind : std::uint8_t {
    kClient,   // `client` connected to the proxy
    kOwn,      // nobody: the proxy asks for itself (LOCAL), a health check
    kUnknown,  // somebody of whom the proxy cannot or will not say who (v1 UNKNOWN)
  };
  Kind kind = Kind::kOwn;
  Endpoint client;
};

class ProxyHeaderReader {
 public:
  // Takes the part of `bytes` that belongs to the header and says how much that was; what follows
  // a header is never taken. REQUIRES: isReading().
  std::size_t receive(ByteView bytes);
  // REQUIRES, of both: isReading(). The peer ended.
  void cut();
  // The time was up.
  void expire();

  bool isReading() const { return !source_ && !fault_; }
  // Exactly one of the two once it does not read any more.
  const std::optional<ProxySource>& source() const { return source_; }
  const std::optional<ProxyFault>& fault() const { return fault_; }

 private:
  // How many bytes surely belong to the header still; 0 for a line whose end is to be found.
  std::size_t missing() const;
  void judge();
  void fail(ProxyFault fault) { fault_ = fault; }

  std::string header_;  // at most limits::kProxyHeaderBytesMax
  std::optional<ProxySource> source_;
  std::optional<ProxyFault> fault_;
};

}  // namespace edgehold
