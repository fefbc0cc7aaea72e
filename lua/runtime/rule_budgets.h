// SPDX-License-Identifier: Apache-2.0
// What one call of one rule may use up. Operators may change each.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/clock.h"
#include "proxy/base/limits.h"

namespace edgehold {

struct RuleBudgets {
  // Virtual machine instructions; work inside library functions is charged in the same unit.
  std::uint64_t instructions = limits::kRuleInstructionsDefault;
  // How far the state may grow past what it held when its rules were loaded.
  std::size_t memory_bytes = limits::kRuleMemoryBytesDefault;
  Duration wall = limits::kRuleWallDefault;
};

// When a rule that spends its budget is not run any more, and for how long.
struct RuleQuarantine {
  std::uint32_t after = limits::kRuleQuarantineAfterDefault;  // calls in a row, over all workers
  Duration cooling = limits::kRuleQuarantineDefault;          // then one call tries it
};

// What running the files of a rule set for the first time may use up.
inline constexpr RuleBudgets kRuleLoadBudgets{.instructions = 1'000'000,
                                              .memory_bytes = 32 * 1024 * 1024,
                                              .wall = std::chrono::milliseconds(500)};

}  // namespace edgehold
