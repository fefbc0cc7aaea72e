// SPDX-License-Identifier: Apache-2.0
// What a worker counts per exchange, and what the registry keeps for the process.
// Thread: WorkerMetrics one loop writes, any reads; MetricsRegistry any (see metrics.h).
#include "proxy/observe/metrics.h"

#include <algorithm>
#include <utility>

namespace edgehold {

WorkerMetrics::WorkerMetrics(MetricLabels& labels)
    : labels_(labels),
      route_cache_(labels.routes),
      filter_cache_(labels.filters),
      rule_cache_(labels.rules) {}

void WorkerMetrics::exchangeDone(std::string_view route, const Decision& decision) {
  const auto kind = static_cast<std::size_t>(decision.kind);
  const auto reason = static_cast<std::size_t>(decision.reason);
  routes_.at(route_cache_.slotOf(route)).decisions[kind][reason].add();
  countFilters(decision);
  policy_time.observe(decision.policy_time);
  if (decision.upstream_status != 0) upstream_time.observe(decision.upstream_time);
  total_time.observe(decision.total_time);
}

void WorkerMetrics::messageDone(MessageFacts::Direction direction, const Decision& decision) {
  const bool is_refused = decision.kind != Decision::Kind::kAllow;
  websocket_messages[static_cast<std::size_t>(direction)][is_refused ? 1 : 0].add();
  countFilters(decision);
}

void WorkerMetrics::countFilters(const Decision& decision) {
  if (!decision.filter.empty()) {
    const auto reason = static_cast<std::size_t>(decision.reason);
    filters_.at(filter_cache_.slotOf(decision.filter)).decided[reason].add();
  }
  for (const ShadowVerdict& shadow : decision.shadows) {
    FilterSeries& series = filters_.at(filter_cache_.slotOf(shadow.filter));
    series.shadowed[static_cast<std::size_t>(shadow.reason)].add();
  }
}

void WorkerMetrics::rulesRan(std::string_view rule, const RuleRun& run) {
  RuleSeries& series = rules_.at(rule_cache_.slotOf(rule));
  series.calls.add(run.calls);
  series.errors.add(run.errors);
  series.instructions.add(run.instructions);
  if (run.time.count() > 0) series.nanoseconds.add(static_cast<std::uint64_t>(run.time.count()));
  const auto memory = static_cast<std::int64_t>(run.memory_bytes_max);
  series.memory_bytes_max.set(std::max(series.memory_bytes_max.value(), memory));
  series.nanoseconds_max.set(std::max(series.nanoseconds_max.value(), run.time_max.count()));
}

WorkerMetrics::UpstreamSeries& WorkerMetrics::upstream(std::string_view name) {
  return upstreams_.at(labels_.upstreams.find(name).slot);
}

MetricsRegistry::MetricsRegistry(std::string version) : version_(std::move(version)) {}

WorkerMetrics& MetricsRegistry::addWorker() {
  workers_.push_back(std::make_unique<WorkerMetrics>(labels_));
  return *workers_.back();
}

void MetricsRegistry::addCollector(Collector collector) {
  collectors_.push_back(std::move(collector));
}

void MetricsRegistry::reloadSucceeded(WallTime when, std::string_view policy_version) {
  reloads_ok_.fetch_add(1, std::memory_order_relaxed);
  last_reload_ms_.store(unixMilliseconds(when), std::memory_order_relaxed);
  is_last_reload_ok_.store(true, std::memory_order_relaxed);
  const std::lock_guard lock(mutex_);
  policy_version_ = policy_version;
}

void MetricsRegistry::reloadFailed(WallTime when) {
  reloads_failed_.fetch_add(1, std::memory_order_relaxed);
  last_reload_ms_.store(unixMilliseconds(when), std::memory_order_relaxed);
  is_last_reload_ok_.store(false, std::memory_order_relaxed);
}

}  // namespace edgehold
