// SPDX-License-Identifier: Apache-2.0
// `edgehold check`: every mistake of a configuration, or what it amounts to.
// Thread: main only.
#include <ostream>

#include "proxy/base/json_tree.h"
#include "proxy/base/strings.h"
#include "proxy/server/commands/command.h"
#include "proxy/server/commands/table.h"

namespace edgehold {
namespace {

std::string filtersOf(const Route& route) {
  std::vector<std::string> names;
  for (const ChainEntry& entry : route.chain().entries()) {
    const bool is_shadow = entry.mode == FilterMode::kShadow;
    names.push_back(entry.name + (is_shadow ? " (shadow)" : ""));
  }
  return names.empty() ? "none" : join(names, ", ");
}

Json::Value treeOf(const Route& route) {
  Json::Value tree(Json::objectValue);
  tree["name"] = route.name();
  tree["hosts"] = jsonList(route.match().hosts);
  tree["path"] = route.match().path;
  tree["is_prefix"] = route.match().is_prefix;
  tree["upstream"] = route.upstream();
  tree["filters"] = Json::Value(Json::arrayValue);
  for (const ChainEntry& entry : route.chain().entries()) tree["filters"].append(entry.name);
  return tree;
}

std::string jsonOf(const LoadResult& loaded) {
  Json::Value tree(Json::objectValue);
  tree["is_ok"] = loaded.snapshot != nullptr;
  tree["errors"] = jsonList(loaded.errors);
  tree["warnings"] = Json::Value(Json::arrayValue);
  if (loaded.snapshot != nullptr) {
    tree["policy_version"] = loaded.snapshot->version();
    tree["warnings"] = jsonList(loaded.snapshot->warnings());
    tree["routes"] = Json::Value(Json::arrayValue);
    for (const auto& route : loaded.snapshot->routes()) tree["routes"].append(treeOf(*route));
  }
  return writeJsonPretty(tree);
}

std::string textOf(const PolicySnapshot& policy) {
  Table table({"ROUTE", "HOSTS", "PATH", "UPSTREAM", "FILTERS"});
  for (const auto& route : policy.routes()) {
    const RouteMatch& match = route->match();
    table.add({route->name(), match.hosts.empty() ? "any" : join(match.hosts, ", "),
               match.path + (match.is_prefix ? "" : " (exact)"), route->upstream(),
               filtersOf(*route)});
  }
  std::string text = "policy " + policy.version() + "\n\n" + table.text();
  for (const std::string& warning : policy.warnings()) {
    text += "\nwarning: " + printable(warning);
  }
  if (!policy.warnings().empty()) text += "\n";
  return text;
}

}  // namespace

ExitCode checkConfiguration(const Options& options, const CommandWorld& world) {
  const LoadResult loaded = loadPolicy(options.config_file, world.loadTools());
  for (const std::string& error : loaded.errors) world.err << printable(error) << "\n";
  if (options.is_json) {
    world.out << jsonOf(loaded);
  } else if (loaded.snapshot != nullptr) {
    world.out << textOf(*loaded.snapshot);
  }
  return loaded.snapshot != nullptr ? ExitCode::kOk : ExitCode::kUsage;
}

}  // namespace edgehold
