// SPDX-License-Identifier: Apache-2.0
// `edgehold session`: a user's sessions, and their end.
// Thread: main only.
#include <ostream>

#include "proxy/base/json_tree.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/table.h"

namespace edgehold {

ExitCode endSessions(const Options& options, const CommandWorld& world) {
  Json::Value wish(Json::objectValue);
  wish["app"] = options.app;
  wish["subject"] = options.subject;
  wish["reason"] = options.reason;
  if (!options.who.empty()) wish["who"] = options.who;
  const auto asked =
      askTree({.method = "POST", .target = "/sessions/end", .body = writeJsonCompact(wish)},
              options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& told = std::get<Json::Value>(asked);
  if (options.is_json) {
    world.out << writeJsonPretty(told);
    return ExitCode::kOk;
  }
  const std::string who = printable(textMember(told, "principal"));
  const auto ended = intMember(told, "ended").value_or(0);
  if (ended == 0) {
    world.out << who << " has no session\n";
  } else {
    world.out << ended << (ended == 1 ? " session of " : " sessions of ") << who << " ended\n";
  }
  return ExitCode::kOk;
}

}  // namespace edgehold
