// SPDX-License-Identifier: Apache-2.0
// One datagram to a Unix socket, behind service_notice.h.
// Thread: main only.
#include "proxy/server/service_notice.h"

#include <cerrno>
#include <cstddef>
#include <cstring>

#include <sys/socket.h>
#include <sys/un.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/net/fd.h"

namespace edgehold {

void noticeService(const std::string& socket, std::string_view state) {
  if (socket.empty()) return;
  sockaddr_un address{};
  address.sun_family = AF_UNIX;
  if (socket.size() >= sizeof address.sun_path) {
    LOG(WARNING) << "NOTIFY_SOCKET is too long";
    return;
  }
  std::memcpy(address.sun_path, socket.data(), socket.size());
  if (socket.front() == '@') address.sun_path[0] = '\0';  // an abstract one
  const auto length = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + socket.size());
  const Fd fd(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const ssize_t sent = ::sendto(fd.get(), state.data(), state.size(), MSG_NOSIGNAL,
                                reinterpret_cast<const sockaddr*>(&address), length);
  if (sent < 0) LOG(WARNING) << "cannot tell the service manager: " << errorText(errno);
}

}  // namespace edgehold
