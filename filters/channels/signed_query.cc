// SPDX-License-Identifier: Apache-2.0
// Strict reading of the query, and the sorted digest.
// Thread: any (immutable).
#include "filters/channels/signed_query.h"

#include <algorithm>
#include <string>

#include "filters/channels/form.h"
#include "filters/channels/head_fields.h"

namespace edgehold {
namespace {

constexpr std::size_t kNonceBytesMax = 32;

// The parameter under either of its names.
Result<std::optional<std::string_view>> either(std::string_view query, std::string_view name,
                                               std::string_view other_name) {
  TRY_ASSIGN(const auto value, onlyParameter(query, name));
  if (other_name.empty()) return value;
  TRY_ASSIGN(const auto other, onlyParameter(query, other_name));
  if (value && other && *value != *other) {
    return fail(Reason::kSignatureInvalid,
                "`" + std::string(name) + "` and `" + std::string(other_name) + "` differ");
  }
  return value ? value : other;
}

}  // namespace

Result<SignedQuery> readSignedQuery(std::string_view query, const QueryForm& form) {
  SignedQuery read;
  TRY_ASSIGN(const auto signature, either(query, form.signature, form.signature_or));
  if (!signature) return fail(Reason::kSignatureMissing, "no signature in the query");
  if (!decodeHexInto(*signature, read.signature)) {
    return fail(Reason::kSignatureInvalid, "the signature is not 40 hexadecimal digits");
  }
  TRY_ASSIGN(const auto timestamp, either(query, form.timestamp, form.timestamp_or));
  const std::size_t digits = form.unit == TimeUnit::kSeconds ? 10 : 13;
  if (!timestamp || !isEpochTime(*timestamp, digits)) {
    return fail(Reason::kTimestampMissing, "no timestamp of " + std::to_string(digits) + " digits");
  }
  TRY_ASSIGN(const auto nonce, onlyParameter(query, "nonce"));
  if (!nonce || !isPlainWord(*nonce, kNonceBytesMax)) {
    return fail(Reason::kSignatureInvalid, "no nonce of 1 to 32 letters and digits");
  }
  read.timestamp = *timestamp;
  read.nonce = *nonce;
  read.signed_at_ms = parseTimestamp(*timestamp, form.unit);
  return read;
}

DigestBytes sortedSha1(std::array<std::string_view, 4> parts) {
  std::sort(parts.begin(), parts.end());
  Digest digest(DigestKind::kSha1);
  for (const std::string_view part : parts) digest.update(part);
  return digest.finish();
}

std::optional<std::size_t> signingToken(const Tokens& tokens, WallTime now,
                                        const SignedQuery& query, std::string_view text) {
  return fittingKey(tokens, now, [&](const std::shared_ptr<const SecretString>& token) {
    const DigestBytes expected = sortedSha1({token->reveal(), query.timestamp, query.nonce, text});
    return constantTimeEqual(expected.view(), query.signatureView());
  });
}

}  // namespace edgehold
