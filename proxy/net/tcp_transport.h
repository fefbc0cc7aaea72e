// SPDX-License-Identifier: Apache-2.0
// A TCP socket in clear text.
// Thread: one loop (owned by the connection).
#pragma once

#include "proxy/net/event_loop.h"
#include "proxy/net/fd.h"
#include "proxy/net/transport.h"

namespace edgehold {

class TcpTransport final : public Transport, private FdWatch::Observer {
 public:
  // `is_connecting`: connect(2) is still under way. REQUIRES: fd is non-blocking.
  TcpTransport(EventLoop& loop, Fd fd, Endpoint peer, bool is_connecting);

  void start(Transport::Observer& observer) override;
  IoResult receive(std::span<char> room) override;
  IoResult send(ByteView bytes) override;
  void wantRead(bool wanted) override;
  void wantWrite(bool wanted) override;
  void endOutput() override;
  void breakOff() override;
  const Endpoint& peer() const override { return peer_; }

 private:
  void onFdReady(bool is_readable, bool is_writable) override;

  Fd fd_;
  Endpoint peer_;
  bool is_connecting_;
  Transport::Observer* observer_ = nullptr;
  FdWatch watch_;  // after fd_: it must go first
};

}  // namespace edgehold
