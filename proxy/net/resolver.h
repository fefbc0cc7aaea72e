// SPDX-License-Identifier: Apache-2.0
// Host names to addresses, off the loops: getaddrinfo(3) on one thread, answers remembered for a
// while. Thread: any (synchronised by mutex_); answers arrive on the asking loop.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/ip.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"

namespace edgehold {

class HostResolver {
 public:
  // Asks the system; may take as long as it likes.
  using LookUp = std::function<Result<std::vector<IpAddress>>(const std::string& host)>;

  HostResolver();  // getaddrinfo(3)
  explicit HostResolver(LookUp look_up);
  // A look-up under way is not waited for: nothing bounds how long the system takes for it.
  ~HostResolver();
  HostResolver(const HostResolver&) = delete;
  HostResolver& operator=(const HostResolver&) = delete;

  // The addresses of `host`, never empty. An address literal is answered without a look-up.
  Async<Result<std::vector<IpAddress>>> resolve(const std::string& host, Loop& loop);
  // No answer arrives from here on. The asking loops have ended, and may go then.
  void stop();

 private:
  struct State;

  static void run(State& state);

  const std::shared_ptr<State> state_;  // the thread's as well: it may live longer
  std::thread thread_;
};

}  // namespace edgehold
