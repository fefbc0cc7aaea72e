// SPDX-License-Identifier: Apache-2.0
// Delays and faults, behind slow_ledger.h.
// Thread: one loop.
#include "tests/simulation/slow_ledger.h"

namespace edgehold::simulation {
namespace {
using namespace std::chrono_literals;
}  // namespace

void SlowLedger::after(Loop& loop, std::function<void()> call) {
  const std::uint64_t key = ++next_timer_;
  timers_[key] = loop.makeTimer([this, key, call = std::move(call)] {
    const auto done = timers_.extract(key);  // the timer that runs this
    call();
  });
  timers_[key]->arm(1us * (random_.next() % 3000));
}

template <class T>
Async<Result<T>> SlowLedger::later(Loop& loop, std::function<Async<Result<T>>()> work) {
  auto [answer, resolver] = Async<Result<T>>::make();
  after(loop, [this, &loop, resolver = resolver, work = std::move(work)] {
    if (is_frozen_) return;
    const bool is_lost = fault_ == Fault::kUnavailable;
    const bool is_uncertain = fault_ == Fault::kUncertain && random_.next() % 2 == 0;
    if (is_lost) return resolver.resolve(fail(Reason::kStoreUnavailable, "no disk"));
    work().detach([this, &loop, resolver, is_uncertain](Result<T> got) {
      if (is_uncertain) got = fail(Reason::kStoreUnavailable, "written, but who knows");
      after(loop, [resolver, got = std::move(got)] { resolver.resolve(got); });
    });
  });
  return std::move(answer);
}

Async<Result<LedgerWrite>> SlowLedger::insert(Loop& loop, LedgerRecord record) {
  return later<LedgerWrite>(
      loop, [this, &loop, record = std::move(record)] { return kept_.insert(loop, record); });
}

Async<Result<std::optional<LedgerRecord>>> SlowLedger::get(Loop& loop, std::string id) {
  return later<std::optional<LedgerRecord>>(
      loop, [this, &loop, id = std::move(id)] { return kept_.get(loop, id); });
}

Async<Result<LedgerWrite>> SlowLedger::compareAndSet(Loop& loop, LedgerChange change) {
  return later<LedgerWrite>(loop, [this, &loop, change = std::move(change)] {
    return kept_.compareAndSet(loop, change);
  });
}

Async<Result<LedgerWrite>> SlowLedger::erase(Loop& loop, std::string id,
                                             std::uint64_t expected_version) {
  return later<LedgerWrite>(loop, [this, &loop, id = std::move(id), expected_version] {
    return kept_.erase(loop, id, expected_version);
  });
}

Async<Result<std::vector<LedgerRecord>>> SlowLedger::list(Loop& loop, LedgerQuery query) {
  return later<std::vector<LedgerRecord>>(
      loop, [this, &loop, query = std::move(query)] { return kept_.list(loop, query); });
}

Async<Result<std::vector<LedgerRecord>>> SlowLedger::due(Loop& loop, std::string kind, WallTime now,
                                                         std::size_t limit) {
  return later<std::vector<LedgerRecord>>(loop, [this, &loop, kind = std::move(kind), now, limit] {
    return kept_.due(loop, kind, now, limit);
  });
}

Async<Result<std::vector<LedgerStateCount>>> SlowLedger::countByState(Loop& loop,
                                                                      std::string kind) {
  return later<std::vector<LedgerStateCount>>(
      loop, [this, &loop, kind = std::move(kind)] { return kept_.countByState(loop, kind); });
}

}  // namespace edgehold::simulation
