// SPDX-License-Identifier: Apache-2.0
// Warm connections behind upstream_pool.h.
// Thread: one loop.
#include "proxy/upstream/upstream_pool.h"

#include <algorithm>
#include <utility>

#include "proxy/base/recycled.h"
#include "proxy/upstream/http2_connections.h"
#include "proxy/upstream/upstream_connection.h"

namespace edgehold {

// Whatever an idle connection says ends it: the peer closed, or spoke out of turn.
class UpstreamPool::IdleSlot final : public UpstreamStream::User,
                                     public Mortal,
                                     public Recycled<UpstreamPool::IdleSlot> {
 public:
  IdleSlot(UpstreamPool& pool, std::unique_ptr<UpstreamStream> connection)
      : pool_(pool), connection_(std::move(connection)) {
    connection_->setUser(this);
    connection_->setDeadline(pool.spec().idle_timeout, Reason::kUpstreamTimeout);
  }
  std::unique_ptr<UpstreamStream> take() {
    connection_->setUser(nullptr);
    connection_->clearDeadline();
    return std::move(connection_);
  }

  void onConnectionOpen() override {}
  void onConnectionDrained() override {}
  void onConnectionLost(Error) override { pool_.drop(*this); }
  void onResponseHead(StreamId, ResponseHead&&) override { pool_.drop(*this); }
  void onResponseBody(StreamId, ByteView) override { pool_.drop(*this); }
  void onResponseEnd(StreamId) override { pool_.drop(*this); }
  void onResponseError(StreamId, Error) override { pool_.drop(*this); }

 private:
  UpstreamPool& pool_;
  std::unique_ptr<UpstreamStream> connection_;
};

UpstreamPool::UpstreamPool(Loop& loop, Graveyard& graveyard, Dialer& dialer, UpstreamSpec spec,
                           std::shared_ptr<ConnectionSlots> slots,
                           std::shared_ptr<UpstreamCounts> counts)
    : loop_(loop),
      graveyard_(graveyard),
      dialer_(dialer),
      spec_(std::move(spec)),
      slots_(slots != nullptr ? std::move(slots) : std::make_shared<ConnectionSlots>()),
      counts_(counts != nullptr ? std::move(counts) : std::make_shared<UpstreamCounts>()) {
  slots_->join();
  if (spec_.protocol == UpstreamProtocol::kHttp2) {
    shared_ = std::make_unique<Http2Connections>(loop_, graveyard_, spec_, *slots_);
  }
}

// The last exchange of an old policy may end the pool from within one of its connections.
UpstreamPool::~UpstreamPool() {
  closeIdle();
  slots_->leave();
}

std::unique_ptr<UpstreamStream> UpstreamPool::takeIdle() {
  if (shared_ != nullptr) {
    auto stream = shared_->take();
    counts_->requests_on_kept += stream != nullptr ? 1 : 0;
    return stream;
  }
  while (!idle_.empty()) {
    const auto slot = std::move(idle_.back());
    idle_.pop_back();
    auto connection = slot->take();
    if (connection->isReusable()) {
      ++counts_->requests_on_kept;
      return connection;
    }
    graveyard_.bury(std::move(connection));
  }
  return nullptr;
}

Async<Result<std::unique_ptr<UpstreamStream>>> UpstreamPool::open() {
  using Opened = Result<std::unique_ptr<UpstreamStream>>;
  auto [async, resolver] = Async<Opened>::make();
  if (auto stream = shared_ != nullptr ? shared_->join() : nullptr) {
    resolver.resolve(std::move(stream));
    return std::move(async);
  }
  const UpstreamAddress address = spec_.addresses[next_address_++ % spec_.addresses.size()];
  if (const auto literal = IpAddress::parse(address.host)) {
    resolver.resolve(dial(address, *literal));
    return std::move(async);
  }
  // The wait belongs to the request: when it gives up, the answer falls on the floor.
  auto lookup =
      std::make_shared<Async<Result<std::vector<IpAddress>>>>(dialer_.resolve(address.host));
  lookup->then([this, address, lookup, resolver = resolver](Result<std::vector<IpAddress>> found) {
    if (!resolver.isWanted()) return;
    if (!found) return resolver.resolve(Opened(fail(std::move(found).error())));
    resolver.resolve(dial(address, (*found)[next_ip_++ % found->size()]));
  });
  return std::move(async);
}

Result<std::unique_ptr<UpstreamStream>> UpstreamPool::dial(const UpstreamAddress& address,
                                                           IpAddress ip) {
  // While the name was looked up, somebody else may have dialled.
  if (auto stream = shared_ != nullptr ? shared_->join() : nullptr) return stream;
  auto slot = slots_->take(spec_.connections_max);
  if (!slot) return fail(Reason::kOverloaded, "the upstream's `max_connections` are open");
  Result<std::unique_ptr<Transport>> transport =
      dialer_.dial(spec_, address, Endpoint{ip, address.port});
  if (!transport) return fail(std::move(transport).error());
  if (shared_ != nullptr) return shared_->add(std::move(*transport), std::move(*slot), counts_);
  return std::make_unique<UpstreamConnection>(loop_, std::move(*transport), std::move(*slot),
                                              counts_);
}

void UpstreamPool::giveBack(std::unique_ptr<UpstreamStream> connection) {
  connection->setUser(nullptr);
  connection->clearDeadline();
  const std::size_t most =
      std::min(spec_.idle_connections_max, slots_->shareOf(spec_.connections_max));
  const bool keeps = connection->isReusable() && idle_.size() < most;
  if (!keeps) return graveyard_.bury(std::move(connection));
  connection->pauseReading(false);
  connection->releaseBuffers();
  idle_.push_back(std::make_unique<IdleSlot>(*this, std::move(connection)));
}

void UpstreamPool::closeIdle() {
  if (shared_ != nullptr) shared_->closeIdle();
  for (const auto& slot : std::exchange(idle_, {})) graveyard_.bury(slot->take());
}

void UpstreamPool::drop(const IdleSlot& slot) {
  const auto found = std::find_if(idle_.begin(), idle_.end(),
                                  [&](const auto& candidate) { return candidate.get() == &slot; });
  if (found == idle_.end()) return;
  graveyard_.bury((*found)->take());
  graveyard_.bury(std::move(*found));
  idle_.erase(found);
}

}  // namespace edgehold
