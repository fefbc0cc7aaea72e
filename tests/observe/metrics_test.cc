// SPDX-License-Identifier: Apache-2.0
// The laws of counting and of the exposition text.
// Thread: main only, but for the test of a scrape under load.
#include "proxy/observe/metrics.h"

#include <atomic>
#include <set>
#include <thread>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/strings.h"
#include "tests/support/counted_new.h"

namespace edgehold {
namespace {

using std::chrono::microseconds;
using std::chrono::milliseconds;
using testing::HasSubstr;
using testing::Not;

Decision denied(std::string_view filter, Reason reason) {
  Decision decision;
  decision.kind = Decision::Kind::kDeny;
  decision.reason = reason;
  decision.filter = filter;
  return decision;
}

TEST(Exposition, EscapesLabelValuesAndHelp) {
  Exposition out;
  out.family("m_total", Exposition::Type::kCounter, "back\\slash \"quote\"\nfeed");
  out.sample(std::uint64_t{1}, {{"a", "back\\slash \"quote\"\nfeed"}, {"b", ""}});
  EXPECT_EQ(out.text(),
            "# HELP m_total back\\\\slash \"quote\"\\nfeed\n# TYPE m_total counter\n"
            "m_total{a=\"back\\\\slash \\\"quote\\\"\\nfeed\",b=\"\"} 1\n");
}

TEST(Exposition, WritesNumbersWithoutLocaleOrLoss) {
  Exposition out;
  out.family("m", Exposition::Type::kGauge, "h");
  out.sample(std::int64_t{-3});
  out.sample(0.25);
  out.sample(UINT64_MAX);
  EXPECT_THAT(out.text(), HasSubstr("m -3\nm 0.25\nm 18446744073709551615\n"));
}

TEST(Metrics, SumsOverWorkers) {
  MetricsRegistry registry("1.0");
  WorkerMetrics& one = registry.addWorker();
  WorkerMetrics& other = registry.addWorker();
  const Decision decision = denied("rate_limit", Reason::kRateLimited);
  one.exchangeDone("bot", decision);
  other.exchangeDone("bot", decision);
  other.exchangeDone("bot", decision);
  other.exchangeDone({}, Decision{});
  one.connections_accepted.add(2);
  other.connections_accepted.add(3);
  other.connections_open.add(5);
  one.connections_open.add(-1);
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("edgehold_exchanges_total{route=\"bot\",decision=\"deny\","
                              "reason=\"rate_limited\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_exchanges_total{route=\"\",decision=\"allow\","
                              "reason=\"allowed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_filter_decisions_total{filter=\"rate_limit\","
                              "reason=\"rate_limited\"} 3\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_connections_total 5\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_connections_open 4\n"));
}

TEST(Metrics, TellsRefusalsByLimitAndBufferedBytesByWorker) {
  MetricsRegistry registry("1.0");
  WorkerMetrics& one = registry.addWorker();
  WorkerMetrics& other = registry.addWorker();
  one.refusedAt(WorkerMetrics::Cap::kAddress);
  other.refusedAt(WorkerMetrics::Cap::kAddress);
  other.buffered_bytes.set(70'000);
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("edgehold_overload_refusals_total{limit=\"connections\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("{limit=\"connections_per_address\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_buffered_bytes{worker=\"0\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_buffered_bytes{worker=\"1\"} 70000\n"));
}

TEST(Metrics, CountsShadowsApartFromDecisions) {
  MetricsRegistry registry("1.0");
  Decision decision;
  decision.shadows.push_back({"host_guard", Reason::kHostRejected, ""});
  registry.addWorker().exchangeDone("r", decision);
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("edgehold_shadow_verdicts_total{filter=\"host_guard\","
                              "reason=\"host_rejected\"} 1\n"));
  EXPECT_THAT(text, Not(HasSubstr("edgehold_filter_decisions_total{")));
}

TEST(Metrics, CountsRulesAndUpstreams) {
  MetricsRegistry registry("1.0");
  WorkerMetrics& worker = registry.addWorker();
  worker.rulesRan("mass_send", {.calls = 1, .errors = 0, .time = milliseconds(250)});
  worker.rulesRan("mass_send", {.calls = 1, .errors = 1, .time = milliseconds(250)});
  WorkerMetrics::UpstreamSeries& upstream = worker.upstream("agent");
  upstream.requests.add(2);
  upstream.requests_on_kept.add();
  upstream.errors[static_cast<std::size_t>(Reason::kUpstreamReset)].add();
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("edgehold_rule_calls_total{rule=\"mass_send\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_rule_errors_total{rule=\"mass_send\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_rule_seconds_total{rule=\"mass_send\"} 0.5\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_requests_total{upstream=\"agent\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_reuses_total{upstream=\"agent\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_errors_total{upstream=\"agent\","
                              "reason=\"upstream_reset\"} 1\n"));
}

