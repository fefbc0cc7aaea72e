// SPDX-License-Identifier: Apache-2.0
// `edgehold status` and `version`.
// Thread: main only.
#include <ostream>

#include "proxy/base/json_tree.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

bool isAt(const Json::Value& tree, std::string_view key) {
  return boolMember(tree, key).value_or(false);
}

// The texts of a list, one row each, under the label of the first.
void addList(Table& table, const Json::Value& tree, const char* key, const std::string& label) {
  const Json::Value* const list = anyMember(tree, key);
  if (list == nullptr || !list->isArray()) return;
  bool is_first = true;
  for (const Json::Value& text : *list) {
    if (text.isString()) table.add({is_first ? label : "", text.asString()});
    is_first = false;
  }
}

std::string healthOf(const Json::Value& tree) {
  if (isAt(tree, "is_draining")) return "draining";
  if (isAt(tree, "is_ready")) return "ready";
  return "not ready";
}

Table statusTable(const Json::Value& tree) {
  Table table;
  table.add({"state", healthOf(tree)});
  addList(table, tree, "troubles", "cannot be kept");
  table.add({"version", textMember(tree, "program_version")});
  table.add({"started", textMember(tree, "started")});
  table.add({"workers", std::to_string(intMember(tree, "workers").value_or(0))});
  addList(table, tree, "listeners", "listening");
  table.add({"configuration", textMember(tree, "config_file")});
  const bool is_rolled_back = textMember(tree, "policy_source") == "rollback";
  table.add(
      {"policy", textMember(tree, "policy_version") + (is_rolled_back ? " (rolled back)" : "")});
  table.add({"in force since", textMember(tree, "policy_since")});
  if (!boolMember(tree, "is_disk_in_force").value_or(true)) {
    table.add({"", "what is on the disk is not in force"});
  }
  table.add({"audit file", textMember(tree, "audit_file")});
  if (const Json::Value* const reload = anyMember(tree, "last_reload")) {
    const bool is_ok = isAt(*reload, "is_ok");
    table.add({"last load", textMember(*reload, "at") + (is_ok ? " taken" : " refused") + " (" +
                                textMember(*reload, "cause") + ")"});
    if (!is_ok) table.add({"", textMember(*reload, "error")});
    addList(table, *reload, "weaker", "weaker");
  }
  addList(table, tree, "quarantined_rules", "not run");
  addList(table, tree, "warnings", "warnings");
  return table;
}

}  // namespace

ExitCode showStatus(const Options& options, const CommandWorld& world) {
  const auto asked = askTree({.method = "GET", .target = "/status", .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& tree = std::get<Json::Value>(asked);
  world.out << (options.is_json ? writeJsonPretty(tree) : statusTable(tree).text());
  return ExitCode::kOk;
}

ExitCode showVersion(const Options& options, const CommandWorld& world) {
  if (options.is_json) {
    Json::Value tree(Json::objectValue);
    tree["version"] = world.version;
    world.out << writeJsonPretty(tree);
  } else {
    world.out << "edgehold " << world.version << "\n";
  }
  return ExitCode::kOk;
}

}  // namespace edgehold
