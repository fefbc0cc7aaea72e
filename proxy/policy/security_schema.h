// SPDX-License-Identifier: Apache-2.0
// `security:`: a few lines in the operator's words, each of which acts on every route. What a line
// asks for is made of the same filters, by the same factories, as what stands in a route.
// Thread: main only.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include "proxy/observe/audit_spec.h"
#include "proxy/policy/schema.h"
#include "proxy/policy/secrets.h"
#include "proxy/policy/snapshot.h"

namespace edgehold {

// A filter that every route gets before its own.
struct OuterFilter {
  std::string type;
  std::string name;
  std::string path;   // of the line that asks for it, for messages
  ConfigNode config;  // as an operator would have written it
};

struct SecurityBlock {
  SecuritySpec spec;
  SecretPolicy secrets;
  std::vector<OuterFilter> outer_filters;
};

// Also sets `audit.retention_days` and `audit.fields`. `root_node` is searched for literal secrets
// when the store asks for it.
SecurityBlock readSecurity(ConfigReader& root, const ConfigNode& root_node, SchemaScope& scope,
                           AuditSpec& audit);

// The one filter that is merged rather than repeated: a route's own approval_hold keeps its terms
// and takes the actions of `outer` besides its own.
ConfigNode mergeHoldActions(const ConfigNode& own, const ConfigNode& outer);

}  // namespace edgehold
