// SPDX-License-Identifier: Apache-2.0
// Tokens that are sent as they are. Compared as digests, so that neither their letters nor their
// length show in the time.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <memory>
#include <optional>
#include <string_view>

#include "filters/channels/credentials.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

struct StaticToken {
  DigestBytes digest;
  std::shared_ptr<const SecretString> text;  // for samples
};
using StaticTokens = Credentials<StaticToken>;

// The secrets under `key`; `is_form` says which could ever be sent.
template <class IsForm>
StaticTokens readTokens(ConfigReader& config, std::string_view key, const FilterBuild& build,
                        std::string_view what, IsForm is_form) {
  return readKeys<StaticToken>(config, key, build, what, [&](ByteView secret) {
    std::optional<StaticToken> token;
    if (!is_form(secret)) return token;
    token = {digestOf(DigestKind::kSha256, secret), std::make_shared<const SecretString>(secret)};
    return token;
  });
}

inline std::optional<std::size_t> fittingToken(const StaticTokens& tokens, WallTime now,
                                               std::string_view given) {
  const DigestBytes digest = digestOf(DigestKind::kSha256, given);
  return fittingKey(tokens, now, [&](const StaticToken& token) {
    return constantTimeEqual(token.digest.view(), digest.view());
  });
}

}  // namespace edgehold
