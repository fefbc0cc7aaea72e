// SPDX-License-Identifier: Apache-2.0
// Secrets by reference: ${env:NAME}, ${file:path}, ${vault:path#key}. Each may have a previous
// version that is still good, so that a rotation loses no request.
//   env    NAME, and NAME_PREVIOUS
//   file   the whole file without its last line end, and the file `path.previous`
//   vault  `vault_directory`/path/key, and `key.previous` (what an agent of the vault writes there)
// Thread: main only (resolving); the secrets themselves any (immutable).
#pragma once

#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/config_node.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/policy/policy_files.h"
#include "proxy/policy/secret_state.h"

namespace edgehold {

// `security.secrets` as read.
struct SecretPolicy {
  enum class Store : std::uint8_t { kAny, kKmsOrVault, kEnv, kFile, kVault };
  Store store = Store::kAny;
  std::string vault_directory;  // absolute; empty: no vault reference resolves
  int rotate_days = 30;         // older files are told in a warning
};

// The environment, injected: main reads it, tests invent it.
using Environment = std::function<std::optional<std::string>(const std::string& name)>;

class Secrets final : public SecretSource {
 public:
  // REQUIRES: files outlives this.
  Secrets(SecretPolicy policy, Environment environment, WallTime now, PolicyFileSet& files);

  Result<SecretVersions> resolve(std::string_view reference) override;

  // References that did not resolve, files that others can read, secrets past their rotation.
  const std::vector<std::string>& warnings() const { return warnings_; }
  // By reference, in byte order.
  std::vector<SecretState> states() const;

 private:
  struct Resolved {  // by one reference
    SecretVersions versions;
    std::optional<WallTime> modified;
  };
  SecretVersions fromEnvironment(const std::string& name);
  Resolved fromFile(const std::string& path, std::string_view reference);
  void addFile(const std::string& path, std::string_view reference, bool is_current,
               Resolved& resolved);
  void warn(std::string message);
  bool allows(SecretPolicy::Store kind) const;

  const SecretPolicy policy_;
  const Environment environment_;
  const WallTime now_;
  PolicyFileSet& files_;
  std::map<std::string, Resolved, std::less<>> resolved_;
  std::vector<std::string> warnings_;
};

// `store: kms_or_vault`: reports every key that is named like a secret and holds a literal, and
// every private key, anywhere in the document.
void rejectLiteralSecrets(const ConfigNode& root, ConfigErrors& errors);

}  // namespace edgehold