TEST(Metrics, SumsRuleCostsOverWorkersAndKeepsTheHighest) {
  MetricsRegistry registry("1.0");
  WorkerMetrics& first = registry.addWorker();
  WorkerMetrics& second = registry.addWorker();
  first.rulesRan("r", {.calls = 1,
                       .instructions = 100,
                       .time = milliseconds(1),
                       .time_max = milliseconds(1),
                       .memory_bytes_max = 500});
  second.rulesRan("r", {.calls = 2,
                        .errors = 1,
                        .instructions = 200,
                        .time = milliseconds(6),
                        .time_max = milliseconds(4),
                        .memory_bytes_max = 400});
  // An engine made anew knows only its own highest.
  second.rulesRan("r", {.calls = 1, .time_max = milliseconds(2), .memory_bytes_max = 10});
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("edgehold_rule_calls_total{rule=\"r\"} 4\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_rule_instructions_total{rule=\"r\"} 300\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_rule_memory_bytes_max{rule=\"r\"} 500\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_rule_seconds_max{rule=\"r\"} 0.004\n"));
}

TEST(Metrics, HistogramBucketsAreCumulativeAndBoundsInclusive) {
  MetricsRegistry registry("1.0");
  WorkerMetrics& worker = registry.addWorker();
  worker.total_time.observe(microseconds(10));
  worker.total_time.observe(microseconds(10) + Duration(1));
  worker.total_time.observe(std::chrono::hours(1));
  worker.total_time.observe(Duration(-5));  // a clock that ran backwards counts as nothing
  const std::string text = registry.render();
  const std::string name = "edgehold_exchange_duration_seconds";
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"1e-05\"} 2\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"2.5e-05\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"10\"} 3\n"));
  EXPECT_THAT(text, HasSubstr(name + "_bucket{le=\"+Inf\"} 4\n"));
  EXPECT_THAT(text, HasSubstr(name + "_count 4\n"));
  EXPECT_THAT(text, HasSubstr(name + "_sum 3600.000020001\n"));
}

