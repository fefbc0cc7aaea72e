// SPDX-License-Identifier: Apache-2.0
// Resolves secret references and refuses literals.
// Thread: main only.
#include "proxy/policy/secrets.h"

#include <algorithm>
#include <array>
#include <memory>
#include <utility>

#include <sys/stat.h>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/secret.h"

namespace edgehold {
namespace {

using Store = SecretPolicy::Store;

constexpr std::string_view kHowTo =
    "write a reference: `${env:NAME}`, `${file:/path}` or `${vault:path#key}`";

struct Reference {
  Store kind = Store::kAny;
  std::string_view target;  // NAME, path, path#key
};

struct Scheme {
  std::string_view prefix;
  Store kind;
};
constexpr std::array<Scheme, 3> kSchemes = {
    {{"env:", Store::kEnv}, {"file:", Store::kFile}, {"vault:", Store::kVault}}};

bool isEnvironmentName(std::string_view name) {
  return !name.empty() && !isDigit(name.front()) &&
         std::all_of(name.begin(), name.end(), [](char c) {
           return isDigit(c) || c == '_' || (asciiLower(c) >= 'a' && asciiLower(c) <= 'z');
         });
}

// Slash-separated names; no way out of the directory.
bool isVaultPath(std::string_view path) {
  for (const std::string_view segment : split(path, '/')) {
    if (segment.empty() || segment.starts_with('.')) return false;
  }
  return true;
}

bool isTargetOf(Store kind, std::string_view target) {
  if (kind == Store::kEnv) return isEnvironmentName(target);
  if (kind == Store::kFile) return !target.empty();
  const std::size_t hash = target.find('#');
  return hash != std::string_view::npos && isVaultPath(target.substr(0, hash)) &&
         isVaultPath(target.substr(hash + 1));
}

// Never shows what it refuses: it may be the secret itself.
Result<Reference> parseReference(std::string_view text) {
  if (!text.starts_with("${") || !text.ends_with('}')) {
    return fail("a secret must not be written here, " + std::string(kHowTo));
  }
  const std::string_view inner = text.substr(2, text.size() - 3);
  for (const Scheme& scheme : kSchemes) {
    if (!inner.starts_with(scheme.prefix)) continue;
    const std::string_view target = inner.substr(scheme.prefix.size());
    if (isTargetOf(scheme.kind, target)) return Reference{scheme.kind, target};
  }
  return fail("malformed reference, " + std::string(kHowTo));
}

std::string_view storeName(Store store) {
  switch (store) {
    case Store::kEnv:
      return "env";
    case Store::kFile:
      return "file";
    case Store::kVault:
      return "vault";
    case Store::kKmsOrVault:
      return "kms_or_vault";
    case Store::kAny:
      break;
  }
  return "any";
}

std::string_view withoutLineEnd(std::string_view text) {
  if (text.ends_with('\n')) text.remove_suffix(1);
  if (text.ends_with('\r')) text.remove_suffix(1);
  return text;
}

void addVersion(std::string_view bytes, SecretVersions& versions) {
  if (!bytes.empty()) versions.push_back(std::make_shared<const SecretString>(bytes));
}

bool isNamedLikeSecret(std::string_view key) {
  constexpr std::array<std::string_view, 6> kWords = {"secret",  "password",   "token",
                                                      "api_key", "access_key", "private_key"};
  const std::string lower = toLower(key);
  std::string_view word = lower;
  if (word.ends_with('s')) word.remove_suffix(1);
  return std::any_of(kWords.begin(), kWords.end(), [&](std::string_view known) {
    return word == known || (word.ends_with(known) && word[word.size() - known.size() - 1] == '_');
  });
}

void rejectLiteral(const ConfigNode& node, std::string_view key, const std::string& path,
                   ConfigErrors& errors) {
  if (node.kind != ConfigNode::Kind::kScalar || node.scalar.empty()) return;
  const bool is_private_key = node.scalar.find("PRIVATE KEY-----") != std::string::npos;
  if (!is_private_key && (!isNamedLikeSecret(key) || parseReference(node.scalar))) return;
  errors.add(
      node.place, path,
      "`security.secrets.store: kms_or_vault` accepts no literal secret, " + std::string(kHowTo));
}

// `key` is the nearest key above `node`. Depth is bounded by the parser.
void rejectLiteralsUnder(const ConfigNode& node, std::string_view key, const std::string& path,
                         ConfigErrors& errors) {
  rejectLiteral(node, key, path, errors);
  for (const ConfigNode& item : node.items) rejectLiteralsUnder(item, key, path, errors);
  for (const auto& [name, value] : node.members) {
    if (errors.isFull()) return;
    std::string below = path;
    if (!below.empty()) below.push_back('.');
    rejectLiteralsUnder(value, name, below.append(name), errors);
  }
}

}  // namespace

Secrets::Secrets(SecretPolicy policy, Environment environment, WallTime now, PolicyFileSet& files)
    : policy_(std::move(policy)), environment_(std::move(environment)), now_(now), files_(files) {}

bool Secrets::allows(Store kind) const {
  return policy_.store == Store::kAny || policy_.store == Store::kKmsOrVault ||
         policy_.store == kind;
}

void Secrets::warn(std::string message) {
  if (warnings_.size() < limits::kConfigErrorsMax) warnings_.push_back(std::move(message));
}

Result<SecretVersions> Secrets::resolve(std::string_view reference) {
  TRY_ASSIGN(const Reference parsed, parseReference(reference));
  if (!allows(parsed.kind)) {
    return fail("`security.secrets.store` is `" + std::string(storeName(policy_.store)) +
                "`: " + std::string(storeName(parsed.kind)) + " references are not accepted");
  }
  const auto seen = resolved_.find(reference);
  if (seen != resolved_.end()) return seen->second.versions;

  Resolved found;
  const std::string target(parsed.target);
  if (parsed.kind == Store::kEnv) {
    found.versions = fromEnvironment(target);
  } else if (parsed.kind == Store::kFile) {
    found = fromFile(files_.absolute(target), reference);
  } else if (!policy_.vault_directory.empty()) {
    const std::size_t hash = target.find('#');
    found = fromFile(
        policy_.vault_directory + "/" + target.substr(0, hash) + "/" + target.substr(hash + 1),
        reference);
  }
  if (found.versions.empty()) {
    warn("`" + std::string(reference) + "` does not resolve: what needs it refuses");
  }
  return resolved_.emplace(reference, std::move(found)).first->second.versions;
}

std::vector<SecretState> Secrets::states() const {
  std::vector<SecretState> states;
  for (const auto& [reference, found] : resolved_) {
    states.push_back({reference, found.versions.size(), found.modified});
  }
  return states;
}

SecretVersions Secrets::fromEnvironment(const std::string& name) {
  SecretVersions versions;
  if (environment_ == nullptr) return versions;
  const auto current = environment_(name);
  if (!current || current->empty()) return versions;
  addVersion(*current, versions);
  if (const auto previous = environment_(name + "_PREVIOUS")) addVersion(*previous, versions);
  return versions;
}

Secrets::Resolved Secrets::fromFile(const std::string& path, std::string_view reference) {
  Resolved found;
  addFile(path, reference, true, found);
  // Without its current version a secret is lost, not rotated.
  if (!found.versions.empty()) addFile(path + ".previous", reference, false, found);
  return found;
}

void Secrets::addFile(const std::string& path, std::string_view reference, bool is_current,
                      Resolved& found) {
  files_.watch(path);
  struct stat status {};
  if (::stat(path.c_str(), &status) != 0) return;
  auto bytes = readFile(path, limits::kSecretBytesMax);
  if (!bytes) return;
  bytes->resize(withoutLineEnd(*bytes).size());
  if (!bytes->empty()) {
    found.versions.push_back(
        std::make_shared<const SecretString>(SecretString::take(std::move(*bytes))));
  }
  if ((status.st_mode & S_IROTH) != 0) {
    warn("`" + std::string(reference) + "`: everybody can read `" + path + "`");
  }
  if (!is_current) return;
  found.modified = WallTime(std::chrono::seconds(std::int64_t{status.st_mtim.tv_sec}));
  if (SecretState{{}, 1, found.modified}.isDue(now_, policy_.rotate_days)) {
    warn("`" + std::string(reference) + "`: older than " + std::to_string(policy_.rotate_days) +
         " days, rotate it (`security.secrets.rotate_days`)");
  }
}

void rejectLiteralSecrets(const ConfigNode& root, ConfigErrors& errors) {
  rejectLiteralsUnder(root, {}, {}, errors);
}

}  // namespace edgehold
