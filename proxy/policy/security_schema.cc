// SPDX-License-Identifier: Apache-2.0
// Reads `security:` and writes the filters that its lines ask for.
// Thread: main only.
#include "proxy/policy/security_schema.h"

#include <algorithm>
#include <array>
#include <utility>

#include "proxy/base/strings.h"
#include "proxy/policy/server_schema.h"

namespace edgehold {
namespace {

using Kind = ConfigNode::Kind;

constexpr std::uint64_t kDaysMax = 3650;
constexpr std::uint64_t kRatePerMinuteMax = 1'000'000;
constexpr std::array<std::string_view, 5> kAuditFields = {"who", "what", "when", "why",
                                                          "request_id"};

ConfigNode scalarNode(std::string text, const ConfigPlace& place) {
  ConfigNode node;
  node.kind = Kind::kScalar;
  node.scalar = std::move(text);
  node.place = place;
  return node;
}

ConfigNode listNode(const ConfigPlace& place) {
  ConfigNode node;
  node.kind = Kind::kList;
  node.place = place;
  return node;
}

ConfigNode mapNode(const ConfigPlace& place) {
  ConfigNode node;
  node.kind = Kind::kMap;
  node.place = place;
  return node;
}

void addMember(ConfigNode& map, std::string key, ConfigNode value) {
  map.key_places.push_back(value.place);
  map.members.emplace_back(std::move(key), std::move(value));
}

// A list of texts under one key, each at the place it was written.
ConfigNode mapOfTexts(std::string key, const ConfigNode& written) {
  ConfigNode list = listNode(written.place);
  if (written.kind == Kind::kScalar) list.items.push_back(written);
  if (written.kind == Kind::kList) list.items = written.items;
  ConfigNode map = mapNode(written.place);
  addMember(map, std::move(key), std::move(list));
  return map;
}

// One budget for whoever is known best: the principal, else the address.
ConfigNode rateConfig(std::uint64_t per_minute, const ConfigPlace& place) {
  ConfigNode limit = mapNode(place);
  addMember(limit, "key", scalarNode("principal_or_address", place));
  addMember(limit, "rate", scalarNode(std::to_string(per_minute) + "/1m", place));
  ConfigNode limits_list = listNode(place);
  limits_list.items.push_back(std::move(limit));
  ConfigNode config = mapNode(place);
  addMember(config, "limits", std::move(limits_list));
  return config;
}

void readSecrets(ConfigReader& security, SchemaScope& scope, SecurityBlock& block) {
  using Store = SecretPolicy::Store;
  auto secrets = security.child("secrets");
  if (!secrets) return;
  block.secrets.store = secrets->choice<Store>("store", Store::kAny,
                                               {{"any", Store::kAny},
                                                {"kms_or_vault", Store::kKmsOrVault},
                                                {"env", Store::kEnv},
                                                {"file", Store::kFile},
                                                {"vault", Store::kVault}});
  const auto days = secrets->number("rotate_days", 30, 1, kDaysMax);
  block.secrets.rotate_days = block.spec.secret_rotate_days = static_cast<int>(days);
  const std::string vault = secrets->text("vault_directory");
  if (!vault.empty()) block.secrets.vault_directory = scope.files.absolute(vault);
  secrets->finish();
}

void readNetwork(ConfigReader& security, SecurityBlock& block) {
  auto network = security.child("network");
  if (!network) return;
  block.spec.deny_public_admin = network->boolean("deny_public_admin", true);
  // Checked here, where it stands; the filter reads the same texts once per route.
  if (!readNetworks(*network, "allowlist_ips").empty()) {
    block.outer_filters.push_back({"ip_access", "security.allowlist_ips",
                                   network->path() + ".allowlist_ips",
                                   mapOfTexts("allow", *network->find("allowlist_ips"))});
  } else if (network->has("allowlist_ips")) {
    network->reject("allowlist_ips", "names no network: remove the line, or name one");
  }
  network->finish();
}

void readActions(ConfigReader& security, SecurityBlock& block) {
  auto actions = security.child("actions");
  if (!actions) return;
  block.spec.require_approval_for = actions->texts("require_approval_for");
  for (const std::string& action : block.spec.require_approval_for) {
    checkName(*actions, "require_approval_for", action);
  }
  const std::string path = actions->path();
  if (actions->has("rate_limit_per_minute")) {
    const auto rate = actions->number("rate_limit_per_minute", 1, 1, kRatePerMinuteMax);
    block.outer_filters.push_back(
        {"rate_limit", "security.rate_limit", path + ".rate_limit_per_minute",
         rateConfig(rate, actions->find("rate_limit_per_minute")->place)});
  }
  if (!block.spec.require_approval_for.empty()) {
    block.outer_filters.push_back({"approval_hold", "security.require_approval",
                                   path + ".require_approval_for",
                                   mapOfTexts("actions", *actions->find("require_approval_for"))});
  }
  actions->finish();
}

void readAuditLines(ConfigReader& security, AuditSpec& audit) {
  auto lines = security.child("audit");
  if (!lines) return;
  audit.retention_days = static_cast<int>(lines->number(
      "retention_days", static_cast<std::uint64_t>(audit.retention_days), 0, kDaysMax));
  audit.fields = lines->texts("fields");
  for (const std::string& field : audit.fields) {
    if (std::find(kAuditFields.begin(), kAuditFields.end(), field) != kAuditFields.end()) continue;
    lines->reject("fields", "expected `who`, `what`, `when`, `why` or `request_id`, found " +
                                quoteForMessage(field));
  }
  lines->finish();
}

}  // namespace

SecurityBlock readSecurity(ConfigReader& root, const ConfigNode& root_node, SchemaScope& scope,
                           AuditSpec& audit) {
  SecurityBlock block;
  auto security = root.child("security");
  if (!security) return block;
  readSecrets(*security, scope, block);
  readNetwork(*security, block);
  readActions(*security, block);
  readAuditLines(*security, audit);
  security->finish();
  if (block.secrets.store == SecretPolicy::Store::kKmsOrVault) {
    rejectLiteralSecrets(root_node, root.errors());
  }
  return block;
}

ConfigNode mergeHoldActions(const ConfigNode& own, const ConfigNode& outer) {
  const ConfigNode& outer_actions = outer.members.front().second;
  ConfigNode merged = own;
  const auto actions = std::find_if(merged.members.begin(), merged.members.end(),
                                    [](const auto& member) { return member.first == "actions"; });
  if (actions == merged.members.end()) {
    merged.kind = Kind::kMap;
    addMember(merged, "actions", outer_actions);
    return merged;
  }
  ConfigNode& list = actions->second;
  if (list.kind == Kind::kScalar) {
    ConfigNode single = list;
    list = listNode(single.place);
    list.items.push_back(std::move(single));
  }
  if (list.kind != Kind::kList) return merged;  // a mistake, which the factory reports
  for (const ConfigNode& action : outer_actions.items) {
    const auto same = [&](const ConfigNode& item) { return item.scalar == action.scalar; };
    if (std::none_of(list.items.begin(), list.items.end(), same)) list.items.push_back(action);
  }
  return merged;
}

}  // namespace edgehold
