// SPDX-License-Identifier: Apache-2.0
// Which filter types exist, in which order they check, and how each is made from its configuration.
// filters/registry.cc fills it explicitly; nothing registers itself.
// Thread: main only while it is filled, then any (immutable).
#pragma once

#include <functional>
#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"
#include "proxy/exchange/filter.h"

namespace edgehold {

class SecretString;

// One secret by reference. Several live versions are normal (rotation); none: it did not resolve,
// and whoever needs it must refuse (fail closed), the other routes live on.
class SecretSource {
 public:
  virtual ~SecretSource() = default;
  // `reference` is ${env:NAME}, ${file:/path} or ${vault:path#key}. A literal is a configuration
  // error.
  virtual std::vector<std::shared_ptr<const SecretString>> resolve(std::string_view reference) = 0;
};

// What a factory may use besides its own configuration map.
struct FilterBuild {
  SecretSource& secrets;
  std::string_view route;      // name of the route it is made for
  std::string_view directory;  // of the configuration file: relative paths start here
  bool is_whole_body_allowed = true;
};

// The order of checks (flood-proof and fixed, whatever the order in the file).
enum class FilterRank : std::uint8_t {
  kSourceBudget,
  kIpAccess,
  kHostGuard,
  kMethodPath,
  kPayloadCap,
  kCredentials,
  kChannel,
  kReplayWindow,
  kEventTypes,
  kDedupe,
  kRateLimit,
  kActionClass,
  kDegradedMode,
  kRules,
  kApprovalHold,
};

// Makes a filter, or reports to config.errors() and returns null. Calls config.finish() itself.
using FilterFactory =
    std::function<std::unique_ptr<const Filter>(ConfigReader&, const FilterBuild&)>;

struct FilterType {
  std::string_view name;  // `rate_limit`
  FilterRank rank;
  FilterFactory make;
  bool may_repeat = false;  // several of them in one route
};

class FilterRegistry {
 public:
  // REQUIRES: no type of that name yet.
  void add(FilterType type);
  const FilterType* find(std::string_view name) const;
  std::vector<std::string_view> names() const;

 private:
  std::vector<FilterType> types_;
};

}  // namespace edgehold
