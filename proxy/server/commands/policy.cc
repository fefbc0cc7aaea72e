// SPDX-License-Identifier: Apache-2.0
// `edgehold reload` and `edgehold policy history|diff|rollback`.
// Thread: main only.
#include <map>
#include <ostream>
#include <set>

#include "proxy/base/base64.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/strings.h"
#include "proxy/policy/text_diff.h"
#include "proxy/server/commands/admin_access.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

void tellList(const Json::Value& tree, const char* key, const char* label, std::ostream& out) {
  const Json::Value* const list = anyMember(tree, key);
  if (list == nullptr || !list->isArray()) return;
  for (const Json::Value& text : *list) {
    if (text.isString()) out << label << printable(text.asString()) << "\n";
  }
}

ExitCode change(const AdminCall& call, const Options& options, const CommandWorld& world) {
  const auto asked = askTree(call, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& tree = std::get<Json::Value>(asked);
  if (options.is_json) {
    world.out << writeJsonPretty(tree);
    return ExitCode::kOk;
  }
  const bool has_changed = boolMember(tree, "has_changed").value_or(false);
  world.out << (has_changed ? "policy " : "nothing changed, policy ")
            << printable(textMember(tree, "policy_version")) << " in force\n";
  tellList(tree, "weaker", "weaker than before: ", world.out);
  tellList(tree, "warnings", "warning: ", world.out);
  return ExitCode::kOk;
}

// --- history ---

Table historyTable(const Json::Value& tree) {
  Table table({"VERSION", "IN FORCE SINCE", "CAUSE", "WHO", ""});
  const Json::Value* const list = anyMember(tree, "policies");
  if (list == nullptr || !list->isArray()) return table;
  for (Json::ArrayIndex i = list->size(); i-- > 0;) {
    const Json::Value& entry = (*list)[i];
    const bool is_now = i + 1 == list->size();
    table.add({textMember(entry, "version"), textMember(entry, "since"), textMember(entry, "cause"),
               textMember(entry, "who"), is_now ? "in force" : ""});
  }
  return table;
}

// --- diff ---

using Files = std::map<std::string, std::string>;  // by name

Files filesOf(const Json::Value& tree) {
  Files files;
  const Json::Value* const list = anyMember(tree, "files");
  if (list == nullptr || !list->isArray()) return files;
  for (const Json::Value& file : *list) {
    const auto text = stringMember(file, "text");
    const auto bytes = base64Decode(textMember(file, "base64"), Base64::kStandard);
    files[textMember(file, "name")] = text ? *text : bytes.value_or("");
  }
  return files;
}

std::string diffOf(const Files& was, const Files& is) {
  std::set<std::string> names;
  for (const auto& [name, text] : was) names.insert(name);
  for (const auto& [name, text] : is) names.insert(name);
  std::string out;
  for (const std::string& name : names) {
    const auto old_file = was.find(name);
    const auto file = is.find(name);
    const std::string nowhere = "/dev/null";
    out += unifiedDiff(
        {old_file == was.end() ? nowhere : name,
         old_file == was.end() ? std::string_view() : old_file->second},
        {file == is.end() ? nowhere : name, file == is.end() ? std::string_view() : file->second});
  }
  return out;
}

// The two versions to compare, older first: those that were named, else the last two.
std::variant<std::pair<std::string, std::string>, ExitCode> pairOf(const Options& options,
                                                                   const CommandWorld& world) {
  if (options.versions.size() == 2) return std::pair(options.versions[0], options.versions[1]);
  const auto asked =
      askTree({.method = "GET", .target = "/policy/history", .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const Json::Value* const list = anyMember(std::get<Json::Value>(asked), "policies");
  const Json::ArrayIndex count = list != nullptr && list->isArray() ? list->size() : 0;
  const bool is_named = !options.versions.empty();
  if (count < (is_named ? 1u : 2u)) {
    world.err << "edgehold: there is no earlier policy to compare with\n";
    return ExitCode::kFailure;
  }
  const std::string now = textMember((*list)[count - 1], "version");
  return std::pair(is_named ? options.versions[0] : textMember((*list)[count - 2], "version"), now);
}

bool isVersionText(const std::string& text) {
  return !text.empty() && text.find_first_not_of("0123456789abcdef") == std::string::npos;
}

}  // namespace

ExitCode reloadPolicy(const Options& options, const CommandWorld& world) {
  Json::Value body(Json::objectValue);
  if (options.allows_downgrade) body["allow_downgrade"] = true;
  return change({.method = "POST", .target = "/reload", .body = writeJsonCompact(body)}, options,
                world);
}

ExitCode rollBackPolicy(const Options& options, const CommandWorld& world) {
  Json::Value body(Json::objectValue);
  body["version"] = options.versions.front();
  if (options.allows_downgrade) body["allow_downgrade"] = true;
  const ExitCode code =
      change({.method = "POST", .target = "/policy/rollback", .body = writeJsonCompact(body)},
             options, world);
  if (code == ExitCode::kOk && !options.is_json) {
    world.out
        << "The files on the disk are as they were: mend them, for the next reload or restart "
           "takes them.\n";
  }
  return code;
}

ExitCode showPolicyHistory(const Options& options, const CommandWorld& world) {
  const auto asked =
      askTree({.method = "GET", .target = "/policy/history", .body = {}}, options, world);
  if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
  const auto& tree = std::get<Json::Value>(asked);
  if (options.is_json) {
    world.out << writeJsonPretty(tree);
    return ExitCode::kOk;
  }
  world.out << historyTable(tree).text();
  if (!boolMember(tree, "is_disk_in_force").value_or(true)) {
    world.out << "What is on the disk is not in force; `edgehold status` tells why.\n";
  }
  return ExitCode::kOk;
}

ExitCode showPolicyDiff(const Options& options, const CommandWorld& world) {
  for (const std::string& version : options.versions) {
    if (isVersionText(version)) continue;
    world.err << "edgehold: `" << printable(version) << "` is no version of a policy\n";
    return ExitCode::kUsage;
  }
  const auto pair = pairOf(options, world);
  if (const auto* const code = std::get_if<ExitCode>(&pair)) return *code;
  const auto& [was, is] = std::get<0>(pair);
  std::array<Files, 2> sides;
  for (std::size_t side = 0; side < 2; ++side) {
    const std::string target = "/policy/files/" + (side == 0 ? was : is);
    const auto asked = askTree({.method = "GET", .target = target, .body = {}}, options, world);
    if (const auto* const code = std::get_if<ExitCode>(&asked)) return *code;
    sides[side] = filesOf(std::get<Json::Value>(asked));
  }
  const std::string text = diffOf(sides[0], sides[1]);
  if (options.is_json) {
    Json::Value tree(Json::objectValue);
    tree["from"] = was;
    tree["to"] = is;
    tree["diff"] = text;
    world.out << writeJsonPretty(tree);
    return ExitCode::kOk;
  }
  std::string_view rest = text;
  for (std::size_t end = rest.find('\n'); end != rest.npos; end = rest.find('\n')) {
    world.out << printable(rest.substr(0, end)) << "\n";
    rest.remove_prefix(end + 1);
  }
  return ExitCode::kOk;
}

}  // namespace edgehold
