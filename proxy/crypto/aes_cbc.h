// SPDX-License-Identifier: Apache-2.0
// AES in CBC mode (NIST SP 800-38A), whole blocks: padding is the business of whoever knows which
// one its platform writes. CBC hides and does not authenticate: what comes from outside is verified
// before it is decrypted.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <optional>

#include "proxy/base/bytes.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

inline constexpr std::size_t kAesBlockBytes = 16;

class AesCbcKey {
 public:
  // Nothing when the key has neither 16 nor 32 bytes.
  static std::optional<AesCbcKey> make(ByteView key);

  // Writes text.size() bytes to `out`, which may be text.data(). False when `text` is not whole
  // blocks (one at least), `iv` is not one block, or the library fails.
  bool decrypt(ByteView iv, ByteView text, char* out) const;
  bool encrypt(ByteView iv, ByteView text, char* out) const;
  ByteView bytes() const { return key_.reveal(); }

 private:
  explicit AesCbcKey(ByteView key) : key_(key) {}
  bool run(bool encrypts, ByteView iv, ByteView text, char* out) const;
  SecretString key_;
};

// Without its PKCS#7 padding (RFC 5652 6.3) to blocks of `block` bytes: 1 to `block` bytes, each of
// which says how many they are. Nothing when it is anything else. In constant time for one size.
std::optional<ByteView> withoutPadding(ByteView text, std::size_t block);

}  // namespace edgehold
