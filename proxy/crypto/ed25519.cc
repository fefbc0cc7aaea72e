// SPDX-License-Identifier: Apache-2.0
// Ed25519 over OpenSSL's EVP, behind ed25519.h.
// Thread: any (immutable).
#include "proxy/crypto/ed25519.h"

#include <string>

#include <openssl/evp.h>

#include "proxy/base/log.h"
#include "proxy/crypto/openssl_handle.h"

namespace edgehold {
namespace {

using Context = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;

}  // namespace

Ed25519Key::Ed25519Key(evp_pkey_st* key) : key_(key, EVP_PKEY_free) {}

std::optional<Ed25519Key> Ed25519Key::fromPublic(ByteView bytes) {
  if (bytes.size() != kEd25519KeyBytes) return std::nullopt;
  EVP_PKEY* const key =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, opensslBytes(bytes), bytes.size());
  if (key == nullptr) return std::nullopt;
  return Ed25519Key(key);
}

std::optional<Ed25519Key> Ed25519Key::fromSeed(ByteView seed) {
  if (seed.size() != kEd25519KeyBytes) return std::nullopt;
  EVP_PKEY* const key =
      EVP_PKEY_new_raw_private_key(EVP_PKEY_ED25519, nullptr, opensslBytes(seed), seed.size());
  if (key == nullptr) return std::nullopt;
  return Ed25519Key(key);
}

bool Ed25519Key::verify(std::span<const ByteView> pieces, ByteView signature) const {
  if (signature.size() != kEd25519SignatureBytes) return false;
  std::string message;
  std::size_t size = 0;
  for (const ByteView piece : pieces) size += piece.size();
  message.reserve(size);
  for (const ByteView piece : pieces) message.append(piece);
  const Context context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestVerifyInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1) {
    return false;
  }
  return EVP_DigestVerify(context.get(), opensslBytes(signature), signature.size(),
                          opensslBytes(message), message.size()) == 1;
}

std::optional<std::array<char, kEd25519SignatureBytes>> Ed25519Key::sign(ByteView message) const {
  std::array<char, kEd25519SignatureBytes> signature{};
  std::size_t size = signature.size();
  const Context context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, nullptr, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), opensslBytes(signature.data()), &size, opensslBytes(message),
                     message.size()) != 1) {
    return std::nullopt;
  }
  return signature;
}

std::array<char, kEd25519KeyBytes> Ed25519Key::publicBytes() const {
  std::array<char, kEd25519KeyBytes> bytes{};
  std::size_t size = bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(key_.get(), opensslBytes(bytes.data()), &size) == 1);
  return bytes;
}

}  // namespace edgehold
