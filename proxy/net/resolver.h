// SPDX-License-Identifier: Apache-2.0
// Host names to addresses, off the loops: getaddrinfo(3) on one thread, answers remembered for a
// while. Thread: any (synchronised by mutex_); answers arrive on the asking loop.
#pragma once

#include <condition_variable>
#include <deque>
#include <functional>
#include <map>
#include <mutex>
#include <string>
#include <thread>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/clock.h"
#include "proxy/base/ip.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"

namespace edgehold {

class HostResolver {
 public:
  HostResolver();
  ~HostResolver();
  HostResolver(const HostResolver&) = delete;
  HostResolver& operator=(const HostResolver&) = delete;

  // The addresses of `host`, never empty. An address literal is answered without a look-up.
  Async<Result<std::vector<IpAddress>>> resolve(const std::string& host, Loop& loop);

 private:
  struct Request {
    std::string host;
    Loop* loop;
    Resolver<Result<std::vector<IpAddress>>> resolver;
  };
  struct Remembered {
    std::vector<IpAddress> addresses;
    Instant until;
  };

  void run();
  Result<std::vector<IpAddress>> lookUp(const std::string& host);

  std::mutex mutex_;
  std::condition_variable wake_;
  std::deque<Request> requests_;                  // guarded by mutex_
  std::map<std::string, Remembered> remembered_;  // guarded by mutex_
  bool is_stopping_ = false;                      // guarded by mutex_
  std::thread thread_;
};

}  // namespace edgehold
