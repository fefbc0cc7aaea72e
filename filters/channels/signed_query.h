// SPDX-License-Identifier: Apache-2.0
// What WeCom, WeChat and DingTalk sign and how: `?msg_signature=…&timestamp=…&nonce=…`, the
// hexadecimal SHA-1 over token, timestamp, nonce and an encrypted text, sorted and joined without
// anything between them. Where one part ends and the next begins is not signed, so each has one
// strict form.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "filters/channels/credentials.h"
#include "filters/grammar.h"
#include "proxy/base/result.h"
#include "proxy/crypto/digest.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

using Tokens = Credentials<std::shared_ptr<const SecretString>>;

// How a platform writes it: the names of the parameters, each of which may have a second one. When
// both come they say the same.
struct QueryForm {
  std::string_view signature, signature_or = {};
  std::string_view timestamp = "timestamp", timestamp_or = {};
  TimeUnit unit = TimeUnit::kSeconds;
};

struct SignedQuery {
  static constexpr std::size_t kSignatureBytes = 20;
  std::array<char, kSignatureBytes> signature;
  std::string_view timestamp;  // 10 digits, or 13 of milliseconds
  std::string_view nonce;      // [A-Za-z0-9]{1,32}
  std::optional<std::int64_t> signed_at_ms;
  ByteView signatureView() const { return {signature.data(), signature.size()}; }
};

// Errors: kSignatureMissing, kTimestampMissing, kSignatureInvalid for a malformed signature or
// nonce, kMalformedRequest for parameters that come twice. The views live in `query`.
Result<SignedQuery> readSignedQuery(std::string_view query, const QueryForm& form);

// SHA-1 over the parts in byte order. An empty part makes no difference.
DigestBytes sortedSha1(std::array<std::string_view, 4> parts);

// The index of the token that signed `query` with `text`, which is empty where none is signed.
std::optional<std::size_t> signingToken(const Tokens& tokens, WallTime now,
                                        const SignedQuery& query, std::string_view text);

}  // namespace edgehold
