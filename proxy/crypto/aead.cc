// SPDX-License-Identifier: Apache-2.0
// AES-256-GCM over OpenSSL's EVP, behind aead.h.
// Thread: any (immutable).
#include "proxy/crypto/aead.h"

#include <array>
#include <climits>
#include <cstring>
#include <memory>
#include <utility>

#include <openssl/evp.h>

#include "proxy/crypto/hmac.h"
#include "proxy/crypto/openssl_handle.h"

namespace edgehold {
namespace {

using Context = std::unique_ptr<EVP_CIPHER_CTX, Freed<EVP_CIPHER_CTX_free>>;

// Fetched once: a fetch by name takes a lock and costs more than a short text.
const EVP_CIPHER* cipher() {
  static const EVP_CIPHER* const kCipher = EVP_CIPHER_fetch(nullptr, "AES-256-GCM", nullptr);
  return kCipher;
}

// A context that has eaten key, nonce and what is bound.
Context begin(bool encrypts, ByteView key, ByteView nonce, ByteView bound) {
  Context context(EVP_CIPHER_CTX_new());
  int size = 0;
  const bool is_ready = context != nullptr && bound.size() < INT_MAX &&
                        EVP_CipherInit_ex2(context.get(), cipher(), opensslBytes(key),
                                           opensslBytes(nonce), encrypts ? 1 : 0, nullptr) == 1 &&
                        EVP_CipherUpdate(context.get(), nullptr, &size, opensslBytes(bound),
                                         static_cast<int>(bound.size())) == 1;
  if (!is_ready) context.reset();
  return context;
}

// True when all of `text` went through; for GCM nothing is left for the end but the tag.
bool pass(EVP_CIPHER_CTX& context, ByteView text, char* out) {
  int size = 0;
  int rest = 0;
  return EVP_CipherUpdate(&context, opensslBytes(out), &size, opensslBytes(text),
                          static_cast<int>(text.size())) == 1 &&
         EVP_CipherFinal_ex(&context, opensslBytes(out) + size, &rest) == 1 &&
         static_cast<std::size_t>(size) == text.size();
}

SecretString derived(ByteView secret, ByteView purpose) {
  const HmacKey prf(DigestKind::kSha256, secret);
  DigestBytes key = prf.sign(purpose);
  SecretString kept(key.view());
  wipe(key.bytes.data(), key.bytes.size());
  return kept;
}

}  // namespace

AeadKey::AeadKey(ByteView secret, ByteView purpose)
    : key_(derived(secret, purpose)),
      id_(HmacKey(DigestKind::kSha256, key_.reveal())
              .sign("key id")
              .view()
              .substr(0, kAeadKeyIdBytes)) {}

std::optional<std::string> AeadKey::seal(ByteView text, ByteView bound, Random& random) const {
  if (text.size() >= INT_MAX) return std::nullopt;
  std::string sealed(kAeadOverheadBytes + text.size(), '\0');
  const std::array<std::uint64_t, 2> words = {random.next(), random.next()};
  std::memcpy(sealed.data(), words.data(), kAeadNonceBytes);
  const ByteView nonce(sealed.data(), kAeadNonceBytes);
  const Context context = begin(true, key_.reveal(), nonce, bound);
  char* const out = sealed.data() + kAeadNonceBytes;
  if (context == nullptr || !pass(*context, text, out) ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_GET_TAG, kAeadTagBytes, out + text.size()) !=
          1) {
    return std::nullopt;
  }
  return sealed;
}

std::optional<SecretString> AeadKey::open(ByteView sealed, ByteView bound) const {
  if (sealed.size() < kAeadOverheadBytes || sealed.size() >= INT_MAX) return std::nullopt;
  const std::size_t size = sealed.size() - kAeadOverheadBytes;
  const Context context = begin(false, key_.reveal(), sealed.substr(0, kAeadNonceBytes), bound);
  std::array<char, kAeadTagBytes> tag;
  std::memcpy(tag.data(), sealed.data() + sealed.size() - tag.size(), tag.size());
  if (context == nullptr ||
      EVP_CIPHER_CTX_ctrl(context.get(), EVP_CTRL_AEAD_SET_TAG, kAeadTagBytes, tag.data()) != 1) {
    return std::nullopt;
  }
  std::string text(size, '\0');
  const bool is_genuine = pass(*context, sealed.substr(kAeadNonceBytes, size), text.data());
  SecretString opened = SecretString::take(std::move(text));  // wiped also when it is no text
  if (!is_genuine) return std::nullopt;
  return opened;
}

}  // namespace edgehold
