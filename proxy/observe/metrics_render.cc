// SPDX-License-Identifier: Apache-2.0
// A scrape: sums over the workers and renders every family. Names, help texts and units are here
// and in README.md, nowhere else.
// Thread: any (reads relaxed atomics; the tables of labels lock).
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "proxy/observe/metrics.h"
#include "proxy/observe/process_stats.h"

namespace edgehold {
namespace {

using Type = Exposition::Type;

double seconds(std::uint64_t nanoseconds) { return static_cast<double>(nanoseconds) / 1e9; }

// `le` of each bound in seconds, as the shortest text.
std::string boundText(std::size_t index) {
  if (index == DurationHistogram::kBounds.size()) return "+Inf";
  Exposition number;
  number.sample(seconds(static_cast<std::uint64_t>(DurationHistogram::kBounds[index])));
  return number.text().substr(1, number.text().size() - 2);  // between the blank and the line feed
}

std::string_view reasonAt(std::size_t index) { return reasonCode(static_cast<Reason>(index)); }

}  // namespace

std::uint64_t MetricsRegistry::sum(CounterCell WorkerMetrics::*cell) const {
  std::uint64_t total = 0;
  for (const auto& worker : workers_) total += ((*worker).*cell).value();
  return total;
}

std::int64_t MetricsRegistry::sum(GaugeCell WorkerMetrics::*cell) const {
  std::int64_t total = 0;
  for (const auto& worker : workers_) total += ((*worker).*cell).value();
  return total;
}

void MetricsRegistry::renderExchanges(Exposition& out) const {
  out.family("edgehold_exchanges_total", Type::kCounter,
             "Requests by route, decision and reason code.");
  const std::vector<std::string_view> routes = labels_.routes.names();
  for (std::size_t slot = 0; slot < routes.size(); ++slot) {
    for (std::size_t kind = 0; kind < kDecisionKindCount; ++kind) {
      for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
        std::uint64_t total = 0;
        for (const auto& worker : workers_) {
          const auto* const series = worker->routes_.find(slot);
          if (series != nullptr) total += series->decisions[kind][reason].value();
        }
        if (total == 0) continue;
        out.sample(total, {{"route", routes[slot]},
                           {"decision", decisionName(static_cast<Decision::Kind>(kind))},
                           {"reason", reasonAt(reason)}});
      }
    }
  }
  out.family("edgehold_exchanges_open", Type::kGauge, "Requests under way.");
  out.sample(sum(&WorkerMetrics::exchanges_open));
  out.family("edgehold_websockets_open", Type::kGauge, "WebSockets that are open.");
  out.sample(sum(&WorkerMetrics::websockets_open));
  out.family("edgehold_websocket_messages_total", Type::kCounter,
             "Messages of inspected WebSockets, by direction and decision.");
  for (std::size_t direction = 0; direction < 2; ++direction) {
    for (std::size_t refused = 0; refused < 2; ++refused) {
      std::uint64_t total = 0;
      for (const auto& worker : workers_) {
        total += worker->websocket_messages[direction][refused].value();
      }
      out.sample(total, {{"direction", direction == 0 ? "to_upstream" : "to_client"},
                         {"decision", refused == 0 ? "allow" : "deny"}});
    }
  }
  out.family("edgehold_sse_events_total", Type::kCounter,
             "Events of inspected event streams, by what became of them.");
  for (std::size_t dropped = 0; dropped < 2; ++dropped) {
    out.sample(sum(&WorkerMetrics::sse_events, dropped),
               {{"decision", dropped == 0 ? "pass" : "drop"}});
  }
}

void MetricsRegistry::renderFilters(Exposition& out) const {
  const std::vector<std::string_view> filters = labels_.filters.names();
  const auto render = [&](WorkerMetrics::ByReason WorkerMetrics::FilterSeries::*counts) {
    for (std::size_t slot = 0; slot < filters.size(); ++slot) {
      for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
        std::uint64_t total = 0;
        for (const auto& worker : workers_) {
          const auto* const series = worker->filters_.find(slot);
          if (series != nullptr) total += (series->*counts)[reason].value();
        }
        if (total == 0) continue;
        out.sample(total, {{"filter", filters[slot]}, {"reason", reasonAt(reason)}});
      }
    }
  };
  out.family("edgehold_filter_decisions_total", Type::kCounter,
             "Exchanges that a filter decided, by filter and reason code.");
  render(&WorkerMetrics::FilterSeries::decided);
  out.family("edgehold_shadow_verdicts_total", Type::kCounter,
             "What filters in shadow mode would have decided.");
  render(&WorkerMetrics::FilterSeries::shadowed);
}

