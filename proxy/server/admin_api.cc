// SPDX-License-Identifier: Apache-2.0
// The admin paths, behind admin_api.h.
// Thread: main only.
#include "proxy/server/admin_api.h"

#include <array>
#include <optional>

#include "proxy/base/json_tree.h"
#include "proxy/observe/audit_record.h"
#include "proxy/observe/civil_time.h"
#include "proxy/observe/exposition.h"
#include "proxy/observe/metrics.h"
#include "proxy/server/admin_approvals.h"
#include "proxy/server/admin_policy.h"
#include "proxy/server/admin_sessions.h"

namespace edgehold {
namespace {

constexpr std::string_view kText = "text/plain; charset=utf-8";

enum class Page : std::uint8_t { kLive, kReady, kStarted, kMetrics, kStatus, kRules };

struct PageRow {
  std::string_view path;
  Page page;
};

constexpr std::array<PageRow, 6> kPages = {{
    {"/livez", Page::kLive},
    {"/readyz", Page::kReady},
    {"/startupz", Page::kStarted},
    {"/metrics", Page::kMetrics},
    {"/status", Page::kStatus},
    {"/rules", Page::kRules},
}};

const PageRow* pageAt(std::string_view path) {
  for (const PageRow& row : kPages) {
    if (row.path == path) return &row;
  }
  return nullptr;
}

Async<AdminAnswer> now(AdminAnswer answer) {
  auto [async, resolver] = Async<AdminAnswer>::make();
  resolver.resolve(std::move(answer));
  return std::move(async);
}

AdminAnswer yesOrNo(bool is_yes, std::string_view yes, std::string_view no) {
  const auto status = static_cast<std::uint16_t>(is_yes ? 200 : 503);
  return {status, kText, std::string(is_yes ? yes : no) + "\n", {}};
}

std::int64_t microseconds(Duration time) {
  return std::chrono::duration_cast<std::chrono::microseconds>(time).count();
}

}  // namespace

Async<AdminAnswer> AdminApi::answer(const AdminRequest& request) {
  if (AdminApprovals::serves(request.path)) {
    // What could not be recorded must not be decided.
    if (request.method == Method::kPost && !operations_.status().is_audit_healthy) {
      return now(adminProblem(Reason::kStoreUnavailable, "the audit log cannot be written"));
    }
    return AdminApprovals::answer(
        request, operations_.holds(), loop_,
        [this](const OperatorAct& act) { return operations_.record(act); });
  }
  if (AdminSessions::serves(request.path)) return AdminSessions::answer(request, operations_);
  if (AdminPolicy::serves(request.path)) return now(AdminPolicy::answer(request, operations_));
  const PageRow* const row = pageAt(request.path);
  if (row == nullptr) return now(adminProblem(Reason::kRouteNotFound, "no such admin path"));
  if (request.method != Method::kGet && request.method != Method::kHead) {
    return now(adminWrongMethod("GET, HEAD"));
  }
  switch (row->page) {
    case Page::kLive:
      return now(yesOrNo(true, "live", ""));
    case Page::kReady:
      return now(readiness());
    case Page::kStarted:
      return now(yesOrNo(operations_.isStarted(), "started", "starting"));
    case Page::kMetrics:
      return now({200, Exposition::kContentType, operations_.metrics().render(), {}});
    case Page::kStatus:
      return now(status());
    case Page::kRules:
      return now(rules());
  }
  return now(adminProblem(Reason::kInternalError, {}));
}

AdminAnswer AdminApi::readiness() const {
  if (operations_.isReady()) return yesOrNo(true, "ready", "");
  std::string text = "not ready";
  for (const std::string& trouble : operations_.status().troubles) text += "\n" + trouble;
  return yesOrNo(false, "", text);
}

AdminAnswer AdminApi::status() const {
  const ServerStatus status = operations_.status();
  Json::Value tree(Json::objectValue);
  tree["program_version"] = status.program_version;
  tree["policy_version"] = status.policy_version;
  tree["config_file"] = status.config_file;
  tree["started"] = formatRfc3339(status.started);
  tree["is_ready"] = status.is_ready;
  tree["is_draining"] = status.is_draining;
  tree["workers"] = Json::UInt64{status.workers};
  tree["listeners"] = jsonList(status.listeners);
  const PolicyState& policy = status.policy;
  tree["policy_source"] = policy.is_rolled_back ? "rollback" : "disk";
  tree["policy_since"] = formatRfc3339(policy.in_force_since);
  tree["is_disk_in_force"] = policy.is_disk_in_force;
  Json::Value& last = tree["last_reload"];
  last["at"] = formatRfc3339(policy.last_reload);
  last["cause"] = policy.last_cause;
  last["is_ok"] = policy.last_error.empty();
  if (!policy.last_error.empty()) last["error"] = policy.last_error;
  if (!policy.last_weaker.empty()) last["weaker"] = jsonList(policy.last_weaker);
  tree["audit_file"] = status.audit_file;
  tree["is_audit_healthy"] = status.is_audit_healthy;
  if (!status.troubles.empty()) tree["troubles"] = jsonList(status.troubles);
  tree["warnings"] = jsonList(status.warnings);
  tree["quarantined_rules"] = jsonList(status.quarantined_rules);
  return adminJson(tree);
}

AdminAnswer AdminApi::rules() const {
  Json::Value list(Json::arrayValue);
  for (const RuleReport& report : operations_.rules()) {
    Json::Value row(Json::objectValue);
    row["rule"] = report.rule;
    row["calls"] = Json::UInt64{report.calls};
    row["errors"] = Json::UInt64{report.errors};
    row["instructions"] = Json::UInt64{report.instructions};
    row["microseconds"] = Json::Int64{microseconds(report.time)};
    row["microseconds_max"] = Json::Int64{microseconds(report.time_max)};
    row["memory_bytes_max"] = Json::UInt64{report.memory_bytes_max};
    row["is_quarantined"] = report.is_quarantined;
    if (report.is_quarantined) {
      row["next_try_ms"] = Json::Int64{microseconds(report.cooling) / 1000};
    }
    row["quarantines"] = Json::UInt64{report.quarantines};
    list.append(std::move(row));
  }
  Json::Value tree(Json::objectValue);
  tree["rules"] = std::move(list);
  return adminJson(tree);
}

}  // namespace edgehold
