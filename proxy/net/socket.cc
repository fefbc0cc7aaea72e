// SPDX-License-Identifier: Apache-2.0
// The socket calls behind socket.h.
// Thread: any (stateless).
#include "proxy/net/socket.h"

#include <cerrno>
#include <system_error>
#include <utility>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

Fd makeSocket(const Endpoint& address) {
  const int family = address.ip.isV4() ? AF_INET : AF_INET6;
  return Fd(::socket(family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0));
}

Error systemError(std::string_view call, const Endpoint& address) {
  const int error_number = errno;
  return failure(std::string(call) + " `" + address.toString() + "`: " + errorText(error_number));
}

IoResult fromCount(ssize_t count) {
  if (count > 0) return {IoResult::Kind::kBytes, static_cast<std::size_t>(count)};
  if (count == 0) return {IoResult::Kind::kEnd, 0};
  const bool is_blocked = errno == EAGAIN || errno == EINTR;
  return {is_blocked ? IoResult::Kind::kBlocked : IoResult::Kind::kFailed, 0};
}

Result<Fd> listenWith(const Endpoint& address, int backlog, bool is_shared) {
  Fd fd = makeSocket(address);
  if (!fd.isOpen()) return fail(systemError("cannot make a socket for", address));
  const int one = 1;
  const int shared = is_shared ? 1 : 0;
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
  ::setsockopt(fd.get(), SOL_SOCKET, SO_REUSEPORT, &shared, sizeof shared);
  sockaddr_storage storage{};
  const auto length = static_cast<socklen_t>(address.toSockaddr(storage));
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length) != 0) {
    return fail(systemError("cannot listen on", address));
  }
  if (::listen(fd.get(), backlog) != 0) return fail(systemError("cannot listen on", address));
  return fd;
}

}  // namespace

Result<Fd> listenOn(const Endpoint& address, int backlog) {
  return listenWith(address, backlog, /*is_shared=*/true);
}

Result<Fd> listenAloneOn(const Endpoint& address, int backlog) {
  return listenWith(address, backlog, /*is_shared=*/false);
}

Endpoint localEndpoint(const Fd& fd) {
  sockaddr_storage storage{};
  socklen_t length = sizeof storage;
  if (::getsockname(fd.get(), reinterpret_cast<sockaddr*>(&storage), &length) != 0) return {};
  return Endpoint::fromSockaddr(reinterpret_cast<const sockaddr&>(storage)).value_or(Endpoint{});
}

Fd duplicate(const Fd& fd) { return Fd(::fcntl(fd.get(), F_DUPFD_CLOEXEC, 0)); }

void tuneStream(int fd) {
  const int one = 1;
  ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
  const auto unsent = static_cast<int>(limits::kUnsentBytesMax);
  ::setsockopt(fd, IPPROTO_TCP, TCP_NOTSENT_LOWAT, &unsent, sizeof unsent);
}

Result<Connecting> connectTo(const Endpoint& address) {
  Fd fd = makeSocket(address);
  if (!fd.isOpen()) {
    // It is this machine that has no room for one more, not the upstream that is away.
    const bool is_short = errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM;
    return fail(is_short ? Reason::kOverloaded : Reason::kUpstreamUnreachable,
                systemError("cannot connect to", address).message);
  }
  tuneStream(fd.get());
  sockaddr_storage storage{};
  const auto length = static_cast<socklen_t>(address.toSockaddr(storage));
  const int result = ::connect(fd.get(), reinterpret_cast<const sockaddr*>(&storage), length);
  if (result != 0 && errno != EINPROGRESS) {
    return fail(Reason::kUpstreamUnreachable, systemError("cannot connect to", address).message);
  }
  return Connecting{std::move(fd), result != 0};
}

Result<void> connectResult(const Fd& fd) {
  int error_number = 0;
  socklen_t length = sizeof error_number;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_ERROR, &error_number, &length) != 0) {
    error_number = errno;
  }
  if (error_number == 0) return {};
  return fail(Reason::kUpstreamUnreachable, "cannot connect: " + errorText(error_number));
}

IoResult receiveFrom(int fd, std::span<char> room) {
  return fromCount(::recv(fd, room.data(), room.size(), 0));
}

IoResult peekFrom(int fd, std::span<char> room) {
  return fromCount(::recv(fd, room.data(), room.size(), MSG_PEEK));
}

IoResult sendTo(int fd, ByteView bytes) {
  return fromCount(::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL));
}

void resetOnClose(int fd) {
  const linger now{.l_onoff = 1, .l_linger = 0};
  ::setsockopt(fd, SOL_SOCKET, SO_LINGER, &now, sizeof now);
}

}  // namespace edgehold
