// SPDX-License-Identifier: Apache-2.0
// What a service manager is told (sd_notify(3)): that we serve, and which process is the main one.
// Thread: main only.
#pragma once

#include <string>
#include <string_view>

namespace edgehold {

// `socket`: as in NOTIFY_SOCKET; empty: nobody listens. What cannot be told is logged.
void noticeService(const std::string& socket, std::string_view state);

}  // namespace edgehold
