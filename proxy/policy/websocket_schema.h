// SPDX-License-Identifier: Apache-2.0
// `websocket:` of a route.
// Thread: main only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/base/config_reader.h"
#include "proxy/exchange/route.h"
#include "proxy/exchange/websocket_spec.h"

namespace edgehold {

// Nothing when the route has none: then it opens no WebSocket.
std::optional<WebSocketSpec> readWebSocket(ConfigReader& route);

// What the filters of a route that opens WebSockets make of them, and hardly was meant.
void warnOfWebSocket(const Route& route, std::vector<std::string>& warnings);

}  // namespace edgehold
