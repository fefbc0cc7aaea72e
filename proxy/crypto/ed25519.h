// SPDX-License-Identifier: Apache-2.0
// Ed25519 (RFC 8032): keys made once, signatures checked and made by OpenSSL, which refuses what is
// not canonical (an S of the group's order or more).
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstddef>
#include <memory>
#include <optional>
#include <span>

#include "proxy/base/bytes.h"

struct evp_pkey_st;

namespace edgehold {

inline constexpr std::size_t kEd25519KeyBytes = 32;
inline constexpr std::size_t kEd25519SignatureBytes = 64;

// A public key, or a private one with its public half.
class Ed25519Key {
 public:
  // Nothing when the bytes are not kEd25519KeyBytes.
  static std::optional<Ed25519Key> fromPublic(ByteView bytes);
  static std::optional<Ed25519Key> fromSeed(ByteView seed);

  // True when `signature` is one of the pieces as one message. The message is joined for it, as the
  // algorithm reads it twice.
  bool verify(std::span<const ByteView> pieces, ByteView signature) const;
  // Nothing when this is only a public key, or the library fails.
  std::optional<std::array<char, kEd25519SignatureBytes>> sign(ByteView message) const;
  std::array<char, kEd25519KeyBytes> publicBytes() const;

 private:
  explicit Ed25519Key(evp_pkey_st* key);
  std::shared_ptr<evp_pkey_st> key_;  // immutable: shared by copies and threads
};

}  // namespace edgehold
