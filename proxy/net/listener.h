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

  // Accepts what has connected already, before the end of the listener would reset it.
  void acceptRest();

 private:
  void onFdReady(bool, bool) override { acceptSome(); }
  // A turn's worth; true when there may be more.
  bool acceptSome();
  void pause();

  Fd fd_;
  OnAccept on_accept_;
  FdWatch watch_;
  std::unique_ptr<Timer> resume_;
};

}  // namespace edgehold
