// SPDX-License-Identifier: Apache-2.0
// The steps of a release, each a compare-and-set that only one can win.
// Thread: one loop.
#include "proxy/delivery/hold_release.h"

#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

constexpr std::size_t kSweepRecords = 100;
constexpr int kSweepsPerCount = 10;
constexpr Duration kJump = std::chrono::seconds(5);  // more than a clock is slewed between sweeps

bool isIn(const LedgerRecord& kept, HoldState state) { return kept.state == holdStateName(state); }

// An unreadable summary must not keep a hold from its end.
HoldSummary summaryIn(const LedgerRecord& kept) {
  return parseHoldSummary(kept.summary).value_or(HoldSummary{});
}

// The request, if every byte of it is what was approved.
Result<StoredRequest> verifiedRequest(const LedgerRecord& kept) {
  TRY_ASSIGN(HoldRecord record, parseHoldRecord(kept.body));
  if (record.is_forgotten) return fail("hold record: its content was erased");
  if (record.request.approval_id != kept.id) return fail("hold record: of another hold");
  if (digestOf(record.request) != record.digest) {
    return fail("hold record: the request does not match its digest");
  }
  return std::move(record.request);
}

}  // namespace

HoldRelease::HoldRelease(Loop& loop, HoldStore& holds, Ledger& ledger, Executor& executor)
    : loop_(loop), holds_(holds), ledger_(ledger), executor_(executor) {
  sweep_timer_ = loop_.makeTimer([this] { sweep(); });
  watch_ = ledger_.watch(std::string(kHoldKind), loop_, [this](const LedgerEvent& event) {
    if (event.state == holdStateName(HoldState::kApproved)) begin(event.id);
  });
  sweep();
}

HoldRelease::~HoldRelease() = default;

void HoldRelease::sweep() {
  sweep_timer_->arm(limits::kHoldSweepInterval);
  watchWallClock();
  if (!is_started_) return settleInterrupted();
  if (--sweeps_until_count_ <= 0) countStates();
  for (const RunPointer& run : std::exchange(unwritten_, {})) writeEnd(run);
  ledger_.due(loop_, std::string(kHoldKind), now(), kSweepRecords)
      .detach(whileAlive([this](Result<std::vector<LedgerRecord>> rows) {
        if (!rows) return;  // the next sweep asks again
        for (const LedgerRecord& row : *rows) attend(row);
      }));
}

void HoldRelease::watchWallClock() {
  const Duration ahead = holds_.time().wallAhead(loop_.clock());
  if (ahead - wall_ahead_ < kJump && wall_ahead_ - ahead < kJump) return;
  LOG(ERROR) << "the wall clock jumped by "
             << std::chrono::duration_cast<std::chrono::seconds>(ahead - wall_ahead_).count()
             << " s; holds keep their terms, but signed times are judged by it";
  wall_ahead_ = ahead;
}

void HoldRelease::countStates() {
  sweeps_until_count_ = kSweepsPerCount;
  ledger_.countByState(loop_, std::string(kHoldKind))
      .detach(whileAlive([this](const Result<std::vector<LedgerStateCount>>& counts) {
        if (counts) holds_.noteCounts(*counts);
      }));
}

// Until none is left, page by page; only then may anything new begin to execute.
void HoldRelease::settleInterrupted() {
  LedgerQuery query;
  query.kind = kHoldKind;
  query.state = std::string(holdStateName(HoldState::kExecuting));
  query.limit = kSweepRecords;
  ledger_.list(loop_, std::move(query))
      .detach(whileAlive([this](const Result<std::vector<LedgerRecord>>& rows) {
        if (!rows || is_started_) return;
        is_started_ = rows->empty();
        if (is_started_) return sweep();
        interrupted_ = rows->size();
        for (const LedgerRecord& row : *rows) {
          LOG(ERROR) << row.id << ": was being sent when edgehold stopped; its outcome is unknown";
          ledger_.get(loop_, row.id)
              .detach(whileAlive([this](const Result<std::optional<LedgerRecord>>& got) {
                if (!got || !*got || !isIn(**got, HoldState::kExecuting)) return;
                const auto run = std::make_shared<Run>();
                run->kept = **got;
                run->summary = summaryIn(run->kept);
                settle(run, HoldState::kUnknown,
                       {.reason = Reason::kHoldOutcomeUnknown, .answer = {}, .now = this->now()});
              }));
        }
      }));
}

void HoldRelease::attend(const LedgerRecord& row) {
  const auto state = holdStateFromName(row.state);
  if (!state) return;
  if (*state == HoldState::kApproved) {
    begin(row.id);
  } else if (*state == HoldState::kPending) {
    expire(row.id);
  } else if (isSettled(*state)) {  // kept long enough
    ledger_.erase(loop_, row.id, row.version).detach([](const auto&) {});
  }
}

void HoldRelease::expire(const std::string& id) {
  ledger_.get(loop_, id).detach(whileAlive([this](const Result<std::optional<LedgerRecord>>& got) {
    const WallTime now = this->now();
    if (!got || !*got || !isIn(**got, HoldState::kPending)) return;
    if (!(*got)->expires || *(*got)->expires > now) return;
    auto change = settlingChange(**got, summaryIn(**got), HoldState::kExpired,
                                 {.reason = Reason::kHoldExpired, .answer = {}, .now = now});
    ledger_.compareAndSet(loop_, std::move(change))
        .detach(whileAlive([this](const Result<LedgerWrite>& written) {
          if (written && written->isWritten()) holds_.notePendingEnded();
        }));
  }));
}

