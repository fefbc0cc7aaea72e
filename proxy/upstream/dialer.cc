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
  TRY_ASSIGN(const auto context, contextFor(spec));
  TRY_ASSIGN(Connecting connecting, connectTo(endpoint));
  const std::string& name = spec.tls.server_name.empty() ? address.host : spec.tls.server_name;
  return std::make_unique<TlsTransport>(loop_, std::move(connecting.fd), endpoint, *context, name,
                                        connecting.is_under_way);
}

Result<std::shared_ptr<const TlsClientContext>> TcpDialer::contextFor(const UpstreamSpec& spec) {
  const auto offer = spec.protocol == UpstreamProtocol::kHttp2 ? TlsClientContext::Offer::kHttp2
                                                               : TlsClientContext::Offer::kHttp1;
  auto& context = contexts_[{spec.tls.ca_file, spec.tls.verify, offer}];
  if (context == nullptr) {
    TRY_ASSIGN(context, TlsClientContext::make(spec.tls.ca_file, spec.tls.verify, offer));
  }
  return context;
}

}  // namespace edgehold
