// SPDX-License-Identifier: Apache-2.0
// A worker's view of the shared counters in which a committed claim is one that the journal has:
// commit() only notes it, flush() writes what a turn noted and then commits it. Until then it is in
// flight for everybody, so that no twin is answered as a duplicate of what a crash could forget.
// Thread: one loop (the counters and the journal behind it are shared).
#pragma once

#include <memory>
#include <span>
#include <vector>

#include "proxy/base/loop.h"
#include "proxy/state/claim_journal.h"
#include "proxy/state/memory_counters.h"

namespace edgehold {

class JournaledCounters final : public Counters {
 public:
  // REQUIRES: all three outlive it.
  JournaledCounters(MemoryCounters& counters, ClaimJournal& journal, Loop& loop);
  // Writes what is left.
  ~JournaledCounters() override;

  // True when something was committed since the last flush().
  bool hasNews() const { return has_news_; }
  // Writes what was committed. False: no answer that says so may leave. What was not written is
  // kept, in flight, and tried again by a timer.
  bool flush();
  // Nothing waits for the journal.
  bool isWritten() const { return pending_.empty(); }
  // The journal goes: what waits for it is forgotten (and logged), no claim is made or committed
  // from here on.
  void letGo();

  RateResult takeTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                        Instant now) override {
    return counters_.takeTokens(key, spec, cost, now);
  }
  std::size_t takeAll(std::span<const RateDemand> demands, Instant now,
                      std::span<RateResult> results) override {
    return counters_.takeAll(demands, now, results);
  }
  RateResult peekTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                        Instant now) const override {
    return counters_.peekTokens(key, spec, cost, now);
  }
  // While the journal cannot be written nothing new is claimed: kStoreUnavailable. What was
  // committed before is still known.
  Result<ClaimResult> claim(const CounterKey& key, Instant now, Duration in_flight_ttl) override;
  // Takes effect with the next flush(). kStoreUnavailable past limits::kClaimsPendingMax.
  Result<bool> commit(const CounterKey& key, std::uint64_t token, Instant now,
                      Duration ttl) override;
  void release(const CounterKey& key, std::uint64_t token) override {
    counters_.release(key, token);
  }
  bool hasClaim(const CounterKey& key, Instant now) const override {
    return counters_.hasClaim(key, now);
  }
  Result<void> restore(const CounterKey& key, Instant now, Duration ttl) override {
    return counters_.restore(key, now, ttl);
  }
  Result<bool> acquireSlot(const CounterKey& key, std::uint64_t limit, Instant now,
                           Duration lease) override {
    return counters_.acquireSlot(key, limit, now, lease);
  }
  void releaseSlot(const CounterKey& key, Instant now) override { counters_.releaseSlot(key, now); }

 private:
  struct Pending {
    CounterKey key;
    std::uint64_t token;
    Instant now;
    Duration ttl;
  };
  bool write();

  MemoryCounters& counters_;
  ClaimJournal& journal_;
  Loop& loop_;
  std::unique_ptr<Timer> retry_;
  std::vector<Pending> pending_;
  std::vector<ClaimRecord> records_;  // of pending_, in its order
  bool has_let_go_ = false;
  bool has_news_ = false;
};

}  // namespace edgehold
