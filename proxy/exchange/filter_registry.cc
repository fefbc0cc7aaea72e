// SPDX-License-Identifier: Apache-2.0
// The list of filter types (a dozen or so: searched from the front).
// Thread: main only while it is filled, then any (immutable).
#include "proxy/exchange/filter_registry.h"

#include <utility>

#include "proxy/base/log.h"

namespace edgehold {

void FilterRegistry::add(FilterType type) {
  CHECK(find(type.name) == nullptr) << "filter type `" << type.name << "` is listed twice";
  types_.push_back(std::move(type));
}

const FilterType* FilterRegistry::find(std::string_view name) const {
  for (const FilterType& type : types_) {
    if (type.name == name) return &type;
  }
  return nullptr;
}

std::vector<std::string_view> FilterRegistry::names() const {
  std::vector<std::string_view> names;
  for (const FilterType& type : types_) names.push_back(type.name);
  return names;
}

}  // namespace edgehold
