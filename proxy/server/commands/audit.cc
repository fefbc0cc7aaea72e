// SPDX-License-Identifier: Apache-2.0
// `edgehold audit query`: the records that match, for people or as they stand.
// Thread: main only.
#include <deque>
#include <optional>
#include <ostream>

#include "proxy/base/config_units.h"
#include "proxy/base/json_tree.h"
#include "proxy/observe/audit_reader.h"
#include "proxy/observe/civil_time.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

Result<std::optional<WallTime>> timeOf(const std::string& text, std::string_view option,
                                       WallTime now) {
  if (text.empty()) return std::nullopt;
  if (const auto time = parseRfc3339(text)) return time;
  if (const auto ago = parseDuration(text)) return now - *ago;
  return fail(std::string(option) + ": `" + printable(text) +
              "` is neither a time such as `2026-11-21T11:02:10Z` nor how long ago, as in `2h`");
}

Result<AuditQuery> queryOf(const Options& options, WallTime now) {
  AuditQuery query = options.audit;
  TRY_ASSIGN(query.since, timeOf(options.since, "--since", now));
  TRY_ASSIGN(query.until, timeOf(options.until, "--until", now));
  return query;
}

std::variant<std::string, ExitCode> fileOfConfig(const Options& options,
                                                 const CommandWorld& world) {
  const LoadResult loaded = loadPolicy(options.config_file, world.loadTools());
  for (const std::string& error : loaded.errors) world.err << printable(error) << "\n";
  if (loaded.snapshot == nullptr) return ExitCode::kUsage;
  return loaded.snapshot->audit().path;
}

std::variant<std::string, ExitCode> fileOfRunning(const Options& options,
                                                  const CommandWorld& world) {
  const auto asked = askTree({.method = "GET", .target = "/status", .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) {
    world.err << "The audit file itself can be named with --file FILE.\n";
    return *code;
  }
  std::string file = textMember(std::get<Json::Value>(asked), "audit_file");
  if (!file.empty()) return file;
  world.err << "edgehold: the running edgehold does not tell its audit file; name it with --file\n";
  return ExitCode::kFailure;
}

// The live audit file, from the option, the configuration, or the running edgehold.
std::variant<std::string, ExitCode> findFile(const Options& options, const CommandWorld& world) {
  if (!options.audit_file.empty()) return options.audit_file;
  return options.config_file.empty() ? fileOfRunning(options, world) : fileOfConfig(options, world);
}

// `who` and its like are objects of texts; an audit line of another version may differ.
std::string textIn(const Json::Value& record, std::string_view part, std::string_view key) {
  const Json::Value* const object = anyMember(record, part);
  return object == nullptr ? "" : textMember(*object, key);
}

std::string whoOf(const Json::Value& record) {
  for (const std::string_view key : {"operator", "sender", "principal", "address"}) {
    const std::string text = textIn(record, "who", key);
    if (!text.empty()) return text;
  }
  return "";
}

void addRecord(Table& table, const std::string& line) {
  const auto parsed = parseJsonTree(line);
  if (!parsed) return;
  const Json::Value& record = *parsed;
  const auto at = [&](std::string_view key) { return stringMember(record, key).value_or(""); };
  const std::string action = textIn(record, "what", "action");
  const std::string act = textIn(record, "what", "act");
  const std::string asked =
      act.empty() ? textIn(record, "what", "method") + " " + textIn(record, "what", "path")
                  : act + " " + textIn(record, "what", "target");
  table.add({at("when"), at("decision"), at("reason"),
             std::to_string(intMember(record, "status").value_or(0)), whoOf(record), asked, action,
             at("request_id")});
}

std::string tableOf(const std::deque<std::string>& lines) {
  Table table({"WHEN", "DECISION", "REASON", "STATUS", "WHO", "REQUEST", "ACTION", "REQUEST ID"});
  for (const std::string& line : lines) addRecord(table, line);
  return table.text();
}

}  // namespace

ExitCode queryAudit(const Options& options, const CommandWorld& world) {
  const auto query = queryOf(options, world.clock.wallNow());
  if (!query) {
    world.err << "edgehold: " << query.error().message << "\n";
    return ExitCode::kUsage;
  }
  const auto file = findFile(options, world);
  if (const auto* const code = std::get_if<ExitCode>(&file)) return *code;
  std::deque<std::string> last;  // at most options.limit, or everything when the operator asked
  const bool is_stream = options.is_json && options.limit == 0;
  const AuditSink sink = [&](std::string_view line) {
    if (is_stream) {
      world.out << line << "\n";
      return static_cast<bool>(world.out);  // a closed pipe ends the reading
    }
    last.emplace_back(line);
    if (options.limit > 0 && last.size() > options.limit) last.pop_front();
    return true;
  };
  const auto report = readAuditFiles(std::get<std::string>(file), *query, sink);
  if (!report) {
    world.err << "edgehold: " << report.error().message << "\n";
    return ExitCode::kFailure;
  }
  if (options.is_json) {
    for (const std::string& line : last) world.out << line << "\n";
  } else {
    world.out << tableOf(last);
  }
  if (report->invalid > 0) {
    world.err << report->invalid << " lines are torn or no audit records\n";
  }
  return ExitCode::kOk;
}

}  // namespace edgehold