std::vector<MetricsRegistry::RuleTotal> MetricsRegistry::ruleTotals() const {
  std::vector<RuleTotal> totals;
  const std::vector<std::string_view> rules = labels_.rules.names();
  for (std::size_t slot = 0; slot < rules.size(); ++slot) {
    RuleTotal total{rules[slot], {}};
    bool is_known = false;
    for (const auto& worker : workers_) {
      const auto* const series = worker->rules_.find(slot);
      if (series == nullptr) continue;
      is_known = true;
      WorkerMetrics::RuleRun& run = total.run;
      run.calls += series->calls.value();
      run.errors += series->errors.value();
      run.instructions += series->instructions.value();
      run.time += Duration(static_cast<std::int64_t>(series->nanoseconds.value()));
      run.time_max = std::max(run.time_max, Duration(series->nanoseconds_max.value()));
      run.memory_bytes_max = std::max(run.memory_bytes_max,
                                      static_cast<std::size_t>(series->memory_bytes_max.value()));
    }
    if (is_known) totals.push_back(total);
  }
  return totals;
}

void MetricsRegistry::renderRules(Exposition& out) const {
  const std::vector<RuleTotal> totals = ruleTotals();
  const auto render = [&](std::string_view name, Type type, std::string_view help, auto read) {
    out.family(name, type, help);
    for (const RuleTotal& total : totals) out.sample(read(total.run), {{"rule", total.rule}});
  };
  using Run = WorkerMetrics::RuleRun;
  const auto secondsOf = [](Duration time) {
    return seconds(static_cast<std::uint64_t>(time.count()));
  };
  render("edgehold_rule_calls_total", Type::kCounter, "Calls of Lua rules.",
         [](const Run& run) { return run.calls; });
  render("edgehold_rule_errors_total", Type::kCounter,
         "Calls of Lua rules that failed or ran out of their budget.",
         [](const Run& run) { return run.errors; });
  render("edgehold_rule_seconds_total", Type::kCounter, "Time spent in Lua rules.",
         [&](const Run& run) { return secondsOf(run.time); });
  render("edgehold_rule_seconds_max", Type::kGauge, "The longest call of a Lua rule.",
         [&](const Run& run) { return secondsOf(run.time_max); });
  render("edgehold_rule_instructions_total", Type::kCounter,
         "Instructions of Lua rules, work in library functions included.",
         [](const Run& run) { return run.instructions; });
  render("edgehold_rule_memory_bytes_max", Type::kGauge,
         "How far one call of a Lua rule made its state grow, at most.",
         [](const Run& run) { return std::uint64_t{run.memory_bytes_max}; });
}

void MetricsRegistry::renderUpstreams(Exposition& out) const {
  const std::vector<std::string_view> upstreams = labels_.upstreams.names();
  using Series = WorkerMetrics::UpstreamSeries;
  const auto render = [&](std::string_view name, Type type, std::string_view help, auto read) {
    out.family(name, type, help);
    for (std::size_t slot = 0; slot < upstreams.size(); ++slot) {
      decltype(read(std::declval<const Series&>())) total = 0;
      bool is_known = false;
      for (const auto& worker : workers_) {
        const Series* const series = worker->upstreams_.find(slot);
        if (series == nullptr) continue;
        is_known = true;
        total += read(*series);
      }
      if (is_known) out.sample(total, {{"upstream", upstreams[slot]}});
    }
  };
  render("edgehold_upstream_connections_total", Type::kCounter, "Upstream connections opened.",
         [](const Series& series) { return series.connections.value(); });
  render("edgehold_upstream_connections_open", Type::kGauge, "Upstream connections now open.",
         [](const Series& series) { return series.connections_open.value(); });
  render("edgehold_upstream_requests_total", Type::kCounter, "Requests sent upstream.",
         [](const Series& series) { return series.requests.value(); });
  render("edgehold_upstream_reuses_total", Type::kCounter,
         "Requests sent over an upstream connection that was kept.",
         [](const Series& series) { return series.requests_on_kept.value(); });
  out.family("edgehold_upstream_errors_total", Type::kCounter, "Upstream failures by reason code.");
  for (std::size_t slot = 0; slot < upstreams.size(); ++slot) {
    for (std::size_t reason = 0; reason < kReasonCount; ++reason) {
      std::uint64_t total = 0;
      for (const auto& worker : workers_) {
        const Series* const series = worker->upstreams_.find(slot);
        if (series != nullptr) total += series->errors[reason].value();
      }
      if (total == 0) continue;
      out.sample(total, {{"upstream", upstreams[slot]}, {"reason", reasonAt(reason)}});
    }
  }
}

