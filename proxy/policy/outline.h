// SPDX-License-Identifier: Apache-2.0
// What a route's filters demand, in so far as two policies are compared by it: the compiled filters
// keep no words of the configuration.
// Thread: any (immutable once loaded).
#pragma once

#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_node.h"
#include "proxy/exchange/filter_registry.h"

namespace edgehold {

struct FilterOutline {
  std::string type;
  std::string name;
  std::string path;  // of the line that asks for it
  bool is_enforced = true;
  bool denies_on_error = true;
  // The texts under the keys that say whom or what the filter concerns, by key. `names` of
  // action_class are the actions it can name, `rules` of lua_rules its files.
  std::map<std::string, std::vector<std::string>, std::less<>> lists;

  // Empty when the key is not there.
  const std::vector<std::string>& list(std::string_view key) const;
};

using RouteOutline = std::vector<FilterOutline>;
using PolicyOutline = std::map<std::string, RouteOutline, std::less<>>;  // by the route's name

// Fills `outline.lists` from the filter's configuration. REQUIRES: outline.type is set, and the
// filter could be made of `config`.
void readOutlineLists(const ConfigNode& config, PolicyFiles& files, FilterOutline& outline);

}  // namespace edgehold
