// SPDX-License-Identifier: Apache-2.0
// `edgehold rules test`: the tests beside the rules, as TAP.
// Thread: main only.
#include <ostream>

#include "lua/runtime/rule_tests.h"
#include "proxy/base/json_tree.h"
#include "proxy/server/commands/command.h"
#include "proxy/server/commands/table.h"

namespace edgehold {

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
    world.out << "1.." << report->passed + report->failed << "\n"
              << "# " << report->passed << " passed, " << report->failed << " failed\n";
  }
  return report->failed == 0 ? ExitCode::kOk : ExitCode::kGate;
}

}  // namespace edgehold
