// SPDX-License-Identifier: Apache-2.0
// A configuration file becomes a snapshot: read, checked and built whole, or refused with every
// mistake it has.
// Thread: main only.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/result.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/policy/secrets.h"
#include "proxy/policy/snapshot.h"

namespace edgehold {

// What a load may use of the world besides files.
struct LoadTools {
  const FilterRegistry& registry;
  const Clock& clock;
  Environment environment;  // for ${env:...}
};

struct LoadResult {
  std::shared_ptr<const PolicySnapshot> snapshot;  // null when there are errors
  std::vector<std::string> errors;                 // `file:line:column: path: message`, by place
  std::string content;               // all that acts, to be kept; empty when there are errors
  std::vector<std::string> watched;  // files and folders whose change may change the result
};

LoadResult loadPolicy(const std::string& path, const LoadTools& tools);

// As if `text` were the file at `path`.
LoadResult loadPolicyText(std::string_view text, const std::string& path, const LoadTools& tools);

// A policy that was kept (LoadResult::content) again, as if its files still lay around `path`. What
// is not kept (certificates, secrets) is that of now.
LoadResult loadKeptPolicy(std::string_view content, const std::string& path,
                          const LoadTools& tools);

// A running process can take `next` over. An error names every field that only a start can change.
Result<void> checkReloadable(const PolicySnapshot& running, const PolicySnapshot& next);

}  // namespace edgehold
