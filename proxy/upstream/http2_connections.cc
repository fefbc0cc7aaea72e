// SPDX-License-Identifier: Apache-2.0
// Choosing among shared connections, behind http2_connections.h.
// Thread: one loop.
#include "proxy/upstream/http2_connections.h"

#include <algorithm>
#include <utility>

namespace edgehold {

Http2Connections::~Http2Connections() {
  for (auto& connection : connections_) {
    connection->abandon();
    graveyard_.bury(std::move(connection));
  }
}

bool Http2Connections::isSpread() const {
  const auto usable = std::count_if(connections_.begin(), connections_.end(),
                                    [](const auto& connection) { return connection->isUsable(); });
  return static_cast<std::size_t>(usable) >= spec_.addresses.size();
}

std::unique_ptr<UpstreamStream> Http2Connections::take() {
  return isSpread() ? streamOfLeastBusy([](const auto& connection) { return connection.isReady(); })
                    : nullptr;
}

std::unique_ptr<UpstreamStream> Http2Connections::join() {
  const auto is_joinable = [this](const auto& connection) {
    return connection.isJoinable(streams_max_);
  };
  return isSpread() ? streamOfLeastBusy(is_joinable) : nullptr;
}

template <class Predicate>
std::unique_ptr<UpstreamStream> Http2Connections::streamOfLeastBusy(Predicate is_wanted) {
  Http2UpstreamConnection* best = nullptr;
  for (const auto& connection : connections_) {
    if (!is_wanted(*connection)) continue;
    if (best == nullptr || connection->streams() < best->streams()) best = connection.get();
  }
  return best != nullptr ? best->makeStream() : nullptr;
}

std::unique_ptr<UpstreamStream> Http2Connections::add(std::unique_ptr<Transport> transport,
                                                      ConnectionSlots::Slot slot,
                                                      std::shared_ptr<UpstreamCounts> counts) {
  Http2UpstreamConnection::Owner& owner = *this;
  connections_.push_back(std::make_unique<Http2UpstreamConnection>(
      loop_, owner, spec_, std::move(transport), std::move(slot), std::move(counts)));
  return connections_.back()->makeStream();
}

void Http2Connections::closeIdle() {
  for (const auto& connection : connections_) connection->retire();
}

void Http2Connections::onConnectionOver(Http2UpstreamConnection& connection) {
  const auto found =
      std::find_if(connections_.begin(), connections_.end(),
                   [&connection](const auto& own) { return own.get() == &connection; });
  if (found == connections_.end()) return;
  connection.abandon();
  graveyard_.bury(std::move(*found));
  connections_.erase(found);
}

}  // namespace edgehold
