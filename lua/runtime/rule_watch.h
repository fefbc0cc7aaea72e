// SPDX-License-Identifier: Apache-2.0
// Which rules are in quarantine. A rule that spends its budget call after call costs every other
// request of its worker that much time: after some in a row, counted over all workers, it is not
// run any more until it has cooled down; then one call tries it. A changed rule starts afresh, the
// same rule after a reload does not.
// Thread: any (the map synchronised by mutex_, records by their atomics).
#pragma once

#include <atomic>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "lua/runtime/rule_budgets.h"
#include "proxy/base/clock.h"

namespace edgehold {

class RuleRecord {
 public:
  enum class Permit : std::uint8_t { kRun, kProbe, kRefused };

  explicit RuleRecord(std::string rule) : rule_(std::move(rule)) {}

  // Whether the rule may be called now. kProbe: as the one try after cooling down; nobody else gets
  // one until its ended(), or until the rule has cooled down once more.
  Permit ask(const RuleQuarantine& terms, Instant now);
  // The call that `permit` allowed is over.
  void ended(Permit permit, bool was_over_budget, const RuleQuarantine& terms, Instant now);

  const std::string& rule() const { return rule_; }
  bool isQuarantined() const { return tried_again_at_.load(std::memory_order_relaxed) != 0; }
  // Until the next try; zero when it is due, or when the rule is not quarantined.
  Duration cooling(Instant now) const;
  // How often it was put into quarantine.
  std::uint64_t quarantines() const { return quarantines_.load(std::memory_order_relaxed); }

 private:
  void quarantine(const RuleQuarantine& terms, Instant now);

  const std::string rule_;
  std::atomic<std::uint32_t> over_budget_in_row_{0};
  std::atomic<std::int64_t> tried_again_at_{0};  // nanoseconds of the steady clock; 0: runs freely
  std::atomic<std::uint64_t> quarantines_{0};
};

class RuleWatch {
 public:
  RuleWatch() = default;
  RuleWatch(const RuleWatch&) = delete;
  RuleWatch& operator=(const RuleWatch&) = delete;

  // The record of the rule that `identity` tells from all others (its id, text and budgets).
  std::shared_ptr<RuleRecord> recordOf(std::string_view rule, const std::string& identity);
  // Of rules in use and in quarantine, by name; one name may come twice.
  std::vector<std::shared_ptr<const RuleRecord>> records() const;

 private:
  void forgetUnused();

  mutable std::mutex mutex_;
  std::map<std::string, std::shared_ptr<RuleRecord>> records_;  // guarded by mutex_; by identity
};

}  // namespace edgehold
