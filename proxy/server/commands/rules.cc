// SPDX-License-Identifier: Apache-2.0
// `edgehold rules test`: the tests beside the rules, as TAP. `edgehold rules top`: what rules cost.
// Thread: main only.
#include <algorithm>
#include <ostream>
#include <utility>
#include <vector>

#include "lua/runtime/rule_tests.h"
#include "proxy/base/json_tree.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/command.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

std::int64_t numberAt(const Json::Value& row, std::string_view key) {
  return intMember(row, key).value_or(0);
}

// As the admin API calls what `--by` names.
std::string_view columnOf(const std::string& by) {
  if (by == "calls") return "calls";
  if (by == "instructions") return "instructions";
  if (by == "memory") return "memory_bytes_max";
  return "microseconds";
}

// `1234567` microseconds as `1234.567 ms`.
std::string millisecondsText(std::int64_t microseconds) {
  std::string part = std::to_string(microseconds % 1000);
  part.insert(0, 3 - part.size(), '0');
  return std::to_string(microseconds / 1000) + "." + part + " ms";
}

std::string stateText(const Json::Value& row) {
  if (!boolMember(row, "is_quarantined").value_or(false)) return "runs";
  return "quarantined, next try in " + std::to_string((numberAt(row, "next_try_ms") + 999) / 1000) +
         " s";
}

std::string rulesText(const Json::Value& rules) {
  Table table({"RULE", "CALLS", "ERRORS", "TIME", "MEAN", "LONGEST", "INSTRUCTIONS", "MEMORY MAX",
               "STATE"});
  for (const Json::Value& row : rules) {
    const std::int64_t calls = numberAt(row, "calls");
    const std::int64_t time = numberAt(row, "microseconds");
    table.add({stringMember(row, "rule").value_or(""), std::to_string(calls),
               std::to_string(numberAt(row, "errors")), millisecondsText(time),
               millisecondsText(calls == 0 ? 0 : time / calls),
               millisecondsText(numberAt(row, "microseconds_max")),
               std::to_string(numberAt(row, "instructions")),
               std::to_string(numberAt(row, "memory_bytes_max") / 1024) + " KiB", stateText(row)});
  }
  return table.text();
}

// Most first; what is equal stays in the order of names.
Json::Value sortedRules(const Json::Value& rules, std::string_view column) {
  std::vector<Json::Value> rows(rules.begin(), rules.end());
  std::stable_sort(rows.begin(), rows.end(), [column](const auto& a, const auto& b) {
    return numberAt(a, column) > numberAt(b, column);
  });
  Json::Value sorted(Json::arrayValue);
  for (Json::Value& row : rows) sorted.append(std::move(row));
  return sorted;
}

}  // namespace

ExitCode showRules(const Options& options, const CommandWorld& world) {
  const auto asked = askTree({.method = "GET", .target = "/rules", .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const Json::Value* const rules = anyMember(std::get<Json::Value>(asked), "rules");
  if (rules == nullptr || !rules->isArray()) {
    world.err << "edgehold: the answer is not a list of rules\n";
    return ExitCode::kFailure;
  }
  const Json::Value sorted = sortedRules(*rules, columnOf(options.rules_by));
  world.out << (options.is_json ? writeJsonPretty(sorted) : rulesText(sorted));
  return ExitCode::kOk;
}

ExitCode testRules(const Options& options, const CommandWorld& world) {
  const auto report = runRuleTests(options.directory);
  if (!report) {
    world.err << report.error().message << "\n";
    return ExitCode::kUsage;
  }
  if (options.is_json) {
    Json::Value tree(Json::objectValue);
    tree["passed"] = Json::UInt64{report->passed};
    tree["failed"] = Json::UInt64{report->failed};
    tree["lines"] = Json::Value(Json::arrayValue);
    for (const std::string& line : report->lines) tree["lines"].append(line);
    world.out << writeJsonPretty(tree);
  } else {
    for (const std::string& line : report->lines) world.out << printable(line) << "\n";
    world.out << "# " << report->passed << " passed, " << report->failed << " failed\n";
  }
  return report->failed == 0 ? ExitCode::kOk : ExitCode::kGate;
}

}  // namespace edgehold
