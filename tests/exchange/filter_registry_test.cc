// SPDX-License-Identifier: Apache-2.0
// The laws of the filter registry and of routes.
// Thread: main only.
#include "proxy/exchange/filter_registry.h"

#include <gtest/gtest.h>

#include "proxy/exchange/route.h"

namespace edgehold {
namespace {

FilterType typeNamed(std::string_view name) {
  return {name, FilterRank::kRules, [](ConfigReader&, const FilterBuild&) { return nullptr; }};
}

TEST(FilterRegistry, FindsATypeByItsExactName) {
  FilterRegistry registry;
  registry.add(typeNamed("dedupe"));
  ASSERT_NE(registry.find("dedupe"), nullptr);
  EXPECT_EQ(registry.find("dedupe")->name, "dedupe");
  EXPECT_EQ(registry.find("Dedupe"), nullptr);
  EXPECT_EQ(registry.find("dedup"), nullptr);
  EXPECT_EQ(registry.find(""), nullptr);
}

TEST(FilterRegistry, ListsTheNamesInTheirOrder) {
  FilterRegistry registry;
  registry.add(typeNamed("b"));
  registry.add(typeNamed("a"));
  EXPECT_EQ(registry.names(), (std::vector<std::string_view>{"b", "a"}));
}

TEST(FilterRegistryDeathTest, RefusesTheSameNameTwice) {
  FilterRegistry registry;
  registry.add(typeNamed("a"));
  EXPECT_DEATH(registry.add(typeNamed("a")), "listed twice");
}

// Knows `${env:A}` (two versions) and `${env:LOST}` (none); the versions themselves are never read.
class TwoSecrets final : public SecretSource {
 public:
  Result<SecretVersions> resolve(std::string_view reference) override {
    if (reference == "${env:A}") return SecretVersions{nullptr, nullptr};
    if (reference == "${env:LOST}") return SecretVersions{};
    return fail("a secret is a reference");
  }
};

ConfigNode mapOf(std::string_view key, const std::vector<std::string>& texts) {
  ConfigNode list, map;
  list.kind = ConfigNode::Kind::kList;
  for (const std::string& text : texts) {
    ConfigNode& item = list.items.emplace_back();
    item.kind = ConfigNode::Kind::kScalar;
    item.scalar = text;
  }
  map.kind = ConfigNode::Kind::kMap;
  map.members.emplace_back(key, std::move(list));
  map.key_places.emplace_back();
  return map;
}

struct SecretCase {
  std::vector<std::string> references;
  std::size_t versions;
  std::size_t mistakes;
};

TEST(SecretSource, ReadsEveryVersionOfEveryReference) {
  const SecretCase cases[] = {
      {{"${env:A}"}, 2, 0},
      {{"${env:A}", "${env:LOST}", "${env:A}"}, 4, 0},
      {{"${env:LOST}"}, 0, 0},
      {{"hunter2"}, 0, 1},
      {{"hunter2", "${env:A}", "hunter3"}, 2, 1},  // the same mistake at the same place
      {{}, 0, 1},
  };
  for (const SecretCase& one : cases) {
    const ConfigNode map = mapOf("secrets", one.references);
    ConfigErrors errors;
    ConfigReader config(map, "here", errors);
    TwoSecrets source;
    EXPECT_EQ(source.read(config, "secrets").size(), one.versions);
    EXPECT_EQ(errors.messages().size(), one.mistakes);
  }
}

class WholeBody final : public Filter {
 public:
  FilterNeeds needs() const override { return {.request_body = FilterNeeds::Body::kWhole}; }
};

TEST(Route, CollectsTheBodyWhenAFilterNeedsItWhole) {
  EXPECT_FALSE(Route(Route::Parts{}).collectsBody());
  Route::Parts parts;
  parts.name = "bot";
  parts.filters.push_back({.name = "whole", .filter = std::make_unique<WholeBody>(), .needs = {}});
  const Route route(std::move(parts));
  EXPECT_TRUE(route.collectsBody());
  EXPECT_EQ(route.name(), "bot");
}

}  // namespace
}  // namespace edgehold
