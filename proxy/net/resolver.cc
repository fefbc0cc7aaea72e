// SPDX-License-Identifier: Apache-2.0
// getaddrinfo(3) on its own thread, behind resolver.h.
// Thread: any (synchronised by mutex_).
#include "proxy/net/resolver.h"

#include <condition_variable>
#include <deque>
#include <map>
#include <mutex>
#include <utility>

#include <netdb.h>
#include <sys/socket.h>

#include "proxy/base/clock.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

using Addresses = Result<std::vector<IpAddress>>;

// The system's resolver hides the records' lifetimes; this is short enough to follow a move.
constexpr auto kRememberedFor = 30s;
// Names come from the configuration, so this is never reached; it bounds the queue all the same.
constexpr std::size_t kRequestsMax = 1024;

Addresses askSystem(const std::string& host) {
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
  return addresses;
}

struct Request {
  std::string host;
  Loop* loop;
  Resolver<Addresses> resolver;
};

struct Remembered {
  std::vector<IpAddress> addresses;
  Instant until;
};

}  // namespace

struct HostResolver::State {
  explicit State(LookUp system) : look_up(std::move(system)) {}

  const LookUp look_up;
  std::mutex mutex;
  std::condition_variable wake;
  // Guarded by mutex. A request stays here while it is looked up: what it holds is its loop's.
  std::deque<Request> requests;
  std::map<std::string, Remembered> remembered;
  bool is_looking_up = false;
  bool is_stopping = false;
};

HostResolver::HostResolver() : HostResolver(askSystem) {}

HostResolver::HostResolver(LookUp look_up)
    : state_(std::make_shared<State>(std::move(look_up))),
      thread_([state = state_] { run(*state); }) {}

HostResolver::~HostResolver() {
  stop();
  std::unique_lock lock(state_->mutex);
  const bool is_busy = state_->is_looking_up;
  lock.unlock();
  is_busy ? thread_.detach() : thread_.join();
}

void HostResolver::stop() {
  const std::lock_guard lock(state_->mutex);
  state_->is_stopping = true;
  state_->requests.clear();
  state_->wake.notify_one();
}

Async<Addresses> HostResolver::resolve(const std::string& host, Loop& loop) {
  auto [async, resolver] = Async<Addresses>::make();
  if (const auto literal = IpAddress::parse(host)) {
    resolver.resolve(std::vector<IpAddress>{*literal});
    return std::move(async);
  }
  State& state = *state_;
  const std::lock_guard lock(state.mutex);
  const auto known = state.remembered.find(host);
  if (known != state.remembered.end() && known->second.until > SystemClock().now()) {
    resolver.resolve(known->second.addresses);
  } else if (state.requests.size() >= kRequestsMax) {
    resolver.resolve(fail(Reason::kUpstreamUnreachable, "too many host look-ups are waiting"));
  } else {
    state.requests.push_back({host, &loop, resolver});
    state.wake.notify_one();
  }
  return std::move(async);
}

void HostResolver::run(State& state) {
  for (;;) {
    std::unique_lock lock(state.mutex);
    state.wake.wait(lock, [&state] { return state.is_stopping || !state.requests.empty(); });
    if (state.is_stopping) return;
    const std::string host = state.requests.front().host;
    state.is_looking_up = true;
    lock.unlock();
    Addresses addresses = state.look_up(host);
    lock.lock();
    state.is_looking_up = false;
    if (state.is_stopping) return;  // nobody is there any more
    if (addresses) state.remembered[host] = {*addresses, SystemClock().now() + kRememberedFor};
    Request request = std::move(state.requests.front());
    state.requests.pop_front();
    // The resolver is handed over whole: its reference count belongs to the asking loop.
    request.loop->post([resolver = std::move(request.resolver), addresses = std::move(addresses)] {
      resolver.resolve(addresses);
    });
  }
}

}  // namespace edgehold
