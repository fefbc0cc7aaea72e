// SPDX-License-Identifier: Apache-2.0
// What is counted. A worker has its own WorkerMetrics and adds to it with plain stores; the
// registry sums over the workers when it is scraped, and renders. Thread: WorkerMetrics one loop
// writes, any reads; MetricsRegistry says so at each function.
#pragma once

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/limits.h"
#include "proxy/base/reason.h"
#include "proxy/exchange/decision.h"
#include "proxy/exchange/websocket_facts.h"
#include "proxy/http/http2_budget.h"
#include "proxy/net/proxy_fault.h"
#include "proxy/observe/exposition.h"
#include "proxy/observe/label_table.h"
#include "proxy/observe/metric_cells.h"

namespace edgehold {

inline constexpr std::size_t kReasonCount = static_cast<std::size_t>(Reason::kCount);
inline constexpr std::size_t kDecisionKindCount =
    static_cast<std::size_t>(Decision::Kind::kError) + 1;

// The names that all workers share.
struct MetricLabels {
  LabelTable routes{limits::kMetricRoutesMax};
  LabelTable filters{limits::kMetricFiltersMax};
  LabelTable rules{limits::kMetricRulesMax};
  LabelTable upstreams{limits::kMetricUpstreamsMax};
};

class alignas(kCacheLineBytes) WorkerMetrics {
 public:
  using ByReason = std::array<CounterCell, kReasonCount>;
  struct RouteSeries {
    std::array<ByReason, kDecisionKindCount> decisions;
  };
  struct FilterSeries {
    ByReason decided;
    ByReason shadowed;
  };
  struct RuleSeries {
    CounterCell calls;
    CounterCell errors;
    CounterCell nanoseconds;
    CounterCell instructions;
    GaugeCell nanoseconds_max;   // of one call
    GaugeCell memory_bytes_max;  // of one call
  };
  struct UpstreamSeries {
    CounterCell connections;       // opened
    GaugeCell connections_open;    // now
    CounterCell requests;          // sent, over new and kept connections
    CounterCell requests_on_kept;  // of these, over a kept one
    ByReason errors;
  };

  // REQUIRES: the labels outlive the worker.
  explicit WorkerMetrics(MetricLabels& labels);
  WorkerMetrics(const WorkerMetrics&) = delete;
  WorkerMetrics& operator=(const WorkerMetrics&) = delete;

  // An exchange is over. `route`: its name, empty when none matched.
  void exchangeDone(std::string_view route, const Decision& decision);
  // A message of an inspected WebSocket was decided, or passed where nobody asks.
  void messageDone(MessageFacts::Direction direction, const Decision& decision);
  void messagePassed(MessageFacts::Direction direction) {
    websocket_messages[static_cast<std::size_t>(direction)][0].add();
  }
  // What the calls of a rule came to since the last time.
  struct RuleRun {
    std::uint64_t calls = 0;
    std::uint64_t errors = 0;
    std::uint64_t instructions = 0;
    Duration time{};
    // Of one call, since the engine was made.
    Duration time_max{};
    std::size_t memory_bytes_max = 0;
  };
  void rulesRan(std::string_view rule, const RuleRun& run);
  // Look it up once per pool or upstream, not per request: the reference lasts.
  UpstreamSeries& upstream(std::string_view name);
  void upstreamFailed(std::string_view name, Reason reason) {
    upstream(name).errors[static_cast<std::size_t>(reason)].add();
  }

