// SPDX-License-Identifier: Apache-2.0
// Process signals as calls on a loop.
// Thread: one loop (main's; threads started after it inherit the mask that keeps signals here).
#pragma once

#include <functional>
#include <vector>

#include "proxy/net/event_loop.h"
#include "proxy/net/fd.h"

namespace edgehold {

class Signals final : private FdWatch::Observer {
 public:
  using OnSignal = std::function<void(int number)>;

  // Blocks `numbers` for this thread and those it starts later, and reports them to `on_signal`.
  // REQUIRES: no other thread that could take them is running yet.
  Signals(EventLoop& loop, const std::vector<int>& numbers, OnSignal on_signal);

 private:
  void onFdReady(bool is_readable, bool is_writable) override;

  OnSignal on_signal_;
  Fd fd_;
  FdWatch watch_;
};

}  // namespace edgehold
