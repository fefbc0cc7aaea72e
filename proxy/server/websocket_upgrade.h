// SPDX-License-Identifier: Apache-2.0
// The opening handshake of one exchange that asks for a WebSocket: what the client offers, what
// goes upstream, what may come back, and what the client is told (RFC 6455 4, RFC 8441 5).
// Thread: one loop (owned by the exchange driver).
#pragma once

#include <optional>
#include <string>

#include "proxy/base/random.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/verdict.h"
#include "proxy/exchange/websocket_spec.h"
#include "proxy/http/websocket_handshake.h"

namespace edgehold {

class WebSocketUpgrade {
 public:
  // Before hop-by-hop fields are gone. An extended CONNECT becomes the GET that it stands for, so
  // that every rule which names GET holds for both. REQUIRES: the request wants_upgrade and is
  // kept in the exchange's arena.
  explicit WebSocketUpgrade(Exchange& exchange);

  // What there is to say against it on a route that opens WebSockets.
  std::optional<Verdict> refusal() const;

  // Adds to the request what belongs to this hop alone. After prepareForUpstream().
  void prepare(Exchange& exchange, const WebSocketSpec& spec, Random& random);

  // Is this 101 the answer to what prepare() asked?
  Result<void> check(const ResponseHead& head) const;

  // Turns the upstream's 101, without its hop-by-hop fields, into what the client gets.
  void answer(ResponseHead& head) const;

 private:
  Result<WebSocketOffer> offer_;
  bool is_extended_connect_ = false;
  bool is_version_wrong_ = false;
  std::string accept_;
};

}  // namespace edgehold
