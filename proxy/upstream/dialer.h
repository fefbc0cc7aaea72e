// SPDX-License-Identifier: Apache-2.0
// The real dialer: TCP or verified TLS to an upstream.
// Thread: one loop.
#pragma once

#include <map>
#include <memory>
#include <string>
#include <tuple>
#include <vector>

#include "proxy/net/event_loop.h"
#include "proxy/net/resolver.h"
#include "proxy/net/tls_context.h"
#include "proxy/upstream/upstream_pool.h"

namespace edgehold {

class TcpDialer final : public Dialer {
 public:
  TcpDialer(EventLoop& loop, HostResolver& resolver) : loop_(loop), resolver_(resolver) {}

  Result<std::unique_ptr<Transport>> dial(const UpstreamSpec& spec, const UpstreamAddress& address,
                                          const Endpoint& endpoint) override;
  Async<Result<std::vector<IpAddress>>> resolve(const std::string& host) override {
    return resolver_.resolve(host, loop_);
  }
  // New connections read their CA files again (after a reload).
  void forgetTrust() { contexts_.clear(); }

 private:
  Result<std::shared_ptr<const TlsClientContext>> contextFor(const UpstreamSpec& spec);

  EventLoop& loop_;
  HostResolver& resolver_;
  using Key = std::tuple<std::string, bool, TlsClientContext::Offer>;  // CA file, verify
  std::map<Key, std::shared_ptr<const TlsClientContext>> contexts_;
};

}  // namespace edgehold
