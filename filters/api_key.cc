// SPDX-License-Identifier: Apache-2.0
// api_key {keys: [{name: ci, sha256: 9f86…, roles: [deploy], from: …, until: …}, {name: ops,
// secret: "${env:OPS_KEY}"}], header: X-Api-Key, keep: false, failures_per_minute: 60}: who is not
// one of these does not pass. Only hashes are kept: keys are long and random (`edgehold key new`),
// so one round of SHA-256 is enough. Every key is compared, whichever fits.
// Thread: any (immutable).
#include <array>
#include <cstdint>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "filters/channels/credentials.h"
#include "filters/channels/head_fields.h"
#include "filters/credential_field.h"
#include "filters/failure_budget.h"
#include "filters/filters.h"
#include "filters/roles.h"
#include "proxy/base/limits.h"
#include "proxy/crypto/digest.h"

namespace edgehold {
namespace {

using KeyHash = std::array<char, 32>;

ByteView viewOf(const KeyHash& hash) { return {hash.data(), hash.size()}; }

KeyHash hashOf(ByteView key) {
  KeyHash hash{};
  const DigestBytes digest = digestOf(DigestKind::kSha256, key);
  std::copy_n(digest.bytes.begin(), hash.size(), hash.begin());
  return hash;
}

struct ApiKey {
  std::string name;
  std::string roles;
  KeyHash hash;
};

class ApiKeyFilter final : public Filter {
 public:
  ApiKeyFilter(Credentials<ApiKey> keys, CredentialField field, FailureBudget failures)
      : keys_(std::move(keys)), field_(std::move(field)), failures_(std::move(failures)) {}

  // Refusals are verdicts, never errors: what `on_error` opens must not be open to strangers.
  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    if (auto refusal = failures_.refuseGuesser(exchange, services)) return *std::move(refusal);
    if (auto live = requireLive(keys_, exchange.started_wall); !live) {
      return field_.refuse(live.error());
    }
    const Result<const ApiKey*> key = find(exchange);
    if (!key) {
      if (!key.error().message.empty()) failures_.charge(exchange, services);
      return field_.refuse(key.error());
    }
    field_.strip(exchange);
    exchange.facts.principal = exchange.keepFact((*key)->name);
    keepRoles(exchange, (*key)->roles);
    return Verdict::proceed();
  }

 private:
  Result<const ApiKey*> find(const Exchange& exchange) const {
    TRY_ASSIGN(const std::string_view text, field_.find(exchange, limits::kApiKeyBytesMax));
    const KeyHash hash = hashOf(text);
    const auto found = fittingKey(keys_, exchange.started_wall, [&hash](const ApiKey& key) {
      return constantTimeEqual(viewOf(key.hash), viewOf(hash));
    });
    if (!found) return fail(Reason::kCredentialsInvalid, "no live key fits");
    return &keys_[*found].key;
  }

  const Credentials<ApiKey> keys_;
  const CredentialField field_;
  const FailureBudget failures_;
};

// The hashes of one entry: the one that is written, or those of the live versions of a secret.
std::vector<KeyHash> readHashes(ConfigReader& entry, const FilterBuild& build) {
  std::vector<KeyHash> hashes;
  const std::string written = entry.text("sha256");
  const std::string reference = entry.text("secret");
  if (written.empty() == reference.empty()) {
    entry.reject("sha256", "write either `sha256` (see `edgehold key`) or `secret`");
    return hashes;
  }
  if (KeyHash hash{}; !written.empty()) {
    if (decodeHexInto(written, hash)) return {hash};
    entry.reject("sha256", "is not 64 hexadecimal digits");
    return hashes;
  }
  const Result<SecretVersions> versions = build.secrets.resolve(reference);
  if (!versions) entry.reject("secret", versions.error().message);
  if (!versions) return hashes;
  for (const auto& secret : *versions) {
    if (secret == nullptr || secret->empty()) continue;
    if (secret->size() < limits::kApiKeyBytesLeast || secret->size() > limits::kApiKeyBytesMax) {
      entry.reject("secret", "a key has 16 to 512 characters");
      static_assert(limits::kApiKeyBytesLeast == 16 && limits::kApiKeyBytesMax == 512);
    }
    hashes.push_back(hashOf(secret->reveal()));
  }
  return hashes;
}

void readEntry(ConfigReader& entry, const FilterBuild& build, Credentials<ApiKey>& keys) {
  const std::string name = entry.requiredText("name");
  if (!name.empty() && !isPrincipalName(name)) {
    entry.reject("name", "expected letters, digits and `._:@-`, at most 64");
  }
  const std::string roles = readRoles(entry, "roles");
  const Validity validity{readInstant(entry, "from", WallTime::min()),
                          readInstant(entry, "until", WallTime::max())};
  if (validity.from >= validity.until) entry.reject("until", "is not after `from`");
  for (const KeyHash& hash : readHashes(entry, build)) {
    const auto is_taken = [&](const auto& other) {
      return other.key.hash == hash && other.key.name != name;
    };
    if (std::any_of(keys.begin(), keys.end(), is_taken)) {
      entry.reject("name", "another has this key");
    }
    keys.push_back({ApiKey{name, roles, hash}, validity});
  }
  entry.finish();
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  constexpr std::uint64_t kFailuresDefault = 60;
  Credentials<ApiKey> keys;
  std::vector<ConfigReader> entries = config.children("keys");
  if (entries.empty()) config.reject("keys", "needs a list such as `[{name: ci, sha256: …}]`");
  for (ConfigReader& entry : entries) readEntry(entry, build, keys);
  if (keys.size() > limits::kApiKeysMax) config.reject("keys", "more than 256 keys");
  static_assert(limits::kApiKeysMax == 256, "the message above says so");
  CredentialField field = CredentialField::read(config);
  FailureBudget failures =
      FailureBudget::read(config, "api_key.failures", std::string(build.route), kFailuresDefault);
  config.finish();
  return std::make_unique<ApiKeyFilter>(std::move(keys), std::move(field), std::move(failures));
}

}  // namespace

FilterType apiKeyType() { return {"api_key", FilterRank::kCredentials, make}; }

}  // namespace edgehold
