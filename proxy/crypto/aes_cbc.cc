// SPDX-License-Identifier: Apache-2.0
// AES-CBC over OpenSSL's EVP, behind aes_cbc.h.
// Thread: any (immutable).
#include "proxy/crypto/aes_cbc.h"

#include <climits>
#include <memory>

#include <openssl/evp.h>

#include "proxy/crypto/openssl_handle.h"

namespace edgehold {
namespace {

// Fetched once: a fetch by name takes a lock and costs more than a short text.
const EVP_CIPHER* cipherOf(std::size_t key_bytes) {
  static const EVP_CIPHER* const kShort = EVP_CIPHER_fetch(nullptr, "AES-128-CBC", nullptr);
  static const EVP_CIPHER* const kLong = EVP_CIPHER_fetch(nullptr, "AES-256-CBC", nullptr);
  return key_bytes == 16 ? kShort : kLong;
}

}  // namespace

std::optional<AesCbcKey> AesCbcKey::make(ByteView key) {
  if (key.size() != 16 && key.size() != 32) return std::nullopt;
  return AesCbcKey(key);
}

bool AesCbcKey::decrypt(ByteView iv, ByteView text, char* out) const {
  return run(false, iv, text, out);
}

bool AesCbcKey::encrypt(ByteView iv, ByteView text, char* out) const {
  return run(true, iv, text, out);
}

bool AesCbcKey::run(bool encrypts, ByteView iv, ByteView text, char* out) const {
  const bool is_whole = !text.empty() && text.size() % kAesBlockBytes == 0 && text.size() < INT_MAX;
  if (!is_whole || iv.size() != kAesBlockBytes) return false;
  const std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>> context(EVP_CIPHER_CTX_new());
  if (context == nullptr ||
      EVP_CipherInit_ex2(context.get(), cipherOf(key_.size()), opensslBytes(key_.reveal()),
                         opensslBytes(iv), encrypts ? 1 : 0, nullptr) != 1) {
    return false;
  }
  EVP_CIPHER_CTX_set_padding(context.get(), 0);
  int size = 0;
  int rest = 0;
  auto* const to = opensslBytes(out);
  return EVP_CipherUpdate(context.get(), to, &size, opensslBytes(text),
                          static_cast<int>(text.size())) == 1 &&
         EVP_CipherFinal_ex(context.get(), to + size, &rest) == 1 &&
         static_cast<std::size_t>(size) + static_cast<std::size_t>(rest) == text.size();
}

std::optional<ByteView> withoutPadding(ByteView text, std::size_t block) {
  if (text.size() < block || text.size() % kAesBlockBytes != 0) return std::nullopt;
  const auto pad = static_cast<unsigned char>(text.back());
  unsigned wrong = pad == 0 || pad > block ? 1 : 0;
  for (std::size_t i = 1; i <= block; ++i) {
    const auto byte = static_cast<unsigned char>(text[text.size() - i]);
    const unsigned is_padding = i <= pad ? ~0U : 0U;
    wrong |= is_padding & static_cast<unsigned>(byte ^ pad);
  }
  if (wrong != 0) return std::nullopt;
  return text.substr(0, text.size() - pad);
}

}  // namespace edgehold
