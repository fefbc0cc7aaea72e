// SPDX-License-Identifier: Apache-2.0
// Costs by name from the metrics, quarantine from the watch.
// Thread: main only.
#include "proxy/server/rule_report.h"

#include <algorithm>
#include <map>
#include <string_view>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

struct Quarantine {
  bool is_quarantined = false;
  Duration cooling{};
  std::uint64_t count = 0;
};

// Two routes may each have a rule of the same name.
std::map<std::string, Quarantine, std::less<>> quarantinesOf(const RuleWatch& watch, Instant now) {
  std::map<std::string, Quarantine, std::less<>> quarantines;
  for (const auto& record : watch.records()) {
    Quarantine& quarantine = quarantines[record->rule()];
    quarantine.is_quarantined |= record->isQuarantined();
    quarantine.count += record->quarantines();
    quarantine.cooling = std::max(quarantine.cooling, record->cooling(now));
  }
  return quarantines;
}

}  // namespace

std::vector<RuleReport> reportRules(const MetricsRegistry& metrics, const RuleWatch& watch,
                                    Instant now) {
  std::map<std::string, RuleReport, std::less<>> reports;
  for (const auto& [rule, run] : metrics.ruleTotals()) {
    RuleReport& report = reports[std::string(rule)];
    report.calls = run.calls;
    report.errors = run.errors;
    report.instructions = run.instructions;
    report.time = run.time;
    report.time_max = run.time_max;
    report.memory_bytes_max = run.memory_bytes_max;
  }
  for (const auto& [rule, quarantine] : quarantinesOf(watch, now)) {
    RuleReport& report = reports[rule];
    report.is_quarantined = quarantine.is_quarantined;
    report.cooling = quarantine.cooling;
    report.quarantines = quarantine.count;
  }
  std::vector<RuleReport> list;
  for (auto& [rule, report] : reports) {
    report.rule = rule;
    list.push_back(std::move(report));
  }
  return list;
}

std::vector<std::string> quarantinedRules(const RuleWatch& watch) {
  std::vector<std::string> names;
  for (const auto& record : watch.records()) {
    if (!record->isQuarantined()) continue;
    if (names.empty() || names.back() != record->rule()) names.push_back(record->rule());
  }
  return names;
}

void renderQuarantine(const RuleWatch& watch, Exposition& out) {
  const auto quarantines = quarantinesOf(watch, Instant{});
  const auto render = [&](auto read) {
    std::size_t shown = 0;
    for (const auto& [rule, quarantine] : quarantines) {
      if (++shown > limits::kMetricRulesMax) break;
      out.sample(read(quarantine), {{"rule", rule}});
    }
  };
  out.family("edgehold_rule_quarantined", Exposition::Type::kGauge,
             "1 for a Lua rule that is not run because it spent its budget too often in a row.");
  render([](const Quarantine& q) { return std::uint64_t{q.is_quarantined ? 1u : 0u}; });
  out.family("edgehold_rule_quarantines_total", Exposition::Type::kCounter,
             "How often a Lua rule was put into quarantine.");
  render([](const Quarantine& q) { return q.count; });
}

}  // namespace edgehold
