// SPDX-License-Identifier: Apache-2.0
// The name of an entry of `upstreams:` that a filter asks questions of.
// Thread: main only.
#pragma once

#include <algorithm>
#include <string>

#include "proxy/base/config_reader.h"
#include "proxy/exchange/filter_registry.h"

namespace edgehold {

// From the key `upstream`. One that is not there is reported.
inline std::string readUpstreamName(ConfigReader& config, const FilterBuild& build) {
  std::string name = config.requiredText("upstream");
  const auto& known = build.upstreams;
  if (!name.empty() && std::find(known.begin(), known.end(), name) == known.end()) {
    config.reject("upstream", "there is no upstream " + quoteForMessage(name));
  }
  return name;
}

}  // namespace edgehold
