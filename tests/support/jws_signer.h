// SPDX-License-Identifier: Apache-2.0
// Who signs tokens in tests: a key made at run time, its JWK, and whatever header it is told to.
// Thread: main only.
#pragma once

#include <memory>
#include <string>
#include <string_view>

#include "proxy/crypto/verifying_key.h"

struct evp_pkey_st;

namespace edgehold {

class JwsSigner {
 public:
  explicit JwsSigner(JwsAlgorithm algorithm, std::string key_id = "k1");
  ~JwsSigner();
  JwsSigner(const JwsSigner&) = delete;
  JwsSigner& operator=(const JwsSigner&) = delete;

  // A compact JWS over `payload`, with the header that the key has, or with `header` as it stands.
  std::string sign(std::string_view payload) const;
  std::string signUnder(std::string_view header, std::string_view payload) const;
  // Members of the public key, without braces: `"kty":"RSA",…,"kid":"k1"`.
  std::string jwkMembers() const;
  // A set of this one key; `more` as `,"use":"sig"`.
  std::string jwks(std::string_view more = {}) const;
  std::string_view algorithmName() const;
  // The private key, as an operator keeps it (PKCS#8 in PEM); under a passphrase when there is one.
  std::string privatePem(const char* passphrase = nullptr) const;
  std::string publicPem() const;

 private:
  std::string signature(std::string_view text) const;
  const JwsAlgorithm algorithm_;
  const std::string key_id_;
  evp_pkey_st* const key_;
};

}  // namespace edgehold
