// SPDX-License-Identifier: Apache-2.0
// Where held requests are kept, decided and asked about. It writes to the ledger and owns nothing
// else; who sends an approved request is hold_release.h.
// Thread: any (immutable but for an atomic count); answers come on the loop that was given.
#pragma once

#include <atomic>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/async.h"
#include "proxy/base/loop.h"
#include "proxy/base/result.h"
#include "proxy/delivery/hold_record.h"
#include "proxy/delivery/hold_state.h"
#include "proxy/delivery/hold_summary.h"
#include "proxy/exchange/hold_desk.h"
#include "proxy/observe/exposition.h"
#include "proxy/state/ledger.h"

namespace edgehold {

// A hold as a list shows it.
struct HoldEntry {
  std::string approval_id;
  HoldState state = HoldState::kPending;
  HoldSummary summary;
};

// A hold as its approver sees it. Header values that may be secret are redacted; the body is the
// very bytes, since they are what is approved (empty once the hold is decided).
struct HoldDetails {
  HoldEntry entry;
  StoredRequest::Fields headers;
  std::string body;
  bool is_forgotten = false;
};

struct HoldListQuery {
  std::optional<HoldState> state;
  std::string after_id;
  std::size_t limit = 100;
};

// Who decides, and why. Both are told in lists and in the audit.
struct HoldRuling {
  std::string by;
  std::string reason;
};

// What became of a request, for whoever made it.
struct HoldFate {
  HoldState state = HoldState::kPending;
  Reason reason = Reason::kHoldPending;  // of the answer to give, unless `answer` is there
  WallTime expires;
  std::optional<StoredAnswer> answer;
};

class HoldStore final : public HoldDesk {
 public:
  // REQUIRES: the ledger outlives the store.
  explicit HoldStore(Ledger& ledger) : ledger_(ledger) {}

  // kOverloaded past limits::kHoldsPendingMax.
  Async<Result<HoldTicket>> hold(const Exchange& exchange, const HoldTerms& terms, Loop& loop,
                                 Random& random) override;

  // In order of id. Records that cannot be read are left out (and logged).
  Async<Result<std::vector<HoldEntry>>> list(Loop& loop, HoldListQuery query);
  // kHoldNotFound when there is none.
  Async<Result<HoldDetails>> show(Loop& loop, std::string id);
  // The hold as it is now. kHoldNotFound; kHoldExpired when silence was the answer already; else
  // the reason of the state it is in (kHoldDenied, kReleased …) when it is pending no more.
  Async<Result<HoldEntry>> approve(Loop& loop, std::string id, HoldRuling ruling);
  Async<Result<HoldEntry>> deny(Loop& loop, std::string id, HoldRuling ruling);
  // kHoldNotFound for a hold that is not there and for a wrong token alike.
  Async<Result<HoldFate>> findByToken(Loop& loop, std::string id, std::string token);

  // What the limit of pending holds compares with; HoldRelease sets it at the start.
  void seedPending(std::uint64_t count) { pending_.store(static_cast<std::int64_t>(count)); }
  void notePendingEnded() { pending_.fetch_sub(1); }
  std::int64_t pendingCount() const { return pending_.load(); }

 private:
  Async<Result<HoldEntry>> decide(Loop& loop, std::string id, HoldRuling ruling, HoldState state);

  Ledger& ledger_;
  std::atomic<std::int64_t> pending_{0};
};

// The change that settles `entry`: its record without content, and erased after a while.
LedgerChange settlingChange(const LedgerRecord& kept, HoldRecord record, HoldSummary summary,
                            HoldState state, WallTime now);

}  // namespace edgehold