TEST(Metrics, TellsReloadsAndThePolicyInForce) {
  MetricsRegistry registry("1.2.3");
  registry.reloadSucceeded(WallTime(std::chrono::seconds(100)), "abc");
  registry.reloadFailed(WallTime(milliseconds(200'500)));
  const std::string text = registry.render();
  EXPECT_THAT(text, HasSubstr("edgehold_build_info{version=\"1.2.3\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_policy_info{version=\"abc\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_policy_reloads_total{result=\"ok\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_policy_reloads_total{result=\"failed\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_policy_last_reload_successful 0\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_policy_last_reload_timestamp_seconds 200.5\n"));
}

TEST(Metrics, AsksItsCollectors) {
  MetricsRegistry registry("1");
  registry.addCollector([](Exposition& out) {
    out.family("edgehold_holds", Exposition::Type::kGauge, "Holds by state.");
    out.sample(std::uint64_t{7}, {{"state", "pending"}});
  });
  EXPECT_THAT(registry.render(), HasSubstr("edgehold_holds{state=\"pending\"} 7\n"));
}

// Goal: every family follows the conventions. Method: read the text back line by line.
TEST(Metrics, EveryFamilyHasHelpTypePrefixAndUnitSuffix) {
  MetricsRegistry registry("1");
  registry.addWorker().exchangeDone("r", denied("f", Reason::kIpDenied));
  const std::string text = registry.render();
  std::set<std::string> families;
  std::string family, type;
  for (const std::string_view line : split(text, '\n')) {
    if (line.empty()) continue;
    const auto words = split(line, ' ');
    if (line.starts_with("# HELP ")) {
      family = words[2];
      EXPECT_TRUE(families.insert(family).second) << family << " twice";
      EXPECT_TRUE(family.starts_with("edgehold_")) << family;
    } else if (line.starts_with("# TYPE ")) {
      type = words[3];
      EXPECT_EQ(words[2], family);
      EXPECT_EQ(type == "counter", family.ends_with("_total")) << family;
      EXPECT_TRUE(type != "histogram" || family.ends_with("_seconds")) << family;
    } else {
      EXPECT_TRUE(line.starts_with(family)) << line;
    }
  }
  EXPECT_GT(families.size(), 25u);
}

TEST(Metrics, ReadTheProcess) {
  MetricsRegistry registry("1");
  const std::string text = registry.render();
  EXPECT_THAT(text, Not(HasSubstr("edgehold_process_open_fds 0\n")));
  EXPECT_THAT(text, Not(HasSubstr("edgehold_process_resident_memory_bytes 0\n")));
}

TEST(LabelTable, CountsNamesPastItsBoundUnderTheEmptyOne) {
  LabelTable table(3);
  EXPECT_EQ(table.find("a").slot, 1u);
  EXPECT_EQ(table.find("b").slot, 2u);
  EXPECT_EQ(table.find("c").slot, 0u);
  EXPECT_EQ(table.find("a").slot, 1u);
  EXPECT_EQ(table.find("").slot, 0u);
  EXPECT_EQ(table.names().size(), 3u);
}

TEST(LabelCache, SeesAnotherNameInTheSameMemory) {
  LabelTable table(8);
  LabelCache cache(table);
  std::string memory = "aaa";
  EXPECT_EQ(cache.slotOf(memory), 1u);
  memory = "bbb";
  EXPECT_EQ(cache.slotOf(memory), 2u);
  memory = "aaa";
  EXPECT_EQ(cache.slotOf(memory), 1u);
  EXPECT_EQ(cache.slotOf(std::string_view(memory).substr(0, 2)), 3u);
}

TEST(Metrics, CostNoAllocationOnceAllIsKnown) {
  MetricsRegistry registry("1");
  WorkerMetrics& worker = registry.addWorker();
  const Decision decision = denied("rate_limit", Reason::kRateLimited);
  worker.exchangeDone("bot", decision);
  const std::size_t before = allocationCount();
  for (int i = 0; i < 100; ++i) worker.exchangeDone("bot", decision);
  EXPECT_EQ(allocationCount(), before);
}

// Goal: scrapes and workers never disturb each other. Method: one thread counts, new names among
// it, while another renders; run under ThreadSanitizer too.
TEST(Metrics, MayBeScrapedWhileWorkersCount) {
  MetricsRegistry registry("1");
  WorkerMetrics& worker = registry.addWorker();
  std::atomic<bool> is_over{false};
  std::thread counting([&] {
    for (int i = 0; i < 2000; ++i) {
      const std::string route = "route" + std::to_string(i % 200);
      worker.exchangeDone(route, denied("f", Reason::kIpDenied));
    }
    is_over = true;
  });
  while (!is_over) EXPECT_FALSE(registry.render().empty());
  counting.join();
  EXPECT_THAT(registry.render(), HasSubstr("{filter=\"f\",reason=\"ip_denied\"} 2000\n"));
}

}  // namespace
}  // namespace edgehold
