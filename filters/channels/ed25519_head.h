// SPDX-License-Identifier: Apache-2.0
// The two fields that QQ and Discord sign with, under the same names: which key is meant is a
// matter of the route, never of the request. Thread: any (immutable).
#pragma once

#include <array>
#include <optional>
#include <string_view>

#include "filters/channels/credentials.h"
#include "filters/channels/head_fields.h"
#include "proxy/crypto/ed25519.h"

namespace edgehold {

struct Ed25519Head {
  static const FieldName& signatureName() {
    static const FieldName kName("X-Signature-Ed25519");
    return kName;
  }
  static const FieldName& timestampName() {
    static const FieldName kName("X-Signature-Timestamp");
    return kName;
  }

  // Errors: kSignatureMissing, kSignatureInvalid, kTimestampMissing.
  static Result<Ed25519Head> read(const Exchange& exchange) {
    Ed25519Head head;
    TRY_ASSIGN(const std::string_view text, signatureField(exchange, signatureName()));
    if (!decodeHexInto(text, head.signature)) {
      return fail(Reason::kSignatureInvalid, "the signature is not 128 hexadecimal digits");
    }
    TRY_ASSIGN(head.time, timestampField(exchange, timestampName(), 10));
    return head;
  }

  // The live key by which the signature is one of the pieces.
  std::optional<std::size_t> fitting(const Credentials<Ed25519Key>& keys, const Exchange& exchange,
                                     std::span<const ByteView> pieces) const {
    return fittingKey(keys, exchange.started_wall, [&](const Ed25519Key& key) {
      return key.verify(pieces, {signature.data(), signature.size()});
    });
  }

  std::string_view time;  // Unix seconds, 10 digits
  std::array<char, kEd25519SignatureBytes> signature;
};

}  // namespace edgehold
