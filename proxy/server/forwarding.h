// SPDX-License-Identifier: Apache-2.0
// What a message must lose and gain when it crosses the edge: hop-by-hop fields, forwarding fields,
// identity that only edgehold may assert.
// Thread: one loop.
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/ip.h"
#include "proxy/base/random.h"
#include "proxy/exchange/exchange.h"
#include "proxy/http/message.h"
#include "proxy/upstream/upstream_spec.h"

namespace edgehold {

// The client behind trusted proxies: the right-most address of X-Forwarded-For that is not one of
// them. Without a trusted peer, the peer itself. Nothing when a trusted proxy names somebody in
// words that are no address: it must not pass for the proxy.
std::optional<IpAddress> clientAddress(const Headers& headers, const Endpoint& peer,
                                       const CidrSet& trusted);

// What a trusted peer sent as X-Request-Id, if it is one (printable, bounded); else nothing.
std::string_view requestIdFrom(const Exchange& exchange);

// Turns exchange.request into what goes upstream: hop-by-hop, `Forwarded`, `X-Forwarded-*`,
// identity and `x-openclaw-*` fields from the client are gone, ours are there. The body's bytes are
// untouched.
void prepareForUpstream(Exchange& exchange, const UpstreamSpec& upstream, Random& random);

// RFC 6797 7: the listener's Strict-Transport-Security replaces another one; in clear text there is
// none.
void setTransportSecurity(const Exchange& exchange, Headers& headers);

// Strips hop-by-hop fields and edgehold's own from an upstream's answer and names the request in
// it.
void prepareForClient(const Exchange& exchange, ResponseHead& head);

}  // namespace edgehold
