// SPDX-License-Identifier: Apache-2.0
// Committed claims that outlive the process: segments of fixed-size records beside the database,
// appended to with one write for a worker's turn, read once at the start, removed when all in them
// has run out. A claim is in the journal before it counts as committed (journaled_counters.h).
// Thread: any (synchronised by mutex_).
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <deque>
#include <memory>
#include <mutex>
#include <span>
#include <string>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/limits.h"
#include "proxy/base/result.h"
#include "proxy/base/write_health.h"
#include "proxy/state/claim_record.h"
#include "proxy/state/counters.h"
#include "proxy/state/open_segment.h"

namespace edgehold {

class ClaimJournal {
 public:
  enum class Durability : std::uint8_t {
    kKernel,  // survives the process, however it ends
    kDisk,    // survives the machine too: each append is fdatasync'ed
  };
  struct Options {
    std::string directory;
    Durability durability = Durability::kKernel;
    std::size_t records_max = limits::kCounterEntriesDefault;  // live ones; bounds the disk space
    SipHash128 boot;                                           // bootIdentity()
  };

  // Reads what earlier lives left and restores it into `counters`, whose seed must be theirs. Main
  // only. A damaged segment, one of a newer version or of another seed is an error that says what
  // to do; nothing is changed then. A disk that cannot be written is no error: the journal is not
  // healthy until it can.
  static Result<std::unique_ptr<ClaimJournal>> open(Options options, const Clock& clock,
                                                    Counters& counters);
  ~ClaimJournal();
  ClaimJournal(const ClaimJournal&) = delete;
  ClaimJournal& operator=(const ClaimJournal&) = delete;

  // All of them are kept when this returns without error; after one, each may be or not, and may be
  // offered again. kStoreUnavailable.
  Result<void> append(std::span<const ClaimRecord> claims, const Clock& clock);
  // Tries, while the journal is not healthy, whether it is again, and looks whether its files are
  // still there. From time to time, on main.
  void probe(const Clock& clock);

  // False after a failure, until something succeeds again: nobody may commit to a new claim.
  bool isHealthy() const { return health_.isHealthy(); }
  const WriteHealth& health() const { return health_; }
  std::uint64_t bytes() const { return bytes_.load(std::memory_order_relaxed); }

 private:
  // A file that is not appended to any more.
  struct Closed {
    std::string path;
    std::uint64_t bytes = 0;
    Instant newest{};  // when the last of its claims runs out
  };
  // What moves from the oldest closed segments into a new one.
  struct Carried {
    std::size_t segments = 0;
    std::vector<ClaimRecord> records;
  };

  ClaimJournal(Options options, std::uint64_t seed_print);

  // At the start.
  Result<void> restore(const Clock& clock, Counters& counters);
  Result<void> restoreSegment(const std::string& path, const Clock& clock, Counters& counters);
  Result<void> checkHeader(const ClaimSegmentHeader& header) const;

  void rescueTakenAway(const Clock& clock);

  // These: REQUIRES mutex_.
  Result<void> write(std::span<const ClaimRecord> claims, const Clock& clock);
  Result<void> rotate(std::size_t records, const Clock& clock);
  Result<void> prepareNext(std::size_t records, const Clock& clock);
  Result<std::unique_ptr<OpenSegment>> makeSegment(std::size_t records);
  void close(std::unique_ptr<OpenSegment> segment);
  void dropExpired(Instant now);
  Carried takeFromOldest(std::size_t records, const Clock& clock);
  std::vector<ClaimRecord> liveIn(const Closed& closed, const Clock& clock) const;
  bool isCrowded(std::size_t records) const;
  void countBytes();

  // Const after construction.
  const Options options_;
  const std::uint64_t seed_print_;
  const std::uint64_t bytes_max_;

  std::mutex mutex_;
  std::unique_ptr<OpenSegment> current_;  // guarded by mutex_; null until one can be made
  std::unique_ptr<OpenSegment> next_;  // guarded by mutex_; made when the current one is half full
  std::deque<Closed> closed_;          // guarded by mutex_; oldest first
  std::uint64_t next_sequence_ = 1;    // guarded by mutex_
  std::size_t next_records_;           // guarded by mutex_; room of the next segment

  std::vector<ClaimRecord> rescued_;  // of files that were taken away; main only

  WriteHealth health_{"claim journal", "routes with `dedupe` refuse until it can be written"};
  std::atomic<std::uint64_t> bytes_{0};
};

}  // namespace edgehold
