// SPDX-License-Identifier: Apache-2.0
// Where held requests are kept, decided and asked about. It writes to the ledger and owns nothing
// else; who sends an approved request is hold_release.h.
// Thread: any (immutable but for an atomic count); answers come on the loop that was given.
#pragma once

#include <array>
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
#include "proxy/state/steady_time.h"

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
  // Holds expire by `time`. REQUIRES: the ledger outlives the store.
  explicit HoldStore(Ledger& ledger, SteadyTime time = {}) : ledger_(ledger), time_(time) {}

  const SteadyTime& time() const { return time_; }

  // kOverloaded past limits::kHoldsPendingMax.
  Async<Result<HoldTicket>> hold(const Exchange& exchange, const HoldTerms& terms, Loop& loop,
                                 Random& random) override;

  // In order of id. Records that cannot be read are left out (and logged).
  Async<Result<std::vector<HoldEntry>>> list(Loop& loop, HoldListQuery query);
  // kHoldNotFound when there is none.
  Async<Result<HoldDetails>> show(Loop& loop, std::string id);
  // The hold as it is now. kHoldNotFound; kHoldExpired when silence was the answer already;
  // kHoldDecided when it is pending no more; kMalformedRequest for a ruling without a reason.
  Async<Result<HoldEntry>> approve(Loop& loop, std::string id, HoldRuling ruling);
  Async<Result<HoldEntry>> deny(Loop& loop, std::string id, HoldRuling ruling);
  // kHoldNotFound for a hold that is not there and for a wrong token alike.
  Async<Result<HoldFate>> findByToken(Loop& loop, std::string id, std::string token);

  // What HoldRelease counted: the limit of pending holds compares with it, and scrapes show it.
  void noteCounts(const std::vector<LedgerStateCount>& counts);
  void notePendingEnded() { pending_.fetch_sub(1); }
  std::int64_t pendingCount() const { return pending_.load(); }
  // The holds family of a scrape.
  void render(Exposition& out) const;

 private:
  struct Ruled {
    HoldEntry entry;  // as it will be
    LedgerChange change;
  };
  Async<Result<HoldEntry>> decide(Loop& loop, std::string id, HoldRuling ruling, HoldState state);
  Result<Ruled> rule(const LedgerRecord& kept, const HoldRuling& ruling, HoldState state,
                     const Clock& clock) const;
  void write(Loop& loop, Ruled ruled, const Resolver<Result<HoldEntry>>& resolver);

  Ledger& ledger_;
  const SteadyTime time_;
  std::atomic<std::int64_t> pending_{0};
  std::array<std::atomic<std::uint64_t>, 8> counts_{};  // by HoldState
};

// How a hold ends.
struct Settling {
  Reason reason = Reason::kInternalError;
  std::optional<StoredAnswer> answer;
  WallTime now;
};

// The change that settles `kept` (with its body): content forgotten, the outcome noted, erased
// after a while.
LedgerChange settlingChange(const LedgerRecord& kept, HoldSummary summary, HoldState state,
                            const Settling& settling);

}  // namespace edgehold
