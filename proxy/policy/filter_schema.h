// SPDX-License-Identifier: Apache-2.0
// The filters of a route: what `security` asks for, the defaults, then its own, in the order of
// checks.
// Thread: main only.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/exchange/filter_chain.h"
#include "proxy/policy/schema.h"
#include "proxy/policy/security_schema.h"

namespace edgehold {

class FilterSchema {
 public:
  // REQUIRES: all outlive this. `defaults` is the node under `defaults.filters`, or null.
  FilterSchema(SchemaScope& scope, SecretSource& secrets, const SecurityBlock& security,
               const ConfigNode* defaults);

  // The chain of one route from the node under its `filters` (or null), whose dotted path is
  // `path`. A route's entry replaces a default of the same name; with `mode: off` it removes it.
  // What `security` asks for cannot be removed.
  std::vector<ChainEntry> read(const ConfigNode* filters, const std::string& path,
                               std::string_view route, ConfigErrors& errors);

 private:
  SchemaScope& scope_;
  SecretSource& secrets_;
  const SecurityBlock& security_;
  const ConfigNode* const defaults_;
};

}  // namespace edgehold
