// SPDX-License-Identifier: Apache-2.0
// Counting failures in a row, and the one try of a rule that has cooled down.
// Thread: any (see rule_watch.h).
#include "lua/runtime/rule_watch.h"

#include <algorithm>

#include "proxy/base/limits.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

// Never 0, which stands for a rule that runs freely.
std::int64_t ticksOf(Instant moment) {
  return std::max<std::int64_t>(1, Duration(moment.time_since_epoch()).count());
}

}  // namespace

RuleRecord::Permit RuleRecord::ask(const RuleQuarantine& terms, Instant now) {
  std::int64_t due = tried_again_at_.load(std::memory_order_acquire);
  if (due == 0) return Permit::kRun;
  if (ticksOf(now) < due) return Permit::kRefused;
  // Whoever moves the date on has the try; if it never ends, the next one comes at that date.
  const bool is_ours = tried_again_at_.compare_exchange_strong(due, ticksOf(now + terms.cooling),
                                                               std::memory_order_acq_rel);
  return is_ours ? Permit::kProbe : Permit::kRefused;
}

void RuleRecord::ended(Permit permit, bool was_over_budget, const RuleQuarantine& terms,
                       Instant now) {
  if (permit == Permit::kProbe) {
    if (was_over_budget) return;
    over_budget_in_row_.store(0, std::memory_order_relaxed);
    tried_again_at_.store(0, std::memory_order_release);
    LOG(INFO) << "rule `" << rule_ << "` is out of quarantine: it kept its budget";
    return;
  }
  if (!was_over_budget) {
    // Read first: a line that all workers write to would be slow.
    if (over_budget_in_row_.load(std::memory_order_relaxed) != 0) {
      over_budget_in_row_.store(0, std::memory_order_relaxed);
    }
    return;
  }
  if (over_budget_in_row_.fetch_add(1, std::memory_order_relaxed) + 1 >= terms.after) {
    quarantine(terms, now);
  }
}

void RuleRecord::quarantine(const RuleQuarantine& terms, Instant now) {
  std::int64_t free = 0;
  // Calls that were under way on other workers may come here too; the alarm is raised once.
  if (!tried_again_at_.compare_exchange_strong(free, ticksOf(now + terms.cooling),
                                               std::memory_order_acq_rel)) {
    return;
  }
  quarantines_.fetch_add(1, std::memory_order_relaxed);
  LOG(ERROR) << "rule `" << rule_ << "` is in quarantine: it spent its budget " << terms.after
             << " times in a row; requests that it would check get its filter's on_error, the next "
                "try is in "
             << std::chrono::duration_cast<std::chrono::seconds>(terms.cooling).count() << " s";
}

Duration RuleRecord::cooling(Instant now) const {
  const std::int64_t due = tried_again_at_.load(std::memory_order_relaxed);
  return Duration(std::max<std::int64_t>(0, due - ticksOf(now)));
}

std::shared_ptr<RuleRecord> RuleWatch::recordOf(std::string_view rule,
                                                const std::string& identity) {
  const std::lock_guard lock(mutex_);
  if (const auto found = records_.find(identity); found != records_.end()) return found->second;
  if (records_.size() >= limits::kRulesWatchedMax) forgetUnused();
  auto record = std::make_shared<RuleRecord>(std::string(rule));
  // With every place in use the record is its engine's alone: quarantine is then per worker.
  if (records_.size() < limits::kRulesWatchedMax) records_.emplace(identity, record);
  return record;
}

// REQUIRES: mutex_ is held.
void RuleWatch::forgetUnused() {
  std::erase_if(records_, [](const auto& entry) { return entry.second.use_count() == 1; });
}

std::vector<std::shared_ptr<const RuleRecord>> RuleWatch::records() const {
  std::vector<std::shared_ptr<const RuleRecord>> list;
  {
    const std::lock_guard lock(mutex_);
    for (const auto& [identity, record] : records_) {
      if (record.use_count() > 1) list.push_back(record);
    }
  }
  std::sort(list.begin(), list.end(),
            [](const auto& a, const auto& b) { return a->rule() < b->rule(); });
  return list;
}

}  // namespace edgehold
