// SPDX-License-Identifier: Apache-2.0
// Pools and small makings of one worker, behind station.h.
// Thread: one loop.
#include "proxy/server/station.h"

#include <ctime>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/state/journaled_counters.h"

namespace edgehold {

Station::Station(const Parts& parts, std::shared_ptr<const PolicySnapshot> snapshot)
    : parts_(parts),
      exchanges_(parts.capacity.exchanges),
      buffered_bytes_(parts.capacity.buffered_bytes),
      graveyard_(parts.loop) {
  parts_.services.calls = &calls_;
  adopt(std::move(snapshot));
}

void Station::adopt(std::shared_ptr<const PolicySnapshot> snapshot) {
  // Every exchange takes and drops a reference: of this worker's own, or all workers would write
  // the one count of the snapshot.
  const auto held = std::make_shared<std::shared_ptr<const PolicySnapshot>>(std::move(snapshot));
  snapshot_ = {held, held->get()};
  decltype(pools_) next;
  for (const UpstreamSpec& spec : snapshot_->upstreams()) {
    const auto old = pools_.find(spec.name);
    const bool is_same = old != pools_.end() && old->second->spec() == spec;
    next[spec.name] = is_same ? old->second : makePool(spec);
  }
  pools_ = std::move(next);
}

std::shared_ptr<UpstreamPool> Station::makePool(const UpstreamSpec& spec) {
  // Of upstreams that are gone, with their last connections.
  for (auto& [name, tally] : tallies_) publish(tally);
  std::erase_if(tallies_, [](const auto& entry) { return entry.second.counts.use_count() == 1; });
  UpstreamTally& tally =
      tallies_.try_emplace(spec.name, parts_.metrics.upstream(spec.name)).first->second;
  return std::make_shared<UpstreamPool>(parts_.loop, graveyard_, parts_.dialer, spec,
                                        parts_.capacity.upstream_connections.of(spec.name),
                                        tally.counts);
}

void Station::publish(UpstreamTally& tally) {
  if (*tally.counts == tally.published) return;  // in most turns, of most upstreams
  const UpstreamCounts now = *tally.counts;
  const UpstreamCounts before = std::exchange(tally.published, now);
  const auto open = [](const UpstreamCounts& counts) {
    return static_cast<std::int64_t>(counts.opened - counts.closed);
  };
  tally.series.connections.add(now.opened - before.opened);
  tally.series.connections_open.add(open(now) - open(before));
  tally.series.requests.add(now.requests - before.requests);
  tally.series.requests_on_kept.add(now.requests_on_kept - before.requests_on_kept);
  parts_.metrics.upstream_bytes_in.add(now.bytes_in - before.bytes_in);
  parts_.metrics.upstream_bytes_out.add(now.bytes_out - before.bytes_out);
}

std::shared_ptr<UpstreamPool> Station::pool(std::string_view upstream) const {
  const auto found = pools_.find(upstream);
  return found != pools_.end() ? found->second : nullptr;
}

void Station::drain() {
  is_draining_ = true;
  for (const auto& [name, pool] : pools_) pool->closeIdle();
}

void Station::letGo() {
  has_let_go_ = true;
  if (parts_.claims != nullptr) parts_.claims->letGo();
}

void Station::record(const Exchange& exchange) {
  const Decision& decision = exchange.decision;
  needs_durable_record_ |= decision.kind == Decision::Kind::kHold || exchange.is_release;
  has_new_records_ = true;
  if (!parts_.audit.record(exchange, exchange.snapshot->version())) has_lost_record_ = true;
}

bool Station::flushRecords() {
  if (std::exchange(has_new_records_, false)) {
    const bool is_durable = std::exchange(needs_durable_record_, false);
    const auto flushed = is_durable ? parts_.audit.flushDurable() : parts_.audit.flush();
    is_flushed_ = flushed.has_value();
  }
  if (parts_.claims != nullptr && !parts_.claims->flush()) is_journaled_ = false;
  return is_flushed_ && is_journaled_ && !has_lost_record_;
}

void Station::endTurn() {
  for (auto& [name, tally] : tallies_) publish(tally);
  parts_.metrics.buffered_bytes.set(buffered_bytes_.used());
  flushRecords();
  is_flushed_ = is_journaled_ = true;
  has_lost_record_ = false;
}

std::string_view Station::newRequestId(Arena& arena) {
  char* const place = arena.allocate(32);
  char* const half = writeHex(place, parts_.random.next());
  writeHex(half, parts_.random.next());
  return {place, 32};
}

std::string_view Station::date() {
  const std::int64_t now = unixSeconds(clock().wallNow());
  if (now != date_second_) {
    date_second_ = now;
    std::tm civil{};
    const std::time_t seconds = now;
    ::gmtime_r(&seconds, &civil);
    char text[32];
    // The C locale's names are those of RFC 9110; the process never sets another.
    const std::size_t length =
        std::strftime(text, sizeof text, "%a, %d %b %Y %H:%M:%S GMT", &civil);
    date_.assign(text, length);
  }
  return date_;
}

}  // namespace edgehold
