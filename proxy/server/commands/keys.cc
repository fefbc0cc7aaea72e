// SPDX-License-Identifier: Apache-2.0
// `edgehold key new`, `edgehold key hash`: API keys for the filter `api_key`, of which the
// configuration only has the hash.
// Thread: main only.
#include <istream>
#include <ostream>

#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/random.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"
#include "proxy/server/commands/command.h"

namespace edgehold {
namespace {

constexpr std::size_t kKeyWords = 4;  // 256 random bits: nobody guesses them, whatever the hash

std::string hashOf(std::string_view key) {
  return hexEncode(digestOf(DigestKind::kSha256, key).view());
}

// As an entry of `keys:`.
std::string entryOf(const Options& options, const std::string& hash) {
  return "- {name: " + options.key_name + ", sha256: " + hash + "}\n";
}

}  // namespace

ExitCode makeKey(const Options& options, const CommandWorld& world) {
  SystemRandom random;
  const std::string key = "ehk_" + randomHex(random, kKeyWords);
  const std::string hash = hashOf(key);
  if (options.is_json) {
    Json::Value tree(Json::objectValue);
    tree["key"] = key;
    tree["sha256"] = hash;
    world.out << writeJsonPretty(tree);
  } else {
    world.out << "key, for who calls (it is not shown again):\n  " << key
              << "\nfor `keys:` of the filter `api_key`:\n  " << entryOf(options, hash);
  }
  return ExitCode::kOk;
}

ExitCode hashKey(const Options& options, const CommandWorld& world) {
  std::string key;
  if (world.in != nullptr) std::getline(*world.in, key);
  if (key.ends_with('\r')) key.pop_back();
  const bool is_long_enough = key.size() >= limits::kApiKeyBytesLeast;
  if (!is_long_enough || key.size() > limits::kApiKeyBytesMax) {
    world.err << "edgehold: a key has " << limits::kApiKeyBytesLeast << " to "
              << limits::kApiKeyBytesMax << " characters\n";
    return ExitCode::kUsage;
  }
  if (options.is_json) {
    Json::Value tree(Json::objectValue);
    tree["sha256"] = hashOf(key);
    world.out << writeJsonPretty(tree);
  } else {
    world.out << entryOf(options, hashOf(key));
  }
  return ExitCode::kOk;
}

}  // namespace edgehold
