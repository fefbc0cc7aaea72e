// SPDX-License-Identifier: Apache-2.0
// GCRA, two-phase claims and slots on the sharded table.
// Thread: any (synchronised by each shard's mutex).
#include "proxy/state/memory_counters.h"

#include <algorithm>
#include <array>
#include <bit>
#include <limits>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

constexpr auto kForever = std::numeric_limits<std::int64_t>::max();
// Sums of two stay within 64 bits; some 146 years.
constexpr std::int64_t kSpanMax = kForever / 2;

std::int64_t ticks(Instant time) { return time.time_since_epoch().count(); }

std::int64_t span(std::uint64_t count, Duration each) {
  std::int64_t product = 0;
  if (__builtin_mul_overflow(count, each.count(), &product)) return kSpanMax;
  return std::min(product, kSpanMax);
}

std::int64_t after(std::int64_t now, Duration ttl) {
  return now + std::clamp<std::int64_t>(ttl.count(), 0, kSpanMax);
}

// The verdict on a budget whose theoretical arrival time is `arrival`, and the next one.
struct Gcra {
  RateResult result;
  std::int64_t arrival;
};
Gcra gcra(const GcraSpec& spec, std::uint64_t cost, std::int64_t arrival, std::int64_t now) {
  const std::int64_t start = std::max(arrival, now);
  const std::int64_t window = span(spec.burst, spec.interval);
  const std::int64_t spent = start - now;
  const std::int64_t price = span(cost, spec.interval);
  Gcra next{{}, start};
  next.result.is_allowed = cost <= spec.burst && price <= window - spent;
  if (next.result.is_allowed) next.arrival += price;
  const std::int64_t left = std::max<std::int64_t>(0, window - (next.arrival - now));
  next.result.remaining = static_cast<std::uint64_t>(left / spec.interval.count());
  next.result.reset_after = Duration(next.arrival - now);
  if (!next.result.is_allowed) {
    next.result.retry_after =
        cost > spec.burst ? Duration::max() : Duration(spent + price - window);
  }
  return next;
}

// There is no room even by evicting: refuse, and let the peer come back.
RateResult noRoom() { return {false, 0, std::chrono::seconds(1), std::chrono::seconds(1)}; }

tl::unexpected<Error> full() {
  return fail(Reason::kStoreUnavailable, "the counters are full of live claims");
}

}  // namespace

// The shards of some keys, locked in the order of their addresses, so that no two who lock several
// can wait for each other.
class MemoryCounters::Locks {
 public:
  Locks(const MemoryCounters& counters, std::span<const RateDemand> demands) {
    for (const RateDemand& demand : demands) add(&counters.shardOf(demand.key));
    for (std::size_t i = 0; i < count_; ++i) shards_[i]->mutex.lock();
  }
  ~Locks() {
    for (std::size_t i = 0; i < count_; ++i) shards_[i]->mutex.unlock();
  }
  Locks(const Locks&) = delete;
  Locks& operator=(const Locks&) = delete;

 private:
  void add(Shard* shard) {
    std::size_t place = count_;
    while (place > 0 && shard < shards_[place - 1]) --place;
    if (place > 0 && shards_[place - 1] == shard) return;
    for (std::size_t i = count_++; i > place; --i) shards_[i] = shards_[i - 1];
    shards_[place] = shard;
  }

  std::array<Shard*, limits::kRateLimitsMax> shards_;
  std::size_t count_ = 0;
};

MemoryCounters::MemoryCounters(SipKey seed, MemoryCountersOptions options)
    : Counters(seed),
      shard_shift_(64 - static_cast<unsigned>(std::bit_width(options.shards - 1))),
      shard_count_(options.shards),
      shards_(std::make_unique<std::unique_ptr<Shard>[]>(options.shards)) {
  CHECK(std::has_single_bit(options.shards) && options.shards >= 2);
  for (std::size_t i = 0; i < shard_count_; ++i) {
    shards_[i] = std::make_unique<Shard>(options.entries_max / options.shards);
  }
}

RateResult MemoryCounters::takeTokens(const CounterKey& key, const GcraSpec& spec,
                                      std::uint64_t cost, Instant now) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.findOrAdd(key, CounterKind::kRate, ticks(now));
  if (entry == nullptr) return noRoom();
  const Gcra next = gcra(spec, cost, entry->expires, ticks(now));
  entry->expires = next.arrival;
  return next.result;
}

