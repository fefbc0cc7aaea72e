// SPDX-License-Identifier: Apache-2.0
// accept4(2) behind listener.h.
// Thread: one loop.
#include "proxy/net/listener.h"

#include <cerrno>
#include <utility>

#include <sys/socket.h>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/net/socket.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// One turn takes at most this many, so that connections that are open are served in between.
constexpr int kAcceptsPerTurn = 16;
// How long to leave the queue alone when there are no descriptors: asking again at once would spin.
constexpr auto kPause = 100ms;

// These concern the one connection that was about to be accepted, or nothing at all (accept(2)).
bool isTransient(int error_number) {
  return error_number == ECONNABORTED || error_number == EINTR || error_number == EPROTO ||
         error_number == EPERM || error_number == ENETDOWN || error_number == EHOSTUNREACH;
}

}  // namespace

Listener::Listener(EventLoop& loop, Fd fd, OnAccept on_accept)
    : fd_(std::move(fd)),
      on_accept_(std::move(on_accept)),
      watch_(loop, fd_.get(), *this),
      resume_(loop.makeTimer([this] { watch_.wantRead(true); })) {
  watch_.wantRead(true);
}

// Bounded: others may go on to connect.
void Listener::acceptRest() {
  constexpr int kTurns = 256;
  for (int turn = 0; turn < kTurns && acceptSome(); ++turn) {
  }
}

bool Listener::acceptSome() {
  for (int accepted = 0; accepted < kAcceptsPerTurn; ++accepted) {
    sockaddr_storage address{};
    socklen_t length = sizeof address;
    const int fd = ::accept4(fd_.get(), reinterpret_cast<sockaddr*>(&address), &length,
                             SOCK_NONBLOCK | SOCK_CLOEXEC);
    if (fd < 0) {
      const int error_number = errno;
      if (error_number == EAGAIN) return false;
      if (isTransient(error_number)) continue;
      LogEvery(100, WARNING) << "accept: " << errorText(error_number) << ", pausing";
      pause();
      return false;
    }
    Fd owned(fd);
    const auto peer = Endpoint::fromSockaddr(reinterpret_cast<const sockaddr&>(address));
    if (peer) tuneStream(fd);
    on_accept_(std::move(owned), peer.value_or(Endpoint{}));
  }
  return true;
}

void Listener::pause() {
  watch_.wantRead(false);
  resume_->arm(kPause);
}

}  // namespace edgehold
