// SPDX-License-Identifier: Apache-2.0
// Authenticated encryption: AES-256-GCM (NIST SP 800-38D) with random nonces. For what the edge
// seals for itself and gets back: nobody else can read or change it, and it opens only for the
// purpose that it was sealed for.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <optional>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/random.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

inline constexpr std::size_t kAeadNonceBytes = 12;
inline constexpr std::size_t kAeadTagBytes = 16;
// What sealing adds.
inline constexpr std::size_t kAeadOverheadBytes = kAeadNonceBytes + kAeadTagBytes;

class AeadKey {
 public:
  // A key of its own for each `purpose`, derived from an operator's secret (HMAC-SHA-256 as a PRF,
  // RFC 5869 2.3 with one block). REQUIRES: the secret has 128 random bits or more.
  AeadKey(ByteView secret, ByteView purpose);

  // nonce || ciphertext || tag. `bound` is not in it, and must be the same to open it. Nothing when
  // the library fails. Random nonces: no more than 2^32 seals under one key (SP 800-38D 8.3).
  std::optional<std::string> seal(ByteView text, ByteView bound, Random& random) const;
  // Nothing unless every bit is as it was sealed.
  std::optional<SecretString> open(ByteView sealed, ByteView bound) const;

  // Four bytes that tell keys apart and nothing of the key.
  ByteView id() const { return id_; }

 private:
  SecretString key_;
  std::string id_;
};

inline constexpr std::size_t kAeadKeyIdBytes = 4;

}  // namespace edgehold
