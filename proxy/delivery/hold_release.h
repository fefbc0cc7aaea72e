// SPDX-License-Identifier: Apache-2.0
// Sends approved holds, once, and ends those that nobody decided. What was begun before a crash is
// unknown afterwards: it is shown, and never sent again.
// Thread: one loop; an Executor's answer may come on any.
#pragma once

#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "proxy/base/loop.h"
#include "proxy/delivery/hold_record.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/state/ledger.h"

namespace edgehold {

// What became of a released request.
struct ExecutionResult {
  // kReleased: the upstream answered, and `answer` is there. kPolicyChanged: the current policy
  // refuses it. kDraining: not now; it stays approved. Else why it failed.
  Reason reason = Reason::kInternalError;
  // A byte of it may have reached an upstream. Without a whole answer it is then unknown.
  bool was_sent = false;
  StoredAnswer answer;
};

class HoldRelease {
 public:
  // Carries a request out: checks it under the current policy, then sends it.
  class Executor {
   public:
    virtual ~Executor() = default;
    // `done` is called once, on any thread. It has deadlines of its own: nobody waits for it here.
    virtual void execute(StoredRequest request, std::function<void(ExecutionResult)> done) = 0;
  };

  // Begins at once: first what an earlier life left behind, then what is approved and due.
  // REQUIRES: all four outlive it (or their queued calls never run).
  HoldRelease(Loop& loop, HoldStore& holds, Ledger& ledger, Executor& executor);
  ~HoldRelease();
  // None is on its way.
  bool isResting() const { return busy_.empty() && unwritten_.empty(); }
  HoldRelease(const HoldRelease&) = delete;
  HoldRelease& operator=(const HoldRelease&) = delete;

 private:
  // One hold on its way, from `approved` until its end is written.
  struct Run {
    LedgerRecord kept;  // as it is in the ledger
    HoldSummary summary;
    LedgerChange end;  // once it is known; written again until it is
  };
  using RunPointer = std::shared_ptr<Run>;

  // At the start.
  void settleInterrupted();
  void countStates();
  void watchWallClock();
  WallTime now() const { return holds_.time().at(loop_.clock()); }
  // Every kHoldSweepInterval.
  void sweep();
  void attend(const LedgerRecord& row);
  void expire(const std::string& id);
  // One release.
  void begin(const std::string& id);
  void claim(const RunPointer& run);
  void execute(const RunPointer& run, StoredRequest request);
  void onExecuted(const RunPointer& run, ExecutionResult result);
  void giveBack(const RunPointer& run);
  void settle(const RunPointer& run, HoldState state, const Settling& settling);
  void writeEnd(const RunPointer& run);
  void finish(const RunPointer& run);

  // Wraps a callback so that it does nothing once this object is gone. Loop only.
  template <class Call>
  auto whileAlive(Call call) {
    return [alive = std::weak_ptr<const bool>(alive_), call = std::move(call)](auto&&... values) {
      if (!alive.expired()) call(std::forward<decltype(values)>(values)...);
    };
  }

  Loop& loop_;
  HoldStore& holds_;
  Ledger& ledger_;
  Executor& executor_;
  std::shared_ptr<const bool> alive_ = std::make_shared<const bool>(true);
  std::unique_ptr<Timer> sweep_timer_;
  std::unique_ptr<LedgerWatch> watch_;
  bool is_started_ = false;            // no `executing` of an earlier life is left
  std::size_t interrupted_ = 0;        // of them, how many are being settled
  Duration wall_ahead_{};              // of the time that holds go by, when last looked at
  int sweeps_until_count_ = 0;         // counting is dearer than sweeping
  std::set<std::string> busy_;         // at most limits::kHoldsReleasingMax
  std::vector<RunPointer> unwritten_;  // ended, but the ledger could not be written
};

}  // namespace edgehold
