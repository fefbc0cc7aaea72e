// SPDX-License-Identifier: Apache-2.0
// Tokens that are sent as they are. Kept and compared as digests, so that neither their letters nor
// their length show in the time.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <optional>
#include <string_view>

#include "filters/channels/credentials.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

using StaticTokens = Credentials<DigestBytes>;

// The secrets under `key`; `is_form` says which could ever be sent.
template <class IsForm>
StaticTokens readTokens(ConfigReader& config, std::string_view key, const FilterBuild& build,
                        std::string_view what, IsForm is_form) {
  return readKeys<DigestBytes>(config, key, build, what, [&](ByteView secret) {
    return is_form(secret) ? std::optional(digestOf(DigestKind::kSha256, secret)) : std::nullopt;
  });
}

inline std::optional<std::size_t> fittingToken(const StaticTokens& tokens, WallTime now,
                                               std::string_view given) {
  const DigestBytes digest = digestOf(DigestKind::kSha256, given);
  return fittingKey(tokens, now, [&](const DigestBytes& token) {
    return constantTimeEqual(token.view(), digest.view());
  });
}

}  // namespace edgehold
