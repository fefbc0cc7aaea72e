// SPDX-License-Identifier: Apache-2.0
// One evaluation under way: which rule it has come to, what was said so far, and the Lua state that
// it has for itself until it is over, however long it pauses. Thread: one loop.
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>

#include "lua/runtime/bindings.h"
#include "lua/runtime/rule_call.h"
#include "lua/runtime/rule_entry.h"
#include "lua/runtime/rule_program.h"
#include "lua/runtime/rule_watch.h"
#include "proxy/base/result.h"

namespace edgehold {

class RuleEngine;

class RuleRun {
 public:
  enum class Pace : std::uint8_t { kToTheEnd, kInSlices };

  // REQUIRES: the engine, its rule set and whatever `call` refers to outlive the run.
  RuleRun(RuleEngine& engine, RuleEntry entry, RuleCall call)
      : engine_(engine), entry_(entry), call_(std::move(call)) {}
  RuleRun(RuleRun&& other) noexcept = default;
  RuleRun& operator=(RuleRun&&) = delete;
  // One that has paused is given up: what it took stays taken, nothing of it runs on.
  ~RuleRun();

  // Asks rule after rule, as RuleEngine::evaluate(). Nothing: its slice is over, and it is to be
  // called again in a later turn of the loop. REQUIRES: it has not answered yet.
  std::optional<Result<RuleVerdict>> goOn(Pace pace);

  // What `state` counts with from now on.
  void rememberIn(RuleMemory& memory) { call_.memory = &memory; }

 private:
  Result<void> open();
  std::optional<Result<RuleVerdict>> askAll();
  std::optional<Result<RuleVerdict>> ask();
  Result<void> beginRule();
  void beginCall();
  Result<RuleVerdict> endCall(const Result<bool>& ran);
  Result<RuleVerdict> read(const Result<bool>& ran);
  RuleVerdict keep(RuleVerdict verdict);
  void close();

  RuleEngine& engine_;
  const RuleEntry entry_;
  RuleCall call_;
  std::unique_ptr<RuleProgram> program_;  // null before the first slice and after the last
  bool has_paused_ = false;               // it counts among those of the engine
  std::size_t next_ = 0;                  // the rule that is asked next, or is being asked
  RuleVerdict first_hold_;
  // Of the rule that is being asked.
  bool is_asking_ = false;  // it has paused
  int arguments_ = 0;
  RuleRecord::Permit permit_ = RuleRecord::Permit::kRun;
  std::int64_t grown_before_ = 0;
};

}  // namespace edgehold
