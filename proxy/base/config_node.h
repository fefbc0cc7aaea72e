// SPDX-License-Identifier: Apache-2.0
// A configuration file as a neutral tree in which every node knows its line and column. policy/
// makes it from YAML; whoever is configured reads it through a ConfigReader. Thread: any
// (immutable).
#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

namespace edgehold {

struct ConfigPlace {
  std::shared_ptr<const std::string> file;
  int line = 0;    // from 1
  int column = 0;  // from 1
};

struct ConfigNode {
  enum class Kind : std::uint8_t { kNull, kScalar, kList, kMap };

  // Written out: clang 14 would otherwise look into the pair below while it is incomplete.
  ConfigNode() {}  // NOLINT(modernize-use-equals-default)

  Kind kind = Kind::kNull;
  std::string scalar;
  bool is_quoted = false;         // "yes" in quotes is a text, never a boolean or number
  std::vector<ConfigNode> items;  // kList
  std::vector<std::pair<std::string, ConfigNode>> members;  // kMap, in file order, keys unique
  ConfigPlace place;
  std::vector<ConfigPlace> key_places;  // kMap: of each key
};

}  // namespace edgehold
