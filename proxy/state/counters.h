// SPDX-License-Identifier: Apache-2.0
// What is remembered and may be forgotten: rates, claims on ids, concurrency slots. Every operation
// is atomic and exact over all workers. Keys are 128-bit keyed hashes: nothing of a peer's text is
// kept, and nobody outside can make two keys collide.
// Thread: any (implementations say how they are synchronised).
#pragma once

#include <cstddef>
#include <cstdint>
#include <initializer_list>
#include <span>

#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/base/siphash.h"

namespace edgehold {

struct CounterKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const CounterKey&) const = default;
};

// A budget by the generic cell rate algorithm: `burst` tokens, of which one comes back each
// `interval`. One instant is remembered per key, so that it is exact, with no window to straddle.
struct GcraSpec {
  std::uint64_t burst = 1;  // REQUIRES: at least 1
  Duration interval{1};     // REQUIRES: positive

  // `tokens` in each `period`. The interval is rounded up: never more than was allowed.
  static constexpr GcraSpec per(std::uint64_t tokens, Duration period, std::uint64_t burst) {
    const auto ticks = static_cast<std::uint64_t>(period.count());
    const std::uint64_t interval = (ticks + tokens - 1) / tokens;
    return {burst, Duration(static_cast<std::int64_t>(interval == 0 ? 1 : interval))};
  }
};

struct RateResult {
  bool is_allowed = false;
  std::uint64_t remaining = 0;  // whole tokens left after this call
  Duration retry_after{};       // until the same call would pass; Duration::max() for never
  Duration reset_after{};       // until the whole burst is back
};

// One token of one budget, among several that are asked at once.
struct RateDemand {
  CounterKey key;
  GcraSpec spec;
  bool is_binding = true;  // false: it is counted as far as there are tokens, and refuses nobody
};

struct ClaimResult {
  enum class State : std::uint8_t {
    kClaimed,    // ours now, in flight: commit() or release() it by `token`
    kInFlight,   // another holder has it and has not said how it went
    kCommitted,  // done before
  };
  State state = State::kInFlight;
  std::uint64_t token = 0;  // not 0 when kClaimed
  Duration ends_after{};    // until the claim, whoever's it is, runs out by itself
};

class Counters {
 public:
  explicit Counters(SipKey seed) : seed_(seed) {}
  Counters(const Counters&) = delete;
  Counters& operator=(const Counters&) = delete;
  virtual ~Counters() = default;

  // Of the keys: they mean nothing under another. A secret.
  SipKey seed() const { return seed_; }
  // The key of these pieces in this order; {"ab", "c"} and {"a", "bc"} differ. The first piece
  // names the use (a route's filter), so that uses do not meet. Costs some 50 ns.
  CounterKey key(std::span<const ByteView> pieces) const;
  CounterKey key(std::initializer_list<ByteView> pieces) const {
    return key(std::span(pieces.begin(), pieces.size()));
  }

  // Takes `cost` tokens if there are as many, else none. Denies when the key cannot be remembered.
  virtual RateResult takeTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                                Instant now) = 0;
  // Takes a token of each budget, or none at all when a binding one has none left. Gives the place
  // of the one that refused, or demands.size(). `results` holds what takeTokens() would say of
  // each, up to that place. Only where a key cannot be remembered is lost what others have paid.
  // REQUIRES: at most limits::kRateLimitsMax; the keys differ; as many results.
  virtual std::size_t takeAll(std::span<const RateDemand> demands, Instant now,
                              std::span<RateResult> results) = 0;
  // What takeTokens() would say; takes nothing.
  virtual RateResult peekTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                                Instant now) const = 0;

  // A claim that is neither committed nor released (its holder crashed) runs out after
  // `in_flight_ttl`. Errors: kStoreUnavailable when there is no room; the caller refuses.
  virtual Result<ClaimResult> claim(const CounterKey& key, Instant now, Duration in_flight_ttl) = 0;
  // Makes it permanent for `ttl`, also when it had run out and nobody else took it. False when
  // somebody did. Errors: as claim().
  virtual Result<bool> commit(const CounterKey& key, std::uint64_t token, Instant now,
                              Duration ttl) = 0;
  // Gives it back so that a retry may claim it. Nothing when it is no longer `token`'s.
  virtual void release(const CounterKey& key, std::uint64_t token) = 0;
  // Somebody has claimed it, in flight or committed. Claims nothing.
  virtual bool hasClaim(const CounterKey& key, Instant now) const = 0;
  // Puts back a claim that was committed in an earlier life of this process.
  virtual Result<void> restore(const CounterKey& key, Instant now, Duration ttl) = 0;

  // One of at most `limit` slots of `key`; false when all are taken. A key whose last acquire is
  // older than `lease` is free again: slots of a crashed holder do not leak. Errors: as claim().
  // REQUIRES: `lease` is longer than any holder keeps its slot.
  virtual Result<bool> acquireSlot(const CounterKey& key, std::uint64_t limit, Instant now,
                                   Duration lease) = 0;
  virtual void releaseSlot(const CounterKey& key, Instant now) = 0;

 private:
  const SipKey seed_;
};

}  // namespace edgehold