void MetricsRegistry::renderCaps(Exposition& out) const {
  constexpr std::array<std::string_view, WorkerMetrics::kCapCount> kNames = {
      "connections", "connections_per_address", "exchanges", "buffered",
      "handshakes",  "upstream_connections"};
  out.family("edgehold_overload_refusals_total", Type::kCounter,
             "Connections and requests refused at a limit of the process, or of an upstream.");
  for (std::size_t cap = 0; cap < kNames.size(); ++cap) {
    out.sample(sum(&WorkerMetrics::refused_at, cap), {{"limit", kNames[cap]}});
  }
  out.family("edgehold_buffered_bytes", Type::kGauge,
             "Bodies and answers in memory, by worker, against the limit `buffered`.");
  for (std::size_t index = 0; index < workers_.size(); ++index) {
    out.sample(workers_[index]->buffered_bytes.value(), {{"worker", std::to_string(index)}});
  }
}

void MetricsRegistry::renderTransport(Exposition& out) const {
  struct Counted {
    std::string_view name;
    std::string_view help;
    CounterCell WorkerMetrics::*cell;
  };
  constexpr std::array kCounted = {
      Counted{"edgehold_connections_total", "Client connections accepted.",
              &WorkerMetrics::connections_accepted},
      Counted{"edgehold_connections_refused_total",
              "Client connections closed at once: at a cap, or while draining.",
              &WorkerMetrics::connections_refused},
      Counted{"edgehold_tls_handshakes_total", "TLS handshakes completed with clients.",
              &WorkerMetrics::tls_handshakes},
      Counted{"edgehold_tls_handshake_failures_total", "TLS handshakes with clients that failed.",
              &WorkerMetrics::tls_handshake_failures},
      Counted{"edgehold_tls_abuse_total",
              "TLS connections closed for a flood of records without content.",
              &WorkerMetrics::tls_abuses},
      Counted{"edgehold_connections_shed_total",
              "Connections closed at a cap to make room for addresses that have fewer.",
              &WorkerMetrics::connections_shed},
      Counted{"edgehold_client_received_bytes_total", "Bytes read from clients, after TLS.",
              &WorkerMetrics::client_bytes_in},
      Counted{"edgehold_client_sent_bytes_total", "Bytes written to clients, before TLS.",
              &WorkerMetrics::client_bytes_out},
      Counted{"edgehold_upstream_received_bytes_total", "Bytes read from upstreams, after TLS.",
              &WorkerMetrics::upstream_bytes_in},
      Counted{"edgehold_upstream_sent_bytes_total", "Bytes written to upstreams, before TLS.",
              &WorkerMetrics::upstream_bytes_out},
      Counted{"edgehold_audit_records_total", "Audit records made.", &WorkerMetrics::audit_records},
      Counted{"edgehold_audit_records_lost_total",
              "Audit records dropped because the audit log could not be written for too long.",
              &WorkerMetrics::audit_records_lost},
  };
  renderCaps(out);
  out.family("edgehold_connections_open", Type::kGauge, "Client connections now open.");
  out.sample(sum(&WorkerMetrics::connections_open));
  for (const Counted& counted : kCounted) {
    out.family(counted.name, Type::kCounter, counted.help);
    out.sample(sum(counted.cell));
  }
  out.family("edgehold_proxy_header_refusals_total", Type::kCounter,
             "Connections closed because they had to begin with a PROXY protocol header.");
  for (std::size_t fault = 0; fault < kProxyFaultCount; ++fault) {
    out.sample(sum(&WorkerMetrics::proxy_faults, fault),
               {{"kind", proxyFaultName(static_cast<ProxyFault>(fault))}});
  }
  constexpr std::array<std::string_view, WorkerMetrics::kBrokenCount> kBroken = {
      "http1_syntax", "http2_protocol", "websocket_frames"};
  out.family("edgehold_protocol_errors_total", Type::kCounter,
             "Client connections closed because the client broke the protocol, by which.");
  for (std::size_t kind = 0; kind < kBroken.size(); ++kind) {
    out.sample(sum(&WorkerMetrics::protocol_errors, kind), {{"kind", kBroken[kind]}});
  }
  out.family("edgehold_http2_abuse_total", Type::kCounter,
             "HTTP/2 connections closed for abuse, and stalled streams reset, by kind.");
  for (std::size_t kind = 0; kind < kHttp2AbuseCount; ++kind) {
    out.sample(sum(&WorkerMetrics::http2_abuses, kind),
               {{"kind", http2AbuseName(static_cast<Http2Abuse>(kind))}});
  }
}

