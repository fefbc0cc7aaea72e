// SPDX-License-Identifier: Apache-2.0
// Differences of rule costs, behind rule_meter.h.
// Thread: one loop.
#include "proxy/server/rule_meter.h"

#include <chrono>
#include <utility>

namespace edgehold {
namespace {
constexpr auto kInterval = std::chrono::seconds(1);
}  // namespace

RuleMeter::RuleMeter(Loop& loop, RuleEngines& engines, WorkerMetrics& metrics)
    : engines_(engines), metrics_(metrics), timer_(loop.makeTimer([this] {
        read();
        timer_->arm(kInterval);
      })) {}

void RuleMeter::start() { timer_->arm(kInterval); }

void RuleMeter::read() {
  std::map<const RuleEngine*, Costs> now;
  engines_.forEach([&](const RuleSet&, const RuleEngine& engine) {
    const auto before = seen_.find(&engine);
    const Costs& costs = engine.costs();
    for (std::size_t i = 0; i < costs.size(); ++i) {
      const bool is_known = before != seen_.end() && i < before->second.size() &&
                            before->second[i].calls <= costs[i].calls;
      add(costs[i], is_known ? before->second[i] : RuleCost{});
    }
    now.emplace(&engine, costs);
  });
  seen_ = std::move(now);
  engines_.sweep();
}

void RuleMeter::add(const RuleCost& now, const RuleCost& before) {
  if (now.calls == before.calls) return;
  metrics_.rulesRan(now.rule, {.calls = now.calls - before.calls,
                               .errors = now.errors - before.errors,
                               .instructions = now.instructions - before.instructions,
                               .time = now.time - before.time,
                               .time_max = now.time_max,
                               .memory_bytes_max = now.memory_bytes_max});
}

}  // namespace edgehold
