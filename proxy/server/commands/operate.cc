// SPDX-License-Identifier: Apache-2.0
// `edgehold status` and `version`.
// Thread: main only.
#include <ostream>

#include "proxy/base/json_tree.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

std::string textAt(const Json::Value& tree, std::string_view key) {
  return stringMember(tree, key).value_or("");
}

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
  table.add({"version", textAt(tree, "program_version")});
  table.add({"started", textAt(tree, "started")});
  table.add({"workers", std::to_string(intMember(tree, "workers").value_or(0))});
  addList(table, tree, "listeners", "listening");
  table.add({"configuration", textAt(tree, "config_file")});
  const bool is_rolled_back = textAt(tree, "policy_source") == "rollback";
  table.add({"policy", textAt(tree, "policy_version") + (is_rolled_back ? " (rolled back)" : "")});
  table.add({"in force since", textAt(tree, "policy_since")});
  if (!boolMember(tree, "is_disk_in_force").value_or(true)) {
    table.add({"", "what is on the disk is not in force"});
  }
  table.add({"audit file", textAt(tree, "audit_file")});
  if (const Json::Value* const reload = anyMember(tree, "last_reload")) {
    const bool is_ok = isAt(*reload, "is_ok");
    table.add({"last load", textAt(*reload, "at") + (is_ok ? " taken" : " refused") + " (" +
                                textAt(*reload, "cause") + ")"});
    if (!is_ok) table.add({"", textAt(*reload, "error")});
    addList(table, *reload, "weaker", "weaker");
  }
  addList(table, tree, "quarantined_rules", "not run");
  addList(table, tree, "warnings", "warnings");
  return table;
}

Result<Json::Value> treeOf(const AdminAnswered& answered, const CommandWorld& world) {
  auto tree = parseJsonTree(answered.body);
  if (!tree) world.err << "edgehold: the answer is no JSON: " << tree.error().message << "\n";
  return tree;
}

}  // namespace

ExitCode showStatus(const Options& options, const CommandWorld& world) {
  const auto asked = askAdmin({.method = "GET", .target = "/status", .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& answered = std::get<AdminAnswered>(asked);
  if (!answered.isSuccess()) return tellRefusal(answered, options, world);
  const auto tree = treeOf(answered, world);
  if (!tree) return ExitCode::kFailure;
  world.out << (options.is_json ? writeJsonPretty(*tree) : statusTable(*tree).text());
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
