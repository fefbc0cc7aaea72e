// SPDX-License-Identifier: Apache-2.0
// Roles into facts, behind roles.h.
// Thread: any (immutable).
#include "filters/roles.h"

#include <algorithm>
#include <vector>

#include "filters/channels/head_fields.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {

bool isPrincipalName(std::string_view name) { return isPlainWord(name, 64, "._:@-"); }

std::string readRoles(ConfigReader& config, std::string_view key) {
  const std::vector<std::string> roles = config.texts(key);
  const bool are_names = std::all_of(roles.begin(), roles.end(), isPrincipalName);
  std::string joined = join(roles, ",");
  if (!are_names || roles.size() > limits::kRolesMax || joined.size() > limits::kFactBytesMax) {
    config.reject(key,
                  "expected at most 16 names of letters, digits and `._:@-`, 256 bytes in all");
    static_assert(limits::kRolesMax == 16 && limits::kFactBytesMax == 256);
  }
  return joined;
}

void keepRoles(Exchange& exchange, std::string_view roles) {
  if (roles.empty() || exchange.is_shadow) return;
  exchange.facts.tags.emplace_back(kRolesTag, exchange.keepFact(roles));
}

}  // namespace edgehold
