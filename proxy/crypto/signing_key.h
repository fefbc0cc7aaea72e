// SPDX-License-Identifier: Apache-2.0
// A private key out of an operator's file, which signs as a platform would whose public keys
// VerifyingKey and Ed25519Key are. For samples: nothing on a worker's loop signs with one.
// Thread: any (immutable).
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "proxy/base/bytes.h"
#include "proxy/base/result.h"
#include "proxy/crypto/verifying_key.h"

struct evp_pkey_st;

namespace edgehold {

class SigningKey {
 public:
  // Of PEM (RFC 7468) without a passphrase: a key of Ed25519, or of RSA in the sizes that
  // VerifyingKey takes. The error says what it is instead and nothing of what it holds; `pem` stays
  // the caller's to wipe.
  static Result<SigningKey> fromPem(ByteView pem);

  // kEdDsa or kRs256.
  JwsAlgorithm algorithm() const { return algorithm_; }
  // As VerifyingKey reads it; nothing when the library fails.
  std::optional<std::string> sign(ByteView message) const;

  struct PublicHalf {
    std::string bytes;     // of Ed25519 the 32 bytes, of RSA the modulus, big-endian
    std::string exponent;  // of RSA
  };
  PublicHalf publicHalf() const;

 private:
  SigningKey(JwsAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key);
  JwsAlgorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;  // wipes itself with its last owner
};

}  // namespace edgehold