void HoldRelease::begin(const std::string& id) {
  // What finds no place stays due: a later sweep brings it back.
  if (!is_started_ || busy_.size() >= limits::kHoldsReleasingMax) return;
  if (!busy_.insert(id).second) return;
  ledger_.get(loop_, id).detach(whileAlive([this, id](Result<std::optional<LedgerRecord>> got) {
    if (!got || !*got || !isIn(**got, HoldState::kApproved)) {
      busy_.erase(id);
      return;
    }
    const auto run = std::make_shared<Run>();
    run->kept = std::move(**got);
    claim(run);
  }));
}

void HoldRelease::claim(const RunPointer& run) {
  const WallTime now = this->now();
  auto summary = parseHoldSummary(run->kept.summary);
  auto request = verifiedRequest(run->kept);
  if (!summary || !request) {
    LOG(ERROR) << run->kept.id
               << ": not sent: " << (summary ? request.error().message : summary.error().message);
    run->summary = summary.value_or(HoldSummary{});
    return settle(run, HoldState::kFailed,
                  {.reason = Reason::kInternalError, .answer = {}, .now = now});
  }
  run->summary = std::move(*summary);
  if (run->kept.expires && *run->kept.expires + limits::kHoldReleaseGrace <= now) {
    return settle(run, HoldState::kExpired,
                  {.reason = Reason::kHoldExpired, .answer = {}, .now = now});
  }
  LedgerChange change;
  change.id = run->kept.id;
  change.expected_version = run->kept.version;
  change.state = holdStateName(HoldState::kExecuting);
  change.due.emplace(std::nullopt);
  ledger_.compareAndSet(loop_, std::move(change))
      .detach(whileAlive([this, run, request = std::move(*request)](Result<LedgerWrite> written) {
        if (written && !written->isWritten()) return finish(run);
        // After an error nobody knows whether it is written: then it is not sent, and goes back to
        // `approved` should it be.
        run->kept.version = written ? written->version : run->kept.version + 1;
        if (!written) return giveBack(run);
        execute(run, request);
      }));
}

void HoldRelease::execute(const RunPointer& run, StoredRequest request) {
  request.approved_by = run->summary.decided_by;
  // The loop outlives the workers that answer; this object may not.
  const auto onResult =
      whileAlive([this, run](ExecutionResult result) { onExecuted(run, std::move(result)); });
  executor_.execute(std::move(request), [&loop = loop_, onResult](ExecutionResult result) {
    loop.post([onResult, result = std::move(result)] { onResult(result); });
  });
}

void HoldRelease::onExecuted(const RunPointer& run, ExecutionResult result) {
  const WallTime now = this->now();
  if (result.reason == Reason::kReleased) {
    if (result.answer.body.size() > limits::kHoldAnswerBytesMax) {
      result.answer.body.resize(limits::kHoldAnswerBytesMax);
      result.answer.is_cut = true;
    }
    return settle(run, HoldState::kDone,
                  {.reason = Reason::kReleased, .answer = std::move(result.answer), .now = now});
  }
  if (result.was_sent) {
    return settle(run, HoldState::kUnknown,
                  {.reason = Reason::kHoldOutcomeUnknown, .answer = {}, .now = now});
  }
  if (result.reason != Reason::kDraining) {
    return settle(run, HoldState::kFailed, {.reason = result.reason, .answer = {}, .now = now});
  }
  giveBack(run);  // whoever runs next takes it
}

// Of what was claimed nothing has left.
void HoldRelease::giveBack(const RunPointer& run) {
  run->end.id = run->kept.id;
  run->end.expected_version = run->kept.version;
  run->end.state = holdStateName(HoldState::kApproved);
  run->end.due.emplace(now() + limits::kHoldSweepInterval);
  writeEnd(run);
}

void HoldRelease::settle(const RunPointer& run, HoldState state, const Settling& settling) {
  run->end = settlingChange(run->kept, run->summary, state, settling);
  writeEnd(run);
}

void HoldRelease::writeEnd(const RunPointer& run) {
  ledger_.compareAndSet(loop_, run->end)
      .detach(whileAlive([this, run](const Result<LedgerWrite>& written) {
        if (!written) {
          unwritten_.push_back(run);  // it stays busy: nobody begins it again
          return;
        }
        // Not even claimed, when it is approved still.
        if (!written->isWritten() && run->end.state != holdStateName(HoldState::kApproved)) {
          LOG(ERROR) << run->kept.id << ": somebody else changed it; it should have become "
                     << run->end.state;
        }
        finish(run);
      }));
}

void HoldRelease::finish(const RunPointer& run) {
  busy_.erase(run->kept.id);
  // What was approved waits for the last of them, not for the next sweep.
  if (!is_started_ && interrupted_ > 0 && --interrupted_ == 0) sweep();
}

}  // namespace edgehold
