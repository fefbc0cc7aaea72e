// SPDX-License-Identifier: Apache-2.0
// A ledger as a disk makes it: answers come late, some say that nothing was written and some of
// those are wrong. What it keeps survives the server. Thread: one loop.
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/state/memory_ledger.h"
#include "tests/support/fake_random.h"

namespace edgehold::simulation {

class SlowLedger final : public Ledger {
 public:
  enum class Fault { kNone, kUnavailable, kUncertain };

  // `kept` outlives it: the disk.
  SlowLedger(MemoryLedger& kept, FakeRandom& random) : kept_(kept), random_(random) {}

  void setFault(Fault fault) { fault_ = fault; }
  // The process is dying: what has not been applied by now never is.
  void freeze() { is_frozen_ = true; }

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
                                     std::function<void(const LedgerEvent&)> on_change) override {
    return kept_.watch(std::move(kind), loop, std::move(on_change));
  }

 private:
  // Runs `work` after a while, and lets its answer come after another.
  template <class T>
  Async<Result<T>> later(Loop& loop, std::function<Async<Result<T>>()> work);
  void after(Loop& loop, std::function<void()> call);

  MemoryLedger& kept_;
  FakeRandom& random_;
  Fault fault_ = Fault::kNone;
  bool is_frozen_ = false;
  std::uint64_t next_timer_ = 0;
  std::map<std::uint64_t, std::unique_ptr<Timer>> timers_;
};

}  // namespace edgehold::simulation
