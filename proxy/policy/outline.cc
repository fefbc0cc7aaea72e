// SPDX-License-Identifier: Apache-2.0
// Collects the comparable texts of one filter.
// Thread: main only.
#include "proxy/policy/outline.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using Kind = ConfigNode::Kind;
using Texts = std::vector<std::string>;

const ConfigNode* memberOf(const ConfigNode& map, std::string_view key) {
  for (const auto& [name, value] : map.members) {
    if (name == key) return &value;
  }
  return nullptr;
}

std::string scalarOf(const ConfigNode& map, std::string_view key) {
  const ConfigNode* const node = memberOf(map, key);
  return node != nullptr ? node->scalar : std::string();
}

Texts textsOf(const ConfigNode& node) {
  if (node.kind == Kind::kScalar) return {node.scalar};
  Texts texts;
  for (const ConfigNode& item : node.items) texts.push_back(item.scalar);
  return texts;
}

// Which budgets there are; one that only counts refuses nobody.
Texts limitsOf(const ConfigNode& config) {
  Texts limits;
  const ConfigNode* const list = memberOf(config, "limits");
  if (list == nullptr) return limits;
  for (const ConfigNode& limit : list->items) {
    const ConfigNode* const key = memberOf(limit, "key");
    if (key == nullptr || scalarOf(limit, "count_only") == "true") continue;
    limits.push_back(join(textsOf(*key), "+"));
  }
  return limits;
}

void addActions(const ConfigNode& catalogue, Texts& names) {
  const ConfigNode* const rows = memberOf(catalogue, "rows");
  if (rows == nullptr) return;
  for (const ConfigNode& row : rows->items) names.push_back(scalarOf(row, "action"));
}

Texts actionsOf(const ConfigNode& config, PolicyFiles& files) {
  Texts names;
  addActions(config, names);
  const std::string file = scalarOf(config, "catalogue");
  ConfigErrors told_already;
  const ConfigNode* const catalogue = file.empty() ? nullptr : files.config(file, told_already);
  if (catalogue != nullptr) addActions(*catalogue, names);
  if (const ConfigNode* const otherwise = memberOf(config, "otherwise")) {
    for (const auto& [method, action] : otherwise->members) names.push_back(action.scalar);
  }
  return names;
}

Texts rulesOf(const ConfigNode& config, PolicyFiles& files) {
  const std::string directory = scalarOf(config, "directory");
  if (directory.empty()) return {};
  auto names = files.list(directory, ".lua", limits::kRuleFilesMax);
  if (!names) return {};
  std::erase_if(*names, [](const std::string& name) { return name.ends_with("_test.lua"); });
  return std::move(*names);
}

// What a channel verifies by, and what it refuses although the signature is good.
void readChannel(const ConfigNode& config, FilterOutline& outline) {
  std::string dialect = scalarOf(config, "dialect");
  const std::string encryption = scalarOf(config, "encryption");
  if (!encryption.empty()) dialect += " " + encryption;
  outline.lists["dialect"] = {std::move(dialect)};
  Texts& refuses = outline.lists["refuses"];
  if (scalarOf(config, "unknown_events") != "pass") refuses.push_back("unknown events");
  if (scalarOf(config, "setup_until").empty()) refuses.push_back("unsigned set-up requests");
  if (scalarOf(config, "failures_per_minute") != "0") refuses.push_back("guessing");
}

}  // namespace

const std::vector<std::string>& FilterOutline::list(std::string_view key) const {
  static const Texts kNone;
  const auto found = lists.find(key);
  return found != lists.end() ? found->second : kNone;
}

void readOutlineLists(const ConfigNode& config, PolicyFiles& files, FilterOutline& outline) {
  constexpr std::array<std::string_view, 8> kKeys = {"actions", "allow",   "deny",  "hosts",
                                                     "origins", "methods", "paths", "principals"};
  for (const std::string_view key : kKeys) {
    const ConfigNode* const node = memberOf(config, key);
    if (node != nullptr) outline.lists.emplace(key, textsOf(*node));
  }
  const std::string& type = outline.type;
  if (type == "channel") readChannel(config, outline);
  if (type == "rate_limit" || type == "source_budget") outline.lists["limits"] = limitsOf(config);
  if (type == "action_class") outline.lists["names"] = actionsOf(config, files);
  if (type == "lua_rules") outline.lists["rules"] = rulesOf(config, files);
  const bool is_optional = type == "dedupe" && scalarOf(config, "required") == "false";
  if (type == "dedupe" && !is_optional) outline.lists["required"] = {"true"};
}

}  // namespace edgehold
