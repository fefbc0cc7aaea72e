// SPDX-License-Identifier: Apache-2.0
// The laws of the ledger over one map.
// Thread: any (synchronised by mutex_).
#include "proxy/state/memory_ledger.h"

#include <algorithm>
#include <tuple>
#include <utility>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using Outcome = LedgerWrite::Outcome;

std::optional<WallTime> wholeMilliseconds(std::optional<WallTime> time) {
  if (!time) return std::nullopt;
  return wallTimeFromMilliseconds(unixMilliseconds(*time));
}

LedgerRecord withoutBody(const LedgerRecord& record) {
  LedgerRecord row = record;
  row.body.clear();
  return row;
}

}  // namespace

template <class T, class Work>
Async<Result<T>> MemoryLedger::answer(Loop& loop, const Work& work) {
  auto [async, resolver] = Async<Result<T>>::make();
  const std::lock_guard lock(mutex_);
  Result<T> result = fail(Reason::kStoreUnavailable, "the state store is unavailable");
  if (!is_unavailable_) result = work();
  loop.post([resolver = resolver, result = std::move(result)]() mutable {
    resolver.resolve(std::move(result));
  });
  return std::move(async);
}

void MemoryLedger::setUnavailable(bool is_unavailable) {
  const std::lock_guard lock(mutex_);
  is_unavailable_ = is_unavailable;
}

Async<Result<LedgerWrite>> MemoryLedger::insert(Loop& loop, LedgerRecord record) {
  return answer<LedgerWrite>(loop, [&] { return insertNow(std::move(record)); });
}

Async<Result<std::optional<LedgerRecord>>> MemoryLedger::get(Loop& loop, std::string id) {
  return answer<std::optional<LedgerRecord>>(loop, [&]() -> Result<std::optional<LedgerRecord>> {
    const auto found = records_.find(id);
    if (found == records_.end()) return std::nullopt;
    return found->second;
  });
}

Async<Result<LedgerWrite>> MemoryLedger::compareAndSet(Loop& loop, LedgerChange change) {
  return answer<LedgerWrite>(loop, [&] { return changeNow(change); });
}

Async<Result<LedgerWrite>> MemoryLedger::erase(Loop& loop, std::string id,
                                               std::uint64_t expected_version) {
  return answer<LedgerWrite>(loop, [&] { return eraseNow(id, expected_version); });
}

Async<Result<std::vector<LedgerRecord>>> MemoryLedger::list(Loop& loop, LedgerQuery query) {
  return answer<std::vector<LedgerRecord>>(loop, [&] { return listNow(query); });
}

Async<Result<std::vector<LedgerRecord>>> MemoryLedger::due(Loop& loop, std::string kind,
                                                           WallTime now, std::size_t limit) {
  return answer<std::vector<LedgerRecord>>(loop, [&] { return dueNow(kind, now, limit); });
}

Async<Result<std::vector<LedgerStateCount>>> MemoryLedger::countByState(Loop& loop,
                                                                        std::string kind) {
  return answer<std::vector<LedgerStateCount>>(loop, [&] { return countNow(kind); });
}

std::unique_ptr<LedgerWatch> MemoryLedger::watch(
    std::string kind, Loop& loop, std::function<void(const LedgerEvent&)> on_change) {
  return watchers_->add(std::move(kind), loop, std::move(on_change));
}

Result<LedgerWrite> MemoryLedger::insertNow(LedgerRecord record) {
  TRY(checkLedgerRecord(record));
  const auto found = records_.find(record.id);
  if (found != records_.end()) return LedgerWrite{Outcome::kConflict, found->second.version};
  record.version = 1;
  record.body_bytes = record.body.size();
  record.due = wholeMilliseconds(record.due);
  record.expires = wholeMilliseconds(record.expires);
  watchers_->tell({{record.kind, record.id, record.state, 1}});
  std::string id = record.id;
  records_.emplace(std::move(id), std::move(record));
  return LedgerWrite{Outcome::kWritten, 1};
}

Result<LedgerWrite> MemoryLedger::changeNow(const LedgerChange& change) {
  TRY(checkLedgerChange(change));
  const auto found = records_.find(change.id);
  if (found == records_.end()) return LedgerWrite{Outcome::kMissing, 0};
  LedgerRecord& record = found->second;
  if (record.version != change.expected_version) {
    return LedgerWrite{Outcome::kConflict, record.version};
  }
  record.state = change.state;
  if (change.due) record.due = wholeMilliseconds(*change.due);
  if (change.expires) record.expires = wholeMilliseconds(*change.expires);
  if (change.summary) record.summary = *change.summary;
  if (change.body) record.body = *change.body;
  record.body_bytes = record.body.size();
  ++record.version;
  watchers_->tell({{record.kind, record.id, record.state, record.version}});
  return LedgerWrite{Outcome::kWritten, record.version};
}

Result<LedgerWrite> MemoryLedger::eraseNow(const std::string& id, std::uint64_t expected_version) {
  const auto found = records_.find(id);
  if (found == records_.end()) return LedgerWrite{Outcome::kMissing, 0};
  if (found->second.version != expected_version) {
    return LedgerWrite{Outcome::kConflict, found->second.version};
  }
  watchers_->tell({{found->second.kind, id, "", 0}});
  records_.erase(found);
  return LedgerWrite{Outcome::kWritten, 0};
}

std::vector<LedgerRecord> MemoryLedger::listNow(const LedgerQuery& query) const {
  std::vector<LedgerRecord> rows;
  const std::size_t limit = std::min(query.limit, limits::kLedgerListMax);
  for (auto at = records_.upper_bound(query.after_id); at != records_.end(); ++at) {
    if (rows.size() == limit) break;
    const LedgerRecord& record = at->second;
    if (record.kind != query.kind || (query.state && record.state != *query.state)) continue;
    rows.push_back(withoutBody(record));
  }
  return rows;
}

std::vector<LedgerRecord> MemoryLedger::dueNow(const std::string& kind, WallTime now,
                                               std::size_t limit) const {
  std::vector<const LedgerRecord*> ready;
  for (const auto& [id, record] : records_) {
    if (record.kind == kind && record.due && *record.due <= now) ready.push_back(&record);
  }
  std::sort(ready.begin(), ready.end(), [](const LedgerRecord* a, const LedgerRecord* b) {
    return std::tie(*a->due, a->id) < std::tie(*b->due, b->id);
  });
  struct Turn {
    std::size_t turn;
    const LedgerRecord* record;
  };
  std::vector<Turn> turns;
  std::map<std::string, std::size_t, std::less<>> turn_of_lane;
  for (const LedgerRecord* record : ready) turns.push_back({turn_of_lane[record->lane]++, record});
  std::stable_sort(turns.begin(), turns.end(),
                   [](const Turn& a, const Turn& b) { return a.turn < b.turn; });
  std::vector<LedgerRecord> rows;
  for (const Turn& turn : turns) {
    if (rows.size() == std::min(limit, limits::kLedgerListMax)) break;
    rows.push_back(withoutBody(*turn.record));
  }
  return rows;
}

std::vector<LedgerStateCount> MemoryLedger::countNow(const std::string& kind) const {
  std::map<std::string, std::uint64_t> counts;
  for (const auto& [id, record] : records_) {
    if (record.kind == kind) ++counts[record.state];
  }
  std::vector<LedgerStateCount> rows;
  for (const auto& [state, count] : counts) rows.push_back({state, count});
  return rows;
}

}  // namespace edgehold
