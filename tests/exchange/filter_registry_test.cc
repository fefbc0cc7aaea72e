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
