// SPDX-License-Identifier: Apache-2.0
// HMAC (RFC 2104) with the key prepared once: the digest states behind the inner and the outer pad.
// A signature then costs the digest of its message and one more block, no allocation and no lock.
// Thread: any (immutable).
#pragma once

#include <span>

#include "proxy/crypto/digest.h"
#include "proxy/crypto/secret.h"

namespace edgehold {

class HmacKey {
 public:
  HmacKey(DigestKind kind, ByteView secret);
  HmacKey(const HmacKey&) = delete;
  HmacKey& operator=(const HmacKey&) = delete;
  HmacKey(HmacKey&& other) noexcept;
  HmacKey& operator=(HmacKey&&) = delete;
  ~HmacKey();

  // The MAC of the pieces as one message. Whoever joins pieces sees to it that their borders are
  // unambiguous: an HMAC does not see them.
  DigestBytes sign(std::span<const ByteView> pieces) const;
  DigestBytes sign(ByteView message) const { return sign(std::span(&message, 1)); }
  // True when `mac` is the whole MAC; in constant time.
  bool verify(std::span<const ByteView> pieces, ByteView mac) const;
  DigestKind kind() const { return inner_.kind(); }

 private:
  Digest inner_;
  Digest outer_;
};

}  // namespace edgehold
