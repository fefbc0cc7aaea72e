// SPDX-License-Identifier: Apache-2.0
// The generic cell rate algorithm as state/counters has it, on a clock that tests move.
// Thread: main only.
#include "lua/runtime/test_memory.h"

#include <algorithm>

namespace edgehold {
namespace {

// A test file that makes more keys is told that nothing is left.
constexpr std::size_t kKeysMax = 10'000;

}  // namespace

RuleMemory::Taken TestMemory::take(std::string_view rule, std::string_view key, const Rate& rate) {
  if (const auto set = left_.find(key); set != left_.end()) {
    if (set->second == 0) return {};
    return {true, --set->second};
  }
  const std::string name = std::string(rule) + " " + std::to_string(rate.tokens) + " " +
                           std::to_string(rate.period.count()) + " " + std::string(key);
  if (full_again_at_.size() >= kKeysMax && full_again_at_.find(name) == full_again_at_.end()) {
    return {};
  }
  const Duration interval = rate.period / static_cast<std::int64_t>(rate.tokens);
  Duration& full_again_at = full_again_at_[name];
  const Duration next = std::max(full_again_at, now_) + interval;
  if (next - now_ > interval * static_cast<std::int64_t>(rate.tokens)) return {};
  full_again_at = next;
  const auto used = static_cast<std::uint64_t>((next - now_ + interval - Duration(1)) / interval);
  return {true, rate.tokens - std::min(rate.tokens, used)};
}

void TestMemory::setLeft(std::string_view key, std::uint64_t tokens) {
  if (left_.size() < kKeysMax) left_[std::string(key)] = tokens;
}

void TestMemory::clear() {
  full_again_at_.clear();
  left_.clear();
}

}  // namespace edgehold
