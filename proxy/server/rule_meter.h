// SPDX-License-Identifier: Apache-2.0
// Carries what rules have cost from a worker's engines to its metrics. A rule call itself counts
// only in its engine: once a second is soon enough for a scrape. Thread: one loop.
#pragma once

#include <map>
#include <memory>
#include <vector>

#include "lua/runtime/rule_engine.h"
#include "proxy/base/loop.h"
#include "proxy/observe/metrics.h"

namespace edgehold {

class RuleMeter {
 public:
  // REQUIRES: all three outlive the meter. Begins with start(), on the loop.
  RuleMeter(Loop& loop, RuleEngines& engines, WorkerMetrics& metrics);

  void start();
  // What has come since the last time. Drops the engines of sets that are gone.
  void read();

 private:
  using Costs = std::vector<RuleCost>;

  void add(const RuleCost& now, const RuleCost& before);

  RuleEngines& engines_;
  WorkerMetrics& metrics_;
  std::map<const RuleEngine*, Costs> seen_;  // as read last; engines that are gone are forgotten
  std::unique_ptr<Timer> timer_;
};

}  // namespace edgehold
