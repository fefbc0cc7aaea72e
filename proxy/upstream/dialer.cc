// SPDX-License-Identifier: Apache-2.0
// Sockets and TLS towards upstreams, behind dialer.h.
// Thread: one loop.
#include "proxy/upstream/dialer.h"

#include <utility>

#include "proxy/net/socket.h"
#include "proxy/net/tcp_transport.h"
#include "proxy/net/tls_transport.h"

namespace edgehold {

Result<std::unique_ptr<Transport>> TcpDialer::dial(const UpstreamSpec& spec,
                                                   const UpstreamAddress& address,
                                                   const Endpoint& endpoint) {
  if (!spec.is_tls) {
    TRY_ASSIGN(Connecting connecting, connectTo(endpoint));
    return std::make_unique<TcpTransport>(loop_, std::move(connecting.fd), endpoint,
                                          connecting.is_under_way);
  }
  TRY_ASSIGN(const auto context, contextFor(spec.tls));
  TRY_ASSIGN(Connecting connecting, connectTo(endpoint));
  const std::string& name = spec.tls.server_name.empty() ? address.host : spec.tls.server_name;
  return std::make_unique<TlsTransport>(loop_, std::move(connecting.fd), endpoint, *context, name,
                                        connecting.is_under_way);
}

Result<std::shared_ptr<const TlsClientContext>> TcpDialer::contextFor(const UpstreamTlsSpec& tls) {
  auto& context = contexts_[{tls.ca_file, tls.verify}];
  if (context == nullptr) {
    TRY_ASSIGN(context, TlsClientContext::make(tls.ca_file, tls.verify));
  }
  return context;
}

}  // namespace edgehold
