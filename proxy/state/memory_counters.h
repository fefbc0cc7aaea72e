// SPDX-License-Identifier: Apache-2.0
// Counters in this process, shared by all workers: 64 shards, each with a mutex that is held for
// some tens of nanoseconds. Memory is bounded: at most 64 bytes for each of `entries_max`.
// Thread: any (synchronised by each shard's mutex).
#pragma once

#include <cstddef>
#include <memory>
#include <mutex>
#include <span>

#include "proxy/base/limits.h"
#include "proxy/state/counter_table.h"
#include "proxy/state/counters.h"

namespace edgehold {

struct MemoryCountersOptions {
  std::size_t entries_max = limits::kCounterEntriesDefault;
  std::size_t shards = 64;  // REQUIRES: a power of two
};

class MemoryCounters final : public Counters {
 public:
  // `seed` from a Random; from the state store when claims outlive the process (claim_journal.h).
  explicit MemoryCounters(SipKey seed, MemoryCountersOptions options = {});

  RateResult takeTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                        Instant now) override;
  std::size_t takeAll(std::span<const RateDemand> demands, Instant now,
                      std::span<RateResult> results) override;
  RateResult peekTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                        Instant now) const override;
  Result<ClaimResult> claim(const CounterKey& key, Instant now, Duration in_flight_ttl) override;
  Result<bool> commit(const CounterKey& key, std::uint64_t token, Instant now,
                      Duration ttl) override;
  void release(const CounterKey& key, std::uint64_t token) override;
  bool hasClaim(const CounterKey& key, Instant now) const override;
  Result<void> restore(const CounterKey& key, Instant now, Duration ttl) override;
  Result<bool> acquireSlot(const CounterKey& key, std::uint64_t limit, Instant now,
                           Duration lease) override;
  void releaseSlot(const CounterKey& key, Instant now) override;

  // Places taken in all shards, by live entries and by expired ones not yet reused.
  std::size_t usedEntries() const;

 private:
  struct alignas(64) Shard {
    explicit Shard(std::size_t entries_max) : table(entries_max) {}
    mutable std::mutex mutex;
    CounterTable table;            // guarded by mutex
    std::uint64_t next_token = 1;  // guarded by mutex; never 0
  };
  class Locks;
  // By the high bits; the table places by others.
  Shard& shardOf(const CounterKey& key) const { return *shards_[key.high >> shard_shift_]; }

  const unsigned shard_shift_;
  const std::size_t shard_count_;
  std::unique_ptr<std::unique_ptr<Shard>[]> shards_;
};

}  // namespace edgehold
