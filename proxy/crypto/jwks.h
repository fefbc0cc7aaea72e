// SPDX-License-Identifier: Apache-2.0
// The public keys of whoever signs tokens (RFC 7517 5), by their names. A token is verified by the
// key that it names and by that key's algorithm, or not at all.
// Thread: any (immutable).
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/crypto/jws.h"
#include "proxy/crypto/verifying_key.h"

namespace edgehold {

struct Jwk {
  std::string id;
  VerifyingKey key;
  // For which channels the key speaks (Bot Framework's own member); sorted.
  std::vector<std::string> endorsements;
};

class Jwks {
 public:
  Jwks() = default;  // no keys: nothing verifies

  // Keys that are of another kind, for another use, without a name, or malformed are passed over,
  // as RFC 7517 5 wants it. An error: no JSON, no set, two of one name, none that is left, and what
  // is past limits::kJwksBytesMax or kJwksKeysMax.
  static Result<Jwks> parse(std::string_view text);

  // The key that signed it. Errors: kSignatureInvalid; a key that is not here is told by its own
  // message, as it may be a newer one.
  Result<const Jwk*> verify(const Jws& jws) const;
  bool knows(std::string_view id) const { return find(id) != nullptr; }
  const std::vector<Jwk>& keys() const { return keys_; }

 private:
  const Jwk* find(std::string_view id) const;
  std::vector<Jwk> keys_;
};

}  // namespace edgehold
