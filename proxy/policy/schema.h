// SPDX-License-Identifier: Apache-2.0
// What the readers of the document's parts share during one load.
// Thread: main only.
#pragma once

#include <chrono>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_reader.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/policy/outline.h"
#include "proxy/policy/policy_files.h"

namespace edgehold {

struct SchemaScope {
  const FilterRegistry& registry;
  PolicyFileSet& files;
  std::vector<std::string>& warnings;
  PolicyOutline& outline;
  bool verifies_clients = false;  // some listener has a `client_ca`; set before routes are read
  std::vector<std::string> upstreams = {};  // their names; the same
};

// Names become metric labels, audit fields and parts of paths: letters, digits and `._-`, at most
// 64. Reports at `key` of `reader` and returns false otherwise.
bool checkName(ConfigReader& reader, std::string_view key, std::string_view name);

// As ConfigReader::duration(), and zero is a mistake: a wait without time to wait.
std::chrono::nanoseconds readWait(ConfigReader& reader, std::string_view key,
                                  std::chrono::nanoseconds otherwise);

}  // namespace edgehold