  CounterCell connections_accepted;
  // Why something was refused for want of room.
  enum class Cap : std::uint8_t {
    kConnections,
    kAddress,
    kExchanges,
    kBufferedBytes,
    kHandshakes,
    kUpstreamConnections,
    kCount,  // keep last
  };
  static constexpr std::size_t kCapCount = static_cast<std::size_t>(Cap::kCount);
  std::array<CounterCell, kCapCount> refused_at;
  void refusedAt(Cap cap) { refused_at[static_cast<std::size_t>(cap)].add(); }
  GaugeCell buffered_bytes;
  CounterCell connections_refused;  // at a cap, or while draining
  GaugeCell connections_open;
  GaugeCell exchanges_open;
  GaugeCell websockets_open;
  std::array<CounterCell, kProxyFaultCount> proxy_faults;
  void proxyFault(ProxyFault fault) { proxy_faults[static_cast<std::size_t>(fault)].add(); }
  // What clients broke, and lost their connection for.
  enum class Broken : std::uint8_t { kHttp1Syntax, kHttp2Protocol, kWebSocketFrames, kCount };
  static constexpr std::size_t kBrokenCount = static_cast<std::size_t>(Broken::kCount);
  std::array<CounterCell, kBrokenCount> protocol_errors;
  void protocolBroken(Broken kind) { protocol_errors[static_cast<std::size_t>(kind)].add(); }
  // By direction; passed and refused.
  std::array<std::array<CounterCell, 2>, 2> websocket_messages;
  std::array<CounterCell, 2> sse_events;  // of inspected event streams: passed, dropped
  CounterCell tls_handshakes;
  CounterCell tls_handshake_failures;
  CounterCell tls_abuses;        // closed for records without content
  CounterCell connections_shed;  // closed to make room for others
  std::array<CounterCell, kHttp2AbuseCount> http2_abuses;
  CounterCell client_bytes_in;
  CounterCell client_bytes_out;
  CounterCell upstream_bytes_in;
  CounterCell upstream_bytes_out;
  CounterCell audit_records;
  CounterCell audit_records_lost;  // the buffer was full while the file could not be written
  DurationHistogram policy_time;
  DurationHistogram upstream_time;
  DurationHistogram total_time;
  DurationHistogram turn_time;  // how long one loop turn kept the others waiting

 private:
  void countFilters(const Decision& decision);

  friend class MetricsRegistry;
  SeriesTable<RouteSeries, limits::kMetricRoutesMax> routes_;
  SeriesTable<FilterSeries, limits::kMetricFiltersMax> filters_;
  SeriesTable<RuleSeries, limits::kMetricRulesMax> rules_;
  SeriesTable<UpstreamSeries, limits::kMetricUpstreamsMax> upstreams_;
  MetricLabels& labels_;
  LabelCache route_cache_;
  LabelCache filter_cache_;
  LabelCache rule_cache_;
};

class MetricsRegistry {
 public:
  // Adds families of its own to a scrape: holds by state, audit file, upstream health. Called on
  // the thread that scrapes.
  using Collector = std::function<void(Exposition&)>;

  // `version`: of the program.
  explicit MetricsRegistry(std::string version);

  // Main only, before the workers run. The reference lasts as long as the registry.
  WorkerMetrics& addWorker();
  // Main only, before the first scrape.
  void addCollector(Collector collector);
  // Any thread.
  void reloadSucceeded(WallTime when, std::string_view policy_version);
  void reloadFailed(WallTime when);
  std::string render() const;
  // Every rule that was ever called, by the order of its first call.
  struct RuleTotal {
    std::string_view rule;  // lives as long as the registry
    WorkerMetrics::RuleRun run;
  };
  std::vector<RuleTotal> ruleTotals() const;

 private:
  void renderExchanges(Exposition& out) const;
  void renderFilters(Exposition& out) const;
  void renderRules(Exposition& out) const;
  void renderUpstreams(Exposition& out) const;
  void renderCaps(Exposition& out) const;
  void renderTransport(Exposition& out) const;
  void renderPolicy(Exposition& out) const;
  void renderDurations(Exposition& out) const;

  std::uint64_t sum(CounterCell WorkerMetrics::*cell) const;
  std::int64_t sum(GaugeCell WorkerMetrics::*cell) const;
  template <std::size_t kCells>
  std::uint64_t sum(std::array<CounterCell, kCells> WorkerMetrics::*cells,
                    std::size_t index) const {
    std::uint64_t total = 0;
    for (const auto& worker : workers_) total += ((*worker).*cells)[index].value();
    return total;
  }
  void renderHistogram(Exposition& out, std::string_view name, std::string_view help,
                       DurationHistogram WorkerMetrics::*histogram) const;

  const std::string version_;
  mutable MetricLabels labels_;
  std::vector<std::unique_ptr<WorkerMetrics>> workers_;
  std::vector<Collector> collectors_;
  std::atomic<std::uint64_t> reloads_ok_{0};
  std::atomic<std::uint64_t> reloads_failed_{0};
  std::atomic<std::int64_t> last_reload_ms_{0};
  std::atomic<bool> is_last_reload_ok_{true};
  mutable std::mutex mutex_;
  std::string policy_version_;  // guarded by mutex_
};

}  // namespace edgehold
