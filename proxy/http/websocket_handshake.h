// SPDX-License-Identifier: Apache-2.0
// The rules of a WebSocket's opening handshake over heads that are parsed already: RFC 6455 4.1,
// 4.2, 9.1 (an upgrade of HTTP/1.1) and RFC 8441 5 (an extended CONNECT of HTTP/2).
// Thread: any (immutable).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace edgehold {

// What a client asks for. Views belong to its head.
struct WebSocketOffer {
  std::string_view key;                        // empty in an extended CONNECT
  std::vector<std::string_view> subprotocols;  // in the client's order of preference
  std::vector<std::string_view> extensions;    // their names, without parameters
};

// The request is to be an upgrade to WebSocket, well-formed or not.
bool asksForWebSocket(const RequestHead& head);

// Fails with kUpgradeRefused when a rule is broken: GET of HTTP/1.1 without content, Connection and
// Upgrade that say so and nothing else, one version that is 13, one key that is 16 octets in
// canonical base64, lists of subprotocols and extensions that are well-formed and short.
Result<WebSocketOffer> readWebSocketUpgrade(const RequestHead& head);

// The same of an extended CONNECT whose `:protocol` is `protocol`. A key is not looked at: this
// form has none (RFC 8441 5.1).
Result<WebSocketOffer> readWebSocketConnect(const RequestHead& head, std::string_view protocol);

// What Sec-WebSocket-Accept is the base64 of the SHA-1 of (RFC 6455 4.2.2).
std::string webSocketAcceptText(std::string_view key);

// Fails with kUpstreamMalformed unless the answer opens what `offer` asked for: 101, Connection and
// Upgrade that say so, the one `accept` that follows from the key, no extension and no subprotocol
// that was not offered.
Result<void> checkWebSocketAnswer(const ResponseHead& head, const WebSocketOffer& offer,
                                  std::string_view accept);

}  // namespace edgehold
