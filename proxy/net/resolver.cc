// SPDX-License-Identifier: Apache-2.0
// getaddrinfo(3) on its own thread, behind resolver.h.
// Thread: any (synchronised by mutex_).
#include "proxy/net/resolver.h"

#include <algorithm>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

namespace edgehold {
namespace {

using namespace std::chrono_literals;

using Addresses = Result<std::vector<IpAddress>>;

// The system's resolver hides the records' lifetimes; this is short enough to follow a move.
constexpr auto kRememberedFor = 30s;
// Names come from the configuration, so this is never reached; it bounds the queue all the same.
constexpr std::size_t kRequestsMax = 1024;

}  // namespace

HostResolver::HostResolver() : thread_([this] { run(); }) {}

HostResolver::~HostResolver() {
  {
    const std::lock_guard lock(mutex_);
    is_stopping_ = true;
  }
  wake_.notify_one();
  thread_.join();
}

Async<Addresses> HostResolver::resolve(const std::string& host, Loop& loop) {
  auto [async, resolver] = Async<Addresses>::make();
  if (const auto literal = IpAddress::parse(host)) {
    resolver.resolve(std::vector<IpAddress>{*literal});
    return std::move(async);
  }
  const std::lock_guard lock(mutex_);
  const auto known = remembered_.find(host);
  if (known != remembered_.end() && known->second.until > SystemClock().now()) {
    resolver.resolve(known->second.addresses);
  } else if (requests_.size() >= kRequestsMax) {
    resolver.resolve(fail(Reason::kUpstreamUnreachable, "too many host look-ups are waiting"));
  } else {
    requests_.push_back({host, &loop, resolver});
    wake_.notify_one();
  }
  return std::move(async);
}

void HostResolver::run() {
  for (;;) {
    std::unique_lock lock(mutex_);
    wake_.wait(lock, [this] { return is_stopping_ || !requests_.empty(); });
    if (is_stopping_) return;
    Request request = std::move(requests_.front());
    requests_.pop_front();
    lock.unlock();
    Addresses addresses = lookUp(request.host);
    Loop& loop = *request.loop;
    // The resolver is handed over whole: its reference count belongs to the asking loop.
    loop.post([resolver = std::move(request.resolver), addresses = std::move(addresses)] {
      resolver.resolve(addresses);
    });
  }
}

Addresses HostResolver::lookUp(const std::string& host) {
  addrinfo hints{};
  hints.ai_socktype = SOCK_STREAM;
  hints.ai_flags = AI_ADDRCONFIG;
  addrinfo* list = nullptr;
  const int error = ::getaddrinfo(host.c_str(), nullptr, &hints, &list);
  if (error != 0) {
    return fail(Reason::kUpstreamUnreachable,
                "cannot resolve `" + host + "`: " + ::gai_strerror(error));
  }
  std::vector<IpAddress> addresses;
  for (const addrinfo* entry = list; entry != nullptr; entry = entry->ai_next) {
    const auto endpoint = Endpoint::fromSockaddr(*entry->ai_addr);
    if (endpoint) addresses.push_back(endpoint->ip);
  }
  ::freeaddrinfo(list);
  if (addresses.empty()) {
    return fail(Reason::kUpstreamUnreachable, "host `" + host + "` has no address");
  }
  const std::lock_guard lock(mutex_);
  remembered_[host] = {addresses, SystemClock().now() + kRememberedFor};
  return addresses;
}

}  // namespace edgehold
