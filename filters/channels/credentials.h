// SPDX-License-Identifier: Apache-2.0
// The secrets of a channel: a list, each with the time in which it counts, so that a rotation loses
// no event. `secrets: "${env:A}"`, `["${env:A}", "${env:B}"]`, or with intervals
// `[{secret: "${env:A}", from: 2026-12-01T00:00:00Z, until: 2027-01-01T00:00:00Z}]`.
// Thread: any (immutable).
#pragma once

#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/clock.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/result.h"
#include "proxy/crypto/secret.h"
#include "proxy/exchange/filter_registry.h"

namespace edgehold {

// From the first instant to before the second.
struct Validity {
  WallTime from = WallTime::min();
  WallTime until = WallTime::max();
  bool includes(WallTime now) const { return from <= now && now < until; }
};

template <class Key>
struct Credential {
  Key key;
  Validity validity;
};
template <class Key>
using Credentials = std::vector<Credential<Key>>;

using DatedSecret = Credential<std::shared_ptr<const SecretString>>;

// The live secrets under `key`, none of them empty: anybody can sign with an empty one. None at all
// is no mistake (they may not have resolved); an absent key is, and so is what is no reference.
std::vector<DatedSecret> readSecrets(ConfigReader& config, std::string_view key,
                                     const FilterBuild& build);

// Public keys under `key`, in the same forms, as they are written: they are no secrets. In a map
// the key is `key`. None at all is a mistake.
std::vector<Credential<std::string>> readPublicTexts(ConfigReader& config, std::string_view key);

// A time such as 2026-12-01T00:00:00Z.
WallTime readInstant(ConfigReader& config, std::string_view key, WallTime otherwise);

// What `make` makes of each secret: a Key, or nothing for a secret that is none, which is reported.
template <class Key, class Make>
Credentials<Key> readKeys(ConfigReader& config, std::string_view key, const FilterBuild& build,
                          std::string_view what, Make make) {
  Credentials<Key> keys;
  for (const DatedSecret& dated : readSecrets(config, key, build)) {
    if (auto made = make(dated.key->reveal())) {
      keys.push_back({*std::move(made), dated.validity});
    } else {
      config.reject(key, what);
    }
  }
  return keys;
}

// The same of public keys.
template <class Key, class Make>
Credentials<Key> readPublicKeys(ConfigReader& config, std::string_view key, std::string_view what,
                                Make make) {
  Credentials<Key> keys;
  for (const Credential<std::string>& dated : readPublicTexts(config, key)) {
    if (auto made = make(dated.key)) {
      keys.push_back({*std::move(made), dated.validity});
    } else {
      config.reject(key, what);
    }
  }
  return keys;
}

// The index of the first key that is live and fits; the newest come first. Every key is tried,
// whichever fits: time tells nothing about which.
template <class Key, class Fits>
std::optional<std::size_t> fittingKey(const Credentials<Key>& keys, WallTime now, Fits fits) {
  std::optional<std::size_t> found;
  for (std::size_t i = 0; i < keys.size(); ++i) {
    const bool is_fitting = fits(keys[i].key);
    if (is_fitting && !found && keys[i].validity.includes(now)) found = i;
  }
  return found;
}

// The first key that counts now, to sign with; null when there is none.
template <class Key>
const Key* firstLive(const Credentials<Key>& keys, WallTime now) {
  for (const Credential<Key>& one : keys) {
    if (one.validity.includes(now)) return &one.key;
  }
  return nullptr;
}

// kSecretUnavailable when none of them counts now.
template <class Key>
Result<void> requireLive(const Credentials<Key>& keys, WallTime now) {
  if (firstLive(keys, now) != nullptr) return {};
  return fail(Reason::kSecretUnavailable, "no secret has resolved and is valid now");
}

}  // namespace edgehold