void MetricsRegistry::renderPolicy(Exposition& out) const {
  out.family("edgehold_build_info", Type::kGauge, "The running program; always 1.");
  out.sample(std::uint64_t{1}, {{"version", version_}});
  {
    const std::lock_guard lock(mutex_);
    out.family("edgehold_policy_info", Type::kGauge, "The policy in force; always 1.");
    if (!policy_version_.empty()) out.sample(std::uint64_t{1}, {{"version", policy_version_}});
  }
  out.family("edgehold_policy_reloads_total", Type::kCounter, "Policy loads by result.");
  out.sample(reloads_ok_.load(std::memory_order_relaxed), {{"result", "ok"}});
  out.sample(reloads_failed_.load(std::memory_order_relaxed), {{"result", "failed"}});
  out.family("edgehold_policy_last_reload_successful", Type::kGauge,
             "Whether the last policy load succeeded.");
  out.sample(std::uint64_t{is_last_reload_ok_.load(std::memory_order_relaxed) ? 1u : 0u});
  out.family("edgehold_policy_last_reload_timestamp_seconds", Type::kGauge,
             "When a policy load was last tried, Unix time.");
  out.sample(static_cast<double>(last_reload_ms_.load(std::memory_order_relaxed)) / 1e3);
}

void MetricsRegistry::renderHistogram(Exposition& out, std::string_view name, std::string_view help,
                                      DurationHistogram WorkerMetrics::*histogram) const {
  out.family(name, Type::kHistogram, help);
  std::uint64_t cumulative = 0;
  for (std::size_t index = 0; index < DurationHistogram::kBuckets; ++index) {
    for (const auto& worker : workers_) cumulative += ((*worker).*histogram).bucket(index);
    out.part("_bucket", cumulative, {{"le", boundText(index)}});
  }
  std::uint64_t nanoseconds = 0;
  for (const auto& worker : workers_) nanoseconds += ((*worker).*histogram).nanoseconds();
  out.part("_sum", seconds(nanoseconds));
  // The count is the last bucket by construction, so that a scrape never contradicts itself.
  out.part("_count", cumulative);
}

void MetricsRegistry::renderDurations(Exposition& out) const {
  renderHistogram(out, "edgehold_policy_duration_seconds",
                  "From the request's head to the verdict, waiting included.",
                  &WorkerMetrics::policy_time);
  renderHistogram(out, "edgehold_upstream_duration_seconds",
                  "From the first byte to the upstream to its response head.",
                  &WorkerMetrics::upstream_time);
  renderHistogram(out, "edgehold_exchange_duration_seconds", "Whole exchanges.",
                  &WorkerMetrics::total_time);
  renderHistogram(out, "edgehold_loop_turn_duration_seconds",
                  "Turns of the workers' loops: what one connection can make others wait.",
                  &WorkerMetrics::turn_time);
}

std::string MetricsRegistry::render() const {
  Exposition out;
  renderExchanges(out);
  renderFilters(out);
  renderRules(out);
  renderUpstreams(out);
  renderTransport(out);
  renderPolicy(out);
  renderDurations(out);
  for (const Collector& collect : collectors_) collect(out);
  renderProcess(out, readProcessStats());
  return std::move(out).text();
}

}  // namespace edgehold
