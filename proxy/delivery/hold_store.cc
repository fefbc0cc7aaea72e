// SPDX-License-Identifier: Apache-2.0
// Holds into the ledger and out of it.
// Thread: any (immutable but for atomic counts); answers come on the loop that was given.
#include "proxy/delivery/hold_store.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/secret.h"
#include "proxy/observe/redact.h"

namespace edgehold {
namespace {

ByteView bytesOf(const HoldDigest& digest) {
  return {reinterpret_cast<const char*>(digest.data()), digest.size()};
}

Result<HoldState> stateOf(const LedgerRecord& kept) {
  const auto state = holdStateFromName(kept.state);
  if (!state) return fail(kept.id + ": unknown state `" + kept.state + "`");
  return *state;
}

Result<HoldEntry> entryOf(const LedgerRecord& kept) {
  HoldEntry entry;
  entry.approval_id = kept.id;
  TRY_ASSIGN(entry.state, stateOf(kept));
  auto summary = parseHoldSummary(kept.summary);
  if (!summary) return fail(summary.error().within(kept.id));
  entry.summary = std::move(*summary);
  return entry;
}

// The ledger's answer as a hold that is there; another kind's record is none.
Result<LedgerRecord> foundHold(Result<std::optional<LedgerRecord>> got) {
  if (!got) return fail(std::move(got).error());
  if (!*got || (*got)->kind != kHoldKind) return fail(Reason::kHoldNotFound);
  return std::move(**got);
}

bool isPast(const LedgerRecord& kept, WallTime now) { return kept.expires && *kept.expires <= now; }

Result<HoldDetails> detailsOf(const LedgerRecord& kept) {
  HoldDetails details;
  TRY_ASSIGN(details.entry, entryOf(kept));
  TRY_ASSIGN(HoldRecord record, parseHoldRecord(kept.body));
  for (const auto& [name, value] : record.request.headers) {
    details.headers.emplace_back(name, std::string(shownHeaderValue(name, value)));
  }
  details.body = std::move(record.request.body);
  details.is_forgotten = record.is_forgotten;
  return details;
}

Result<HoldFate> fateOf(const LedgerRecord& kept, const std::string& token, const Clock& clock,
                        const SteadyTime& time) {
  TRY_ASSIGN(HoldRecord record, parseHoldRecord(kept.body));
  if (!constantTimeEqual(bytesOf(record.token_hash), bytesOf(sha256(token)))) {
    return fail(Reason::kHoldNotFound);
  }
  HoldFate fate;
  TRY_ASSIGN(fate.state, stateOf(kept));
  if (fate.state == HoldState::kPending && isPast(kept, time.at(clock))) {
    fate.state = HoldState::kExpired;
    record.reason = Reason::kHoldExpired;
  }
  // Approved or not is the approver's business until there is an answer.
  fate.reason = isSettled(fate.state) ? record.reason : Reason::kHoldPending;
  if (kept.expires) fate.expires = *kept.expires + time.wallAhead(clock);
  fate.answer = std::move(record.answer);
  return fate;
}

Result<void> checkRuling(const HoldRuling& ruling) {
  if (ruling.reason.empty()) return fail(Reason::kMalformedRequest, "a reason is required");
  const std::size_t longest = std::max(ruling.by.size(), ruling.reason.size());
  if (longest <= limits::kHoldRulingBytesMax) return {};
  return fail(Reason::kMalformedRequest, "the reason is too long");
}

// Whether `state` may still be decided; if not, why.
Result<void> checkPending(HoldState state) {
  if (state == HoldState::kPending) return {};
  if (state == HoldState::kExpired) return fail(Reason::kHoldExpired);
  return fail(Reason::kHoldDecided, "it is " + std::string(holdStateName(state)));
}

template <class T>
Async<Result<T>> answerNow(Error error) {
  auto [async, resolver] = Async<Result<T>>::make();
  resolver.resolve(fail(std::move(error)));
  return std::move(async);
}

}  // namespace

LedgerChange settlingChange(const LedgerRecord& kept, HoldSummary summary, HoldState state,
                            const Settling& settling) {
  if (settling.answer) summary.answer_status = settling.answer->status;
  summary.outcome = reasonCode(settling.reason);
  LedgerChange change;
  change.id = kept.id;
  change.expected_version = kept.version;
  change.state = holdStateName(state);
  change.due.emplace(settling.now + limits::kHoldKept);  // then it is erased
  change.summary = writeHoldSummary(summary);
  // What cannot be read is left as it is, for whoever looks into it.
  if (auto record = parseHoldRecord(kept.body)) {
    record->reason = settling.reason;
    record->answer = settling.answer;
    forgetContent(*record);
    change.body = encodeHoldRecord(*record);
  }
  return change;
}

Result<HoldStore::Ruled> HoldStore::rule(const LedgerRecord& kept, const HoldRuling& ruling,
                                         HoldState state, const Clock& clock) const {
  const WallTime now = time_.at(clock);
  Ruled ruled;
  TRY_ASSIGN(ruled.entry, entryOf(kept));
  HoldEntry& entry = ruled.entry;
  TRY(checkPending(entry.state));
  if (isPast(kept, now)) {  // silence was the answer, even if nobody has looked at the clock yet
    entry.state = HoldState::kExpired;
    ruled.change = settlingChange(kept, entry.summary, entry.state,
                                  {.reason = Reason::kHoldExpired, .answer = {}, .now = now});
    return ruled;
  }
  entry.state = state;
  entry.summary.decided_by = ruling.by;
  entry.summary.decided_reason = ruling.reason;
  entry.summary.decided_at_ms = unixMilliseconds(clock.wallNow());
  if (state == HoldState::kDenied) {
    ruled.change = settlingChange(kept, entry.summary, state,
                                  {.reason = Reason::kHoldDenied, .answer = {}, .now = now});
    return ruled;
  }
  ruled.change.id = kept.id;
  ruled.change.expected_version = kept.version;
  ruled.change.state = holdStateName(state);
  ruled.change.due.emplace(now);
  ruled.change.summary = writeHoldSummary(entry.summary);
  return ruled;
}

Async<Result<HoldTicket>> HoldStore::hold(const Exchange& exchange, const HoldTerms& terms,
                                          Loop& loop, Random& random) {
  if (pending_.fetch_add(1) >= static_cast<std::int64_t>(limits::kHoldsPendingMax)) {
    notePendingEnded();
    return answerNow<HoldTicket>({Reason::kOverloaded, "too many holds are pending"});
  }
  // Whole milliseconds, as the ledger keeps them.
  const WallTime now = wallTimeFromMilliseconds(unixMilliseconds(loop.clock().wallNow()));
  HoldTicket ticket{"apr_" + randomHex(random, 1), randomHex(random, 2), now + terms.ttl};
  HoldRecord record;
  record.request = storedRequestOf(exchange);
  record.request.approval_id = ticket.approval_id;
  record.request.rule = terms.rule;
  record.request.reason = terms.reason;
  record.request.held_at_ms = unixMilliseconds(now);
  record.digest = digestOf(record.request);
  record.token_hash = sha256(ticket.status_token);

  LedgerRecord kept;
  kept.kind = kHoldKind;
  kept.id = ticket.approval_id;
  kept.lane = record.request.principal.empty() ? record.request.route : record.request.principal;
  kept.state = holdStateName(HoldState::kPending);
  kept.due = kept.expires = time_.at(loop.clock()) + terms.ttl;
  kept.summary = writeHoldSummary(summaryOf(record, unixMilliseconds(ticket.expires)));
  kept.body = encodeHoldRecord(record);

  auto [async, resolver] = Async<Result<HoldTicket>>::make();
  ledger_.insert(loop, std::move(kept))
      .detach([this, &loop, resolver = resolver,
               ticket = std::move(ticket)](Result<LedgerWrite> written) mutable {
        if (!written || !written->isWritten() || !resolver.isWanted()) notePendingEnded();
        if (!written) return resolver.resolve(fail(std::move(written).error()));
        if (!written->isWritten()) {
          return resolver.resolve(fail(Reason::kStoreUnavailable, "the hold's id is taken"));
        }
        if (resolver.isWanted()) return resolver.resolve(std::move(ticket));
        // Whoever asked has left without a ticket: nobody shall approve what nobody waits for.
        ledger_.erase(loop, ticket.approval_id, written->version).detach([](auto) {});
      });
  return std::move(async);
}

Async<Result<std::vector<HoldEntry>>> HoldStore::list(Loop& loop, HoldListQuery query) {
  LedgerQuery asked;
  asked.kind = kHoldKind;
  if (query.state) asked.state = std::string(holdStateName(*query.state));
  asked.after_id = std::move(query.after_id);
  asked.limit = std::min(query.limit, limits::kLedgerListMax);
  auto [async, resolver] = Async<Result<std::vector<HoldEntry>>>::make();
  ledger_.list(loop, std::move(asked))
      .detach([resolver = resolver](Result<std::vector<LedgerRecord>> rows) {
        if (!rows) return resolver.resolve(fail(std::move(rows).error()));
        std::vector<HoldEntry> entries;
        for (const LedgerRecord& row : *rows) {
          auto entry = entryOf(row);
          if (entry) {
            entries.push_back(std::move(*entry));
          } else {
            LOG(ERROR) << entry.error().message;
          }
        }
        resolver.resolve(std::move(entries));
      });
  return std::move(async);
}

Async<Result<HoldDetails>> HoldStore::show(Loop& loop, std::string id) {
  auto [async, resolver] = Async<Result<HoldDetails>>::make();
  ledger_.get(loop, std::move(id))
      .detach([resolver = resolver](Result<std::optional<LedgerRecord>> got) {
        const auto kept = foundHold(std::move(got));
        resolver.resolve(kept ? detailsOf(*kept) : fail(kept.error()));
      });
  return std::move(async);
}

Async<Result<HoldFate>> HoldStore::findByToken(Loop& loop, std::string id, std::string token) {
  auto [async, resolver] = Async<Result<HoldFate>>::make();
  ledger_.get(loop, std::move(id))
      .detach([this, &loop, resolver = resolver,
               token = std::move(token)](Result<std::optional<LedgerRecord>> got) {
        const auto kept = foundHold(std::move(got));
        resolver.resolve(kept ? fateOf(*kept, token, loop.clock(), time_) : fail(kept.error()));
      });
  return std::move(async);
}

Async<Result<HoldEntry>> HoldStore::approve(Loop& loop, std::string id, HoldRuling ruling) {
  return decide(loop, std::move(id), std::move(ruling), HoldState::kApproved);
}

Async<Result<HoldEntry>> HoldStore::deny(Loop& loop, std::string id, HoldRuling ruling) {
  return decide(loop, std::move(id), std::move(ruling), HoldState::kDenied);
}

Async<Result<HoldEntry>> HoldStore::decide(Loop& loop, std::string id, HoldRuling ruling,
                                           HoldState state) {
  if (const auto checked = checkRuling(ruling); !checked) {
    return answerNow<HoldEntry>(checked.error());
  }
  auto [async, resolver] = Async<Result<HoldEntry>>::make();
  ledger_.get(loop, std::move(id))
      .detach([this, &loop, resolver = resolver, ruling = std::move(ruling),
               state](Result<std::optional<LedgerRecord>> got) mutable {
        const auto kept = foundHold(std::move(got));
        if (!kept) return resolver.resolve(fail(kept.error()));
        auto ruled = rule(*kept, ruling, state, loop.clock());
        if (!ruled) return resolver.resolve(fail(std::move(ruled).error()));
        write(loop, std::move(*ruled), resolver);
      });
  return std::move(async);
}

void HoldStore::write(Loop& loop, Ruled ruled, const Resolver<Result<HoldEntry>>& resolver) {
  ledger_.compareAndSet(loop, std::move(ruled.change))
      .detach([this, resolver, entry = std::move(ruled.entry)](Result<LedgerWrite> written) {
        if (!written) return resolver.resolve(fail(std::move(written).error()));
        if (!written->isWritten()) {
          return resolver.resolve(fail(Reason::kHoldDecided, "somebody else was faster"));
        }
        notePendingEnded();
        if (entry.state == HoldState::kExpired) return resolver.resolve(fail(Reason::kHoldExpired));
        resolver.resolve(entry);
      });
}

void HoldStore::noteCounts(const std::vector<LedgerStateCount>& counts) {
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    const std::string_view name = holdStateName(static_cast<HoldState>(i));
    const auto found = std::find_if(counts.begin(), counts.end(),
                                    [&](const auto& count) { return count.state == name; });
    counts_[i].store(found == counts.end() ? 0 : found->records);
  }
  const auto pending = counts_[static_cast<std::size_t>(HoldState::kPending)].load();
  pending_.store(static_cast<std::int64_t>(pending));
}

void HoldStore::render(Exposition& out) const {
  out.family("edgehold_holds", Exposition::Type::kGauge, "Holds by state, a few seconds old.");
  for (std::size_t i = 0; i < counts_.size(); ++i) {
    out.sample(counts_[i].load(), {{"state", holdStateName(static_cast<HoldState>(i))}});
  }
}

}  // namespace edgehold
