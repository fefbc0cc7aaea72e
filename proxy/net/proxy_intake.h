// SPDX-License-Identifier: Apache-2.0
// A connection of which only a PROXY protocol header is read yet, byte for byte: what follows it
// stays with the kernel, for TLS or HTTP. Thread: one loop.
#pragma once

#include <memory>
#include <optional>

#include "proxy/base/clock.h"
#include "proxy/base/graveyard.h"
#include "proxy/base/ip.h"
#include "proxy/net/event_loop.h"
#include "proxy/net/fd.h"
#include "proxy/net/proxy_header.h"

namespace edgehold {

class ProxyIntake final : public Mortal, private FdWatch::Observer {
 public:
  // One of the two, once. Neither may destroy the intake: bury it.
  class Observer {
   public:
    virtual ~Observer() = default;
    virtual void onProxyHeader(ProxyIntake& intake, const ProxySource& source) = 0;
    virtual void onProxyFault(ProxyIntake& intake, ProxyFault fault) = 0;
  };

  // REQUIRES: loop and observer outlive the intake.
  ProxyIntake(EventLoop& loop, Fd fd, Observer& observer);

  // The header must be whole within `time`.
  void start(Duration time);
  // The connection, once its header is known.
  Fd takeFd() { return std::move(fd_); }

 private:
  void onFdReady(bool is_readable, bool is_writable) override;
  void finish();

  Fd fd_;
  Observer& observer_;
  ProxyHeaderReader reader_;
  std::optional<FdWatch> watch_;  // until the header is known
  std::unique_ptr<Timer> deadline_;
};

}  // namespace edgehold
