// SPDX-License-Identifier: Apache-2.0
// A ledger that forgets at the end of the process: for tests and for policies that hold nothing.
// Thread: any (synchronised by mutex_).
#pragma once

#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "proxy/state/ledger.h"
#include "proxy/state/ledger_watchers.h"

namespace edgehold {

class MemoryLedger final : public Ledger {
 public:
  MemoryLedger() : watchers_(std::make_shared<LedgerWatchers>()) {}

  Async<Result<LedgerWrite>> insert(Loop& loop, LedgerRecord record) override;
  Async<Result<std::optional<LedgerRecord>>> get(Loop& loop, std::string id) override;
  Async<Result<LedgerWrite>> compareAndSet(Loop& loop, LedgerChange change) override;
  Async<Result<LedgerWrite>> erase(Loop& loop, std::string id,
                                   std::uint64_t expected_version) override;
  Async<Result<std::vector<LedgerRecord>>> list(Loop& loop, LedgerQuery query) override;
  Async<Result<std::vector<LedgerRecord>>> due(Loop& loop, std::string kind, WallTime now,
                                               std::size_t limit) override;
  Async<Result<std::vector<LedgerStateCount>>> countByState(Loop& loop, std::string kind) override;
  std::unique_ptr<LedgerWatch> watch(std::string kind, Loop& loop,
                                     std::function<void(const LedgerEvent&)> on_change) override;

  // From now on every request answers kStoreUnavailable, until told otherwise. For tests.
  void setUnavailable(bool is_unavailable);

 private:
  Result<LedgerWrite> insertNow(LedgerRecord record);
  Result<LedgerWrite> changeNow(const LedgerChange& change);
  Result<LedgerWrite> eraseNow(const std::string& id, std::uint64_t expected_version);
  std::vector<LedgerRecord> listNow(const LedgerQuery& query) const;
  std::vector<LedgerRecord> dueNow(const std::string& kind, WallTime now, std::size_t limit) const;
  std::vector<LedgerStateCount> countNow(const std::string& kind) const;
  // Runs `work` under the lock and posts what it gives.
  template <class T, class Work>
  Async<Result<T>> answer(Loop& loop, const Work& work);

  const std::shared_ptr<LedgerWatchers> watchers_;
  std::mutex mutex_;
  std::map<std::string, LedgerRecord, std::less<>> records_;  // guarded by mutex_
  bool is_unavailable_ = false;                               // guarded by mutex_
};

}  // namespace edgehold
