// SPDX-License-Identifier: Apache-2.0
// Judges the operator's key. Thread: main only.
#include "filters/channels/sample_key.h"

#include <array>

namespace edgehold {

Result<const SigningKey*> sampleKey(const SampleWish& wish, JwsAlgorithm algorithm,
                                    std::string_view kind) {
  if (wish.signing_key == nullptr) {
    return fail("only the platform has the private key that signs for it: make one of " +
                std::string(kind) +
                ", list its public key beside the platform's for the time of the test, and give it "
                "as --signing-key");
  }
  if (wish.signing_key->algorithm() == algorithm) return wish.signing_key;
  return fail("the signing key is none of " + std::string(kind) + ", by which the platform signs");
}

Result<std::string> signSample(const SampleWish& wish, const Credentials<Ed25519Key>& keys,
                               std::string (*write)(ByteView public_key), ByteView message) {
  TRY_ASSIGN(const SigningKey* const key, sampleKey(wish, JwsAlgorithm::kEdDsa, "Ed25519"));
  const auto signature = key->sign(message);
  if (!signature) return fail("cannot sign");
  const std::array<ByteView, 1> pieces = {message};
  const auto fitting = fittingKey(
      keys, wish.now, [&](const Ed25519Key& one) { return one.verify(pieces, *signature); });
  if (fitting) return *signature;
  return fail(
      "the signing key fits none of `public_keys` that counts now: for the time of the test "
      "list `" +
      write(key->publicHalf().bytes) + "` there too");
}

}  // namespace edgehold
