// SPDX-License-Identifier: Apache-2.0
// Which filter types exist, in which order they check, and how each is made from its configuration.
// filters/registry.cc fills it explicitly; nothing registers itself.
// Thread: main only while it is filled, then any (immutable).
#pragma once

#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"
#include "proxy/exchange/filter.h"

namespace edgehold {

class SecretString;

// The live versions of one secret, newest first. Several are normal (rotation); none: it did not
// resolve, and whoever needs it must refuse with kSecretUnavailable (fail closed), the other routes
// live on.
using SecretVersions = std::vector<std::shared_ptr<const SecretString>>;

class SecretSource {
 public:
  virtual ~SecretSource() = default;
  // `reference` is ${env:NAME}, ${file:/path} or ${vault:path#key}. An error is a mistake in the
  // configuration: a literal, a malformed reference, a kind that `security.secrets.store` refuses.
  virtual Result<SecretVersions> resolve(std::string_view reference) = 0;
};

// The files that a filter's configuration names. What is read here acts: its bytes are part of the
// policy's version, and a change of it is noticed when the policy is watched. A relative path
// starts at the configuration file's directory.
class PolicyFiles {
 public:
  virtual ~PolicyFiles() = default;
  virtual std::string absolute(std::string_view path) const = 0;
  // The whole file; an error when there is none or it is longer than `bytes_max`.
  virtual Result<std::string> read(std::string_view path, std::size_t bytes_max) = 0;
  // A YAML file as a tree, for a ConfigReader of its own. Its mistakes go to `errors` with their
  // own file:line:column; null then. The node lives as long as this object.
  virtual const ConfigNode* config(std::string_view path, ConfigErrors& errors) = 0;
  // The names (not paths) in `directory` that end in `suffix`, sorted; an error past `names_max`.
  virtual Result<std::vector<std::string>> list(std::string_view directory, std::string_view suffix,
                                                std::size_t names_max) = 0;
};

// What a factory may use besides its own configuration map. REQUIRES: not kept past the call.
struct FilterBuild {
  SecretSource& secrets;
  PolicyFiles& files;
  std::string_view route;  // name of the route it is made for
  bool is_whole_body_allowed = true;
  std::span<const std::string> upstreams = {};  // what calls may go to
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

// Makes a filter, or reports to config.errors() and returns null. Calls config.finish() itself; the
// keys common to all filters (`mode`, `on_error`, `name`) have been read by then.
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
