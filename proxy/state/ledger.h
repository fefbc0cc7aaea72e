// SPDX-License-Identifier: Apache-2.0
// What is remembered and must not be lost: durable records with a state, changed only by
// compare-and-set. Approvals and jobs are two uses of it. An answer comes when the change is
// durable, never before.
// Thread: any; answers and watch callbacks come on the loop that was given.
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/clock.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"

namespace edgehold {

// Times are kept in whole milliseconds.
struct LedgerRecord {
  std::string kind;                 // what it is for, e.g. `hold`
  std::string id;                   // unique over all kinds
  std::string lane;                 // whom due() is fair between; may be empty
  std::string state;                // the word of whoever owns the kind
  std::optional<WallTime> due;      // when it wants attention; nothing for never
  std::optional<WallTime> expires;  // for its owner to act upon; the ledger does not
  std::string summary;              // small; what lists show
  std::string body;                 // any bytes; empty in lists
  std::uint64_t body_bytes = 0;     // the size of the body, also where it was left out
  std::uint64_t version = 0;        // 1 when inserted, one more with each change
};

// What compareAndSet() writes. Nothing in an optional keeps what is there; for a time, an optional
// without a time inside clears it.
struct LedgerChange {
  std::string id;
  std::uint64_t expected_version = 0;
  std::string state;
  std::optional<std::optional<WallTime>> due;
  std::optional<std::optional<WallTime>> expires;
  std::optional<std::string> summary;
  std::optional<std::string> body;
};

struct LedgerWrite {
  enum class Outcome : std::uint8_t {
    kWritten,
    kConflict,  // insert: the id exists; else: another version is there. Nothing was changed
    kMissing,   // there is no such id
  };
  Outcome outcome = Outcome::kMissing;
  std::uint64_t version = 0;  // of the record as it is now; 0 when there is none
  bool isWritten() const { return outcome == Outcome::kWritten; }
};

struct LedgerQuery {
  std::string kind;
  std::optional<std::string> state;  // any when absent
  std::string after_id;              // the last id of the page before
  std::size_t limit = 100;           // at most limits::kLedgerListMax
};

struct LedgerStateCount {
  std::string state;
  std::uint64_t records = 0;
  bool operator==(const LedgerStateCount&) const = default;
};

struct LedgerEvent {
  std::string kind;
  std::string id;
  std::string state;          // empty when the record was erased
  std::uint64_t version = 0;  // 0 when the record was erased
};

// Destroy it, on the loop it was made for, to hear nothing more.
class LedgerWatch {
 public:
  virtual ~LedgerWatch() = default;
};

// Every call may answer kStoreUnavailable (no room, disk full, input or output error, too many
// requests wait); later calls may succeed again. A loop outlives the requests made with it.
class Ledger {
 public:
  virtual ~Ledger() = default;

  // Also kPayloadTooLarge and kInternalError for a record past its bounds.
  virtual Async<Result<LedgerWrite>> insert(Loop& loop, LedgerRecord record) = 0;
  // Nothing when there is no such id. With its body.
  virtual Async<Result<std::optional<LedgerRecord>>> get(Loop& loop, std::string id) = 0;
  virtual Async<Result<LedgerWrite>> compareAndSet(Loop& loop, LedgerChange change) = 0;
  virtual Async<Result<LedgerWrite>> erase(Loop& loop, std::string id,
                                           std::uint64_t expected_version) = 0;
  // In order of id, without bodies.
  virtual Async<Result<std::vector<LedgerRecord>>> list(Loop& loop, LedgerQuery query) = 0;
  // Records due at `now`: the first of each lane, then the second of each, and so on; within a
  // round the longest due first. Without bodies.
  virtual Async<Result<std::vector<LedgerRecord>>> due(Loop& loop, std::string kind, WallTime now,
                                                       std::size_t limit) = 0;
  // In order of state.
  virtual Async<Result<std::vector<LedgerStateCount>>> countByState(Loop& loop,
                                                                    std::string kind) = 0;
  // Tells each later change of `kind` after it is durable, in order. A hint, not a log: read the
  // record for what is true.
  virtual std::unique_ptr<LedgerWatch> watch(std::string kind, Loop& loop,
                                             std::function<void(const LedgerEvent&)> on_change) = 0;
};

// What insert() and compareAndSet() check first.
Result<void> checkLedgerRecord(const LedgerRecord& record);
Result<void> checkLedgerChange(const LedgerChange& change);

}  // namespace edgehold
