// SPDX-License-Identifier: Apache-2.0
// recv(2) and send(2) behind tcp_transport.h.
// Thread: one loop (owned by the connection).
#include "proxy/net/tcp_transport.h"

#include <utility>

#include <sys/socket.h>

#include "proxy/net/socket.h"

namespace edgehold {

TcpTransport::TcpTransport(EventLoop& loop, Fd fd, Endpoint peer, bool is_connecting)
    : fd_(std::move(fd)),
      peer_(peer),
      is_connecting_(is_connecting),
      watch_(loop, fd_.get(), *this) {}

void TcpTransport::start(Transport::Observer& observer) {
  observer_ = &observer;
  if (is_connecting_) {
    watch_.wantWrite(true);
  } else {
    watch_.wantRead(true);
    observer.onTransportOpen();
  }
}

void TcpTransport::onFdReady(bool is_readable, bool) {
  if (is_connecting_) {
    is_connecting_ = false;
    watch_.wantWrite(false);
    const Result<void> connected = connectResult(fd_);
    if (!connected) return observer_->onTransportFailed(connected.error());
    watch_.wantRead(true);
    return observer_->onTransportOpen();
  }
  if (is_readable) return observer_->onTransportReadable();
  observer_->onTransportWritable();
}

IoResult TcpTransport::receive(std::span<char> room) { return receiveFrom(fd_.get(), room); }
IoResult TcpTransport::send(ByteView bytes) { return sendTo(fd_.get(), bytes); }
void TcpTransport::wantRead(bool wanted) { watch_.wantRead(wanted); }
void TcpTransport::wantWrite(bool wanted) { watch_.wantWrite(wanted); }
void TcpTransport::endOutput() { ::shutdown(fd_.get(), SHUT_WR); }
void TcpTransport::breakOff() { resetOnClose(fd_.get()); }

}  // namespace edgehold
