// SPDX-License-Identifier: Apache-2.0
// Reloads, rollbacks and the history as JSON, behind admin_policy.h.
// Thread: main only.
#include "proxy/server/admin_policy.h"

#include <filesystem>
#include <string>
#include <vector>

#include "proxy/base/base64.h"
#include "proxy/base/utf8.h"
#include "proxy/observe/civil_time.h"
#include "proxy/policy/history.h"
#include "proxy/policy/policy_files.h"

namespace edgehold {
namespace {

constexpr std::string_view kReloadPath = "/reload";
constexpr std::string_view kHistoryPath = "/policy/history";
constexpr std::string_view kRollbackPath = "/policy/rollback";
constexpr std::string_view kFilesPath = "/policy/files/";  // and a version

struct Wish {
  std::string version;  // of a rollback
  bool allows_downgrade = false;
};

Result<Wish> wishOf(const AdminRequest& request, bool takes_version) {
  Wish wish;
  if (request.body.empty() && !takes_version) return wish;
  TRY_ASSIGN(const Json::Value tree, parseJsonTree(request.body));
  if (!tree.isObject()) return fail(Reason::kMalformedRequest, "expected a JSON object");
  for (const std::string& key : tree.getMemberNames()) {
    if (key == "allow_downgrade" || (takes_version && key == "version")) continue;
    return fail(Reason::kMalformedRequest, takes_version
                                               ? "the body takes version and allow_downgrade"
                                               : "the body takes allow_downgrade");
  }
  if (anyMember(tree, "allow_downgrade") != nullptr) {
    const auto allowed = boolMember(tree, "allow_downgrade");
    if (!allowed) return fail(Reason::kMalformedRequest, "allow_downgrade: expected true or false");
    wish.allows_downgrade = *allowed;
  }
  wish.version = stringMember(tree, "version").value_or("");
  if (takes_version && wish.version.empty()) {
    return fail(Reason::kMalformedRequest, "version: expected a text");
  }
  return wish;
}

AdminAnswer answerOf(const ReloadReport& report) {
  Json::Value tree(Json::objectValue);
  tree["has_changed"] = report.has_changed;
  tree["policy_version"] = report.version;
  tree["warnings"] = jsonList(report.warnings);
  tree["weaker"] = jsonList(report.weaker);
  if (report.errors.empty()) return adminJson(tree);
  tree["errors"] = jsonList(report.errors);
  return adminProblem(report.reason, "the policy in force stays", std::move(tree));
}

AdminAnswer change(const AdminRequest& request, Operations& operations) {
  if (request.method != Method::kPost) return adminWrongMethod("POST");
  const bool is_rollback = request.path == kRollbackPath;
  const auto wish = wishOf(request, is_rollback);
  if (!wish) return adminProblem(wish.error().reason, wish.error().message);
  const PolicyAsk ask{"admin", request.caller, wish->allows_downgrade};
  return answerOf(is_rollback ? operations.rollback(wish->version, ask) : operations.reload(ask));
}

AdminAnswer tellHistory(Operations& operations) {
  const ServerStatus status = operations.status();
  Json::Value tree(Json::objectValue);
  tree["policy_version"] = status.policy_version;
  tree["is_disk_in_force"] = status.policy.is_disk_in_force;
  tree["policies"] = Json::Value(Json::arrayValue);
  for (const KeptPolicy& policy : operations.history().policies()) {
    Json::Value entry(Json::objectValue);
    entry["version"] = policy.version;
    entry["since"] = formatRfc3339(policy.since);
    entry["cause"] = policy.cause;
    entry["who"] = policy.who;
    tree["policies"].append(std::move(entry));
  }
  return adminJson(tree);
}

AdminAnswer tellFiles(std::string_view version, Operations& operations) {
  const auto found = operations.history().find(version);
  if (!found) return adminProblem(Reason::kRouteNotFound, found.error().message);
  const auto content = operations.history().content(*found);
  const auto files = content ? PolicyFileSet::filesIn(*content) : fail(content.error());
  if (!files) return adminProblem(Reason::kStoreUnavailable, files.error().message);
  Json::Value tree(Json::objectValue);
  tree["version"] = *found;
  tree["files"] = Json::Value(Json::arrayValue);
  const std::string config = std::filesystem::path(operations.status().config_file).filename();
  for (const auto& [name, bytes] : *files) {
    if (name.find("/*") != std::string::npos) continue;  // a folder's listing
    Json::Value file(Json::objectValue);
    file["name"] = name.empty() ? config : name;
    if (isUtf8(bytes)) {
      file["text"] = bytes;
    } else {
      file["base64"] = base64Encode(bytes, Base64::kStandard);
    }
    tree["files"].append(std::move(file));
  }
  return adminJson(tree);
}

}  // namespace

bool AdminPolicy::serves(std::string_view path) {
  return path == kReloadPath || path == kHistoryPath || path == kRollbackPath ||
         path.starts_with(kFilesPath);
}

AdminAnswer AdminPolicy::answer(const AdminRequest& request, Operations& operations) {
  if (request.path == kReloadPath || request.path == kRollbackPath) {
    return change(request, operations);
  }
  if (request.method != Method::kGet && request.method != Method::kHead) {
    return adminWrongMethod("GET, HEAD");
  }
  if (request.path == kHistoryPath) return tellHistory(operations);
  return tellFiles(std::string_view(request.path).substr(kFilesPath.size()), operations);
}

}  // namespace edgehold
