// SPDX-License-Identifier: Apache-2.0
// The upstream's half of a WebSocket's opening: the answer to the key of RFC 6455 1.3.
// Thread: any (immutable).
#pragma once

#include <string_view>

namespace edgehold {

inline constexpr std::string_view kSwitch =
    "HTTP/1.1 101 Switching Protocols\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Accept: s3pPLMBiTxaQ9kYGzzhZRbK+xOo=\r\n\r\n";

}  // namespace edgehold
