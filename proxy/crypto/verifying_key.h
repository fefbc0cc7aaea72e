// SPDX-License-Identifier: Apache-2.0
// Public keys that verify signatures of somebody else's, each bound to the one algorithm that it is
// used with: what a message says of its algorithm can only agree or be refused.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string_view>

#include "proxy/base/bytes.h"

struct evp_pkey_st;

namespace edgehold {

// As RFC 7518 3.1 and RFC 8037 3.1 name them.
enum class JwsAlgorithm : std::uint8_t { kRs256, kEs256, kEdDsa };
// Nothing for every other name: `none` and those of shared secrets (HS256 …) have no key here.
std::optional<JwsAlgorithm> jwsAlgorithmFromName(std::string_view name);

class VerifyingKey {
 public:
  static constexpr std::size_t kRsaBytesMin = 2048 / 8;  // RFC 7518 3.3
  static constexpr std::size_t kRsaBytesMax = 8192 / 8;  // a larger one is work for us, not safety

  // RS256. Both are big-endian without leading zeroes; the exponent is odd, 3 to 32 bits.
  static std::optional<VerifyingKey> rsa(ByteView modulus, ByteView exponent);
  // ES256: a point of P-256, each coordinate 32 bytes. Nothing when it is not on the curve.
  static std::optional<VerifyingKey> p256(ByteView x, ByteView y);
  // EdDSA: 32 bytes.
  static std::optional<VerifyingKey> ed25519(ByteView bytes);

  JwsAlgorithm algorithm() const { return algorithm_; }
  // `signature` as JWS writes it: of RSA as long as the modulus, of ES256 R and S, 32 bytes each.
  bool verify(ByteView message, ByteView signature) const;

 private:
  VerifyingKey(JwsAlgorithm algorithm, evp_pkey_st* key);
  JwsAlgorithm algorithm_;
  std::shared_ptr<evp_pkey_st> key_;  // immutable: shared by copies and threads
};

}  // namespace edgehold
