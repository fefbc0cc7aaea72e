// SPDX-License-Identifier: Apache-2.0
// Message digests. MD5 and SHA-1 are here because platforms sign with them, not to be chosen.
// Thread: any (immutable); a Digest object belongs to one thread.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/base/bytes.h"

namespace edgehold {

enum class DigestKind : std::uint8_t { kMd5, kSha1, kSha256, kSha384, kSha512 };

std::size_t digestSize(DigestKind kind);
// Bytes that the digest eats at once; HMAC pads its key to this (RFC 2104).
std::size_t digestBlockSize(DigestKind kind);
// `md5`, `sha1`, `sha256`, `sha384`, `sha512`; nothing for any other name.
std::optional<DigestKind> digestKindFromName(std::string_view name);
std::string_view digestName(DigestKind kind);

inline constexpr std::size_t kDigestBytesMax = 64;

// A digest or MAC by value.
struct DigestBytes {
  std::array<char, kDigestBytesMax> bytes;
  std::size_t size = 0;
  ByteView view() const { return {bytes.data(), size}; }
};

// A digest under way. It holds the algorithm's state itself, so that it is copied like a number,
// allocates nothing and fetches nothing (an EVP context costs several times a short message).
class Digest {
 public:
  explicit Digest(DigestKind kind);
  void update(ByteView bytes);
  // Ends the digest; only assignment may follow.
  DigestBytes finish();
  DigestKind kind() const { return kind_; }

 private:
  static constexpr std::size_t kStateBytes = 216;  // SHA-512 has the largest; asserted in digest.cc
  alignas(8) std::array<unsigned char, kStateBytes> state_;
  DigestKind kind_;
};

DigestBytes digestOf(DigestKind kind, ByteView bytes);
std::array<std::uint8_t, 32> sha256(ByteView bytes);

}  // namespace edgehold
