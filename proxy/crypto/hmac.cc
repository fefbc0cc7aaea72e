// SPDX-License-Identifier: Apache-2.0
// The two passes of HMAC behind hmac.h.
// Thread: any (immutable).
#include "proxy/crypto/hmac.h"

#include <array>
#include <cstring>

namespace edgehold {
namespace {

constexpr std::size_t kBlockBytesMax = 128;  // SHA-384 and SHA-512
using Block = std::array<char, kBlockBytesMax>;

// RFC 2104 2: the key, or its digest when it is longer than a block, padded with zeros.
Block blockOf(DigestKind kind, ByteView secret) {
  Block block{};
  if (secret.size() > digestBlockSize(kind)) {
    DigestBytes digest = digestOf(kind, secret);
    std::memcpy(block.data(), digest.bytes.data(), digest.size);
    wipe(&digest, sizeof digest);
  } else if (!secret.empty()) {
    std::memcpy(block.data(), secret.data(), secret.size());
  }
  return block;
}

}  // namespace

HmacKey::HmacKey(DigestKind kind, ByteView secret) : inner_(kind), outer_(kind) {
  Block block = blockOf(kind, secret);
  const ByteView padded(block.data(), digestBlockSize(kind));
  for (char& c : block) c = static_cast<char>(c ^ 0x36);
  inner_.update(padded);
  for (char& c : block) c = static_cast<char>(c ^ 0x36 ^ 0x5C);
  outer_.update(padded);
  wipe(block.data(), block.size());
}

HmacKey::HmacKey(HmacKey&& other) noexcept : inner_(other.inner_), outer_(other.outer_) {
  other.inner_ = other.outer_ = Digest(inner_.kind());
}

HmacKey::~HmacKey() {
  wipe(&inner_, sizeof inner_);
  wipe(&outer_, sizeof outer_);
}

DigestBytes HmacKey::sign(std::span<const ByteView> pieces) const {
  Digest inner = inner_;
  for (const ByteView piece : pieces) inner.update(piece);
  Digest outer = outer_;
  outer.update(inner.finish().view());
  return outer.finish();
}

bool HmacKey::verify(std::span<const ByteView> pieces, ByteView mac) const {
  return constantTimeEqual(sign(pieces).view(), mac);
}

}  // namespace edgehold
