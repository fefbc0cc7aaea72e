// SPDX-License-Identifier: Apache-2.0
// Noting, writing and committing behind journaled_counters.h.
// Thread: one loop.
#include "proxy/state/journaled_counters.h"

#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {

JournaledCounters::JournaledCounters(MemoryCounters& counters, ClaimJournal& journal, Loop& loop)
    : Counters(counters.seed()),
      counters_(counters),
      journal_(journal),
      loop_(loop),
      retry_(loop.makeTimer([this] { write(); })) {}

JournaledCounters::~JournaledCounters() { letGo(); }

void JournaledCounters::letGo() {
  if (std::exchange(has_let_go_, true)) return;
  retry_->cancel();
  if (pending_.empty() || write()) return;
  LOG(ERROR) << "claim journal: " << pending_.size() << " event ids are forgotten at the end";
  retry_->cancel();
  pending_.clear();
  records_.clear();
}

Result<ClaimResult> JournaledCounters::claim(const CounterKey& key, Instant now,
                                             Duration in_flight_ttl) {
  if (has_let_go_) return fail(Reason::kStoreUnavailable, "another process has the claim journal");
  Result<ClaimResult> claimed = counters_.claim(key, now, in_flight_ttl);
  if (journal_.isHealthy() || !claimed) return claimed;
  if (claimed->state == ClaimResult::State::kCommitted) return claimed;
  if (claimed->state == ClaimResult::State::kClaimed) counters_.release(key, claimed->token);
  return fail(Reason::kStoreUnavailable, "the claim journal cannot be written");
}

Result<bool> JournaledCounters::commit(const CounterKey& key, std::uint64_t token, Instant now,
                                       Duration ttl) {
  if (has_let_go_) return fail(Reason::kStoreUnavailable, "another process has the claim journal");
  if (pending_.size() >= limits::kClaimsPendingMax) {
    return fail(Reason::kStoreUnavailable, "too many claims wait for the claim journal");
  }
  pending_.push_back({key, token, now, ttl});
  records_.push_back({key, now + ttl, loop_.clock().wallNow() + ttl, ttl});
  has_news_ = true;
  return true;
}

bool JournaledCounters::flush() {
  if (!std::exchange(has_news_, false)) return true;
  return write();
}

bool JournaledCounters::write() {
  if (!journal_.append(records_, loop_.clock())) {
    retry_->arm(limits::kStoreRetryInterval);
    return false;
  }
  for (const Pending& claim : pending_) {
    // The journal has it in any case; without room it is not remembered until the next start.
    const auto committed = counters_.commit(claim.key, claim.token, claim.now, claim.ttl);
    if (committed) continue;
    LogEvery(1000, WARNING) << committed.error().message;
  }
  pending_.clear();
  records_.clear();
  retry_->cancel();
  return true;
}

}  // namespace edgehold