std::size_t MemoryCounters::takeAll(std::span<const RateDemand> demands, Instant now,
                                    std::span<RateResult> results) {
  CHECK(demands.size() <= limits::kRateLimitsMax && demands.size() <= results.size());
  const Locks locks(*this, demands);
  // Each key is a line of memory that nobody had lately: they are fetched at the same time.
  for (const RateDemand& demand : demands) {
    shardOf(demand.key).table.prefetch(demand.key, CounterKind::kRate);
  }
  std::array<CounterEntry*, limits::kRateLimitsMax> entries;
  std::array<std::int64_t, limits::kRateLimitsMax> arrivals;
  for (std::size_t i = 0; i < demands.size(); ++i) {
    const RateDemand& demand = demands[i];
    entries[i] = shardOf(demand.key).table.find(demand.key, CounterKind::kRate);
    const std::int64_t arrival = entries[i] == nullptr ? ticks(now) : entries[i]->expires;
    const Gcra next = gcra(demand.spec, 1, arrival, ticks(now));
    results[i] = next.result;
    arrivals[i] = next.arrival;
    if (!next.result.is_allowed && demand.is_binding) return i;
  }
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if (entries[i] != nullptr) entries[i]->expires = arrivals[i];
  }
  // New entries last: they may move the others.
  for (std::size_t i = 0; i < demands.size(); ++i) {
    if (entries[i] != nullptr) continue;
    CounterTable& table = shardOf(demands[i].key).table;
    CounterEntry* const added = table.findOrAdd(demands[i].key, CounterKind::kRate, ticks(now));
    if (added != nullptr) {
      added->expires = arrivals[i];
      continue;
    }
    results[i] = noRoom();
    if (demands[i].is_binding) return i;
  }
  return demands.size();
}

RateResult MemoryCounters::peekTokens(const CounterKey& key, const GcraSpec& spec,
                                      std::uint64_t cost, Instant now) const {
  const Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  const CounterEntry* const entry = shard.table.find(key, CounterKind::kRate);
  return gcra(spec, cost, entry == nullptr ? ticks(now) : entry->expires, ticks(now)).result;
}

Result<ClaimResult> MemoryCounters::claim(const CounterKey& key, Instant now,
                                          Duration in_flight_ttl) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.findOrAdd(key, CounterKind::kClaim, ticks(now));
  if (entry == nullptr) return full();
  ClaimResult result;
  if (entry->isLive(ticks(now))) {
    result.state =
        entry->value == 0 ? ClaimResult::State::kCommitted : ClaimResult::State::kInFlight;
  } else {
    entry->value = result.token = shard.next_token++;
    entry->expires = after(ticks(now), in_flight_ttl);
    result.state = ClaimResult::State::kClaimed;
  }
  result.ends_after = Duration(entry->expires - ticks(now));
  return result;
}

bool MemoryCounters::hasClaim(const CounterKey& key, Instant now) const {
  const Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  const CounterEntry* const entry = shard.table.find(key, CounterKind::kClaim);
  return entry != nullptr && entry->isLive(ticks(now));
}

Result<bool> MemoryCounters::commit(const CounterKey& key, std::uint64_t token, Instant now,
                                    Duration ttl) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.findOrAdd(key, CounterKind::kClaim, ticks(now));
  if (entry == nullptr) return full();
  if (entry->isLive(ticks(now)) && entry->value != token) return false;
  entry->value = 0;
  entry->expires = after(ticks(now), ttl);
  return true;
}

void MemoryCounters::release(const CounterKey& key, std::uint64_t token) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.find(key, CounterKind::kClaim);
  if (entry == nullptr || entry->value != token || token == 0) return;
  entry->expires = std::numeric_limits<std::int64_t>::min();
}

Result<void> MemoryCounters::restore(const CounterKey& key, Instant now, Duration ttl) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.findOrAdd(key, CounterKind::kClaim, ticks(now));
  if (entry == nullptr) return full();
  entry->value = 0;
  entry->expires = after(ticks(now), ttl);
  return {};
}

Result<bool> MemoryCounters::acquireSlot(const CounterKey& key, std::uint64_t limit, Instant now,
                                         Duration lease) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.findOrAdd(key, CounterKind::kSlot, ticks(now));
  if (entry == nullptr) return full();
  if (!entry->isLive(ticks(now))) entry->value = 0;
  if (entry->value >= limit) return false;
  ++entry->value;
  entry->expires = std::max(entry->expires, after(ticks(now), lease));
  return true;
}

void MemoryCounters::releaseSlot(const CounterKey& key, Instant now) {
  Shard& shard = shardOf(key);
  const std::lock_guard lock(shard.mutex);
  CounterEntry* const entry = shard.table.find(key, CounterKind::kSlot);
  if (entry == nullptr || !entry->isLive(ticks(now)) || entry->value == 0) return;
  if (--entry->value == 0) entry->expires = std::numeric_limits<std::int64_t>::min();
}

std::size_t MemoryCounters::usedEntries() const {
  std::size_t used = 0;
  for (std::size_t i = 0; i < shard_count_; ++i) {
    const std::lock_guard lock(shards_[i]->mutex);
    used += shards_[i]->table.usedEntries();
  }
  return used;
}

}  // namespace edgehold
