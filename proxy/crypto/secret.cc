// SPDX-License-Identifier: Apache-2.0
// Wiping and comparing, by OpenSSL.
// Thread: any (immutable).
#include "proxy/crypto/secret.h"

#include <cstring>
#include <utility>

#include <openssl/crypto.h>

namespace edgehold {

void wipe(void* bytes, std::size_t count) {
  if (count > 0) OPENSSL_cleanse(bytes, count);
}

SecretString::SecretString(ByteView bytes)
    : bytes_(std::make_unique_for_overwrite<char[]>(bytes.size())), size_(bytes.size()) {
  if (!bytes.empty()) std::memcpy(bytes_.get(), bytes.data(), bytes.size());
}

SecretString SecretString::take(std::string&& text) {
  SecretString secret(text);
  wipe(text.data(), text.size());
  text.clear();
  return secret;
}

SecretString::SecretString(SecretString&& other) noexcept
    : bytes_(std::move(other.bytes_)), size_(std::exchange(other.size_, 0)) {}

SecretString& SecretString::operator=(SecretString&& other) noexcept {
  if (this == &other) return *this;
  wipe(bytes_.get(), size_);
  bytes_ = std::move(other.bytes_);
  size_ = std::exchange(other.size_, 0);
  return *this;
}

SecretString::~SecretString() { wipe(bytes_.get(), size_); }

bool constantTimeEqual(ByteView a, ByteView b) {
  if (a.size() != b.size()) return false;
  return a.empty() || CRYPTO_memcmp(a.data(), b.data(), a.size()) == 0;
}

}  // namespace edgehold
