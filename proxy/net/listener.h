// SPDX-License-Identifier: Apache-2.0
// Accepts connections on one listening socket. Out of descriptors, it pauses and comes back by
// itself. Thread: one loop.
#pragma once

#include <functional>
#include <memory>

#include "proxy/base/ip.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/fd.h"

namespace edgehold {

class Listener final : private FdWatch::Observer {
 public:
  // `peer` is `[::]:0` for a Unix socket. May destroy the listener only in a later turn.
  using OnAccept = std::function<void(Fd, const Endpoint& peer)>;

  Listener(EventLoop& loop, Fd fd, OnAccept on_accept);
  ~Listener() override = default;

 private:
  void onFdReady(bool is_readable, bool is_writable) override;
  void pause();

  Fd fd_;
  OnAccept on_accept_;
  FdWatch watch_;
  std::unique_ptr<Timer> resume_;
};

}  // namespace edgehold
