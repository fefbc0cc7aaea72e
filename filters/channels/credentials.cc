// SPDX-License-Identifier: Apache-2.0
// Reads dated lists of secrets.
// Thread: main only.
#include "filters/channels/credentials.h"

#include <optional>
#include <span>
#include <string>

#include "proxy/base/limits.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::string_view kHowTo = "needs a secret reference, as `${env:NAME}`";

void add(ConfigReader& config, std::string_view key, const FilterBuild& build,
         std::string_view reference, Validity validity, std::vector<DatedSecret>& secrets) {
  const Result<SecretVersions> versions = build.secrets.resolve(reference);
  if (!versions) return config.reject(key, versions.error().message);
  for (const auto& secret : *versions) {
    if (secret != nullptr && !secret->empty()) secrets.push_back({secret, validity});
  }
}

ConfigReader readerOf(ConfigReader& config, const ConfigNode& node, std::string_view key) {
  return {node, config.path() + "." + std::string(key), config.errors()};
}

Validity readValidity(ConfigReader& one) {
  const Validity validity{readInstant(one, "from", WallTime::min()),
                          readInstant(one, "until", WallTime::max())};
  if (validity.from >= validity.until) one.reject("until", "is not after `from`");
  return validity;
}

void addDated(ConfigReader& config, const ConfigNode& node, std::string_view key,
              const FilterBuild& build, std::vector<DatedSecret>& secrets) {
  ConfigReader one = readerOf(config, node, key);
  const std::string reference = one.requiredText("secret");
  const Validity validity = readValidity(one);
  if (!reference.empty()) add(one, "secret", build, reference, validity, secrets);
  one.finish();
}

// The one thing there is, or the things in the list that there is. Empty when there is none.
std::span<const ConfigNode> itemsOf(ConfigReader& config, std::string_view key,
                                    std::string_view how_to) {
  const ConfigNode* const node = config.find(key);
  const bool is_list = node != nullptr && node->kind == ConfigNode::Kind::kList;
  if (node == nullptr || node->kind == ConfigNode::Kind::kNull ||
      (is_list && node->items.empty())) {
    config.reject(key, how_to);
    return {};
  }
  return is_list ? std::span(node->items) : std::span(node, 1);
}

}  // namespace

WallTime readInstant(ConfigReader& config, std::string_view key, WallTime otherwise) {
  const std::string text = config.text(key);
  if (text.empty()) return otherwise;
  if (const auto instant = parseRfc3339(text)) return *instant;
  config.reject(key, "is no time, such as 2026-12-01T00:00:00Z");
  return otherwise;
}

std::vector<DatedSecret> readSecrets(ConfigReader& config, std::string_view key,
                                     const FilterBuild& build) {
  std::vector<DatedSecret> secrets;
  for (const ConfigNode& item : itemsOf(config, key, kHowTo)) {
    if (item.kind == ConfigNode::Kind::kScalar) {
      add(config, key, build, item.scalar, {}, secrets);
    } else if (item.kind == ConfigNode::Kind::kMap) {
      addDated(config, item, key, build, secrets);
    } else {
      config.reject(key, kHowTo);
    }
  }
  if (secrets.size() > limits::kSecretsMax) config.reject(key, "more than 16 live secrets");
  static_assert(limits::kSecretsMax == 16, "the message above says so");
  return secrets;
}

std::vector<Credential<std::string>> readPublicTexts(ConfigReader& config, std::string_view key) {
  constexpr std::string_view kHow = "needs a public key, as the platform shows it";
  std::vector<Credential<std::string>> texts;
  for (const ConfigNode& item : itemsOf(config, key, kHow)) {
    if (item.kind == ConfigNode::Kind::kScalar) {
      texts.push_back({item.scalar, {}});
    } else if (item.kind == ConfigNode::Kind::kMap) {
      ConfigReader one = readerOf(config, item, key);
      std::string text = one.requiredText("key");
      const Validity validity = readValidity(one);
      if (!text.empty()) texts.push_back({std::move(text), validity});
      one.finish();
    } else {
      config.reject(key, kHow);
    }
  }
  if (texts.size() > limits::kSecretsMax) config.reject(key, "more than 16 keys");
  return texts;
}

}  // namespace edgehold
