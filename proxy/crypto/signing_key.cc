// SPDX-License-Identifier: Apache-2.0
// Signatures over OpenSSL's EVP, behind signing_key.h.
// Thread: any (immutable).
#include "proxy/crypto/signing_key.h"

#include <utility>

#include <openssl/bio.h>
#include <openssl/core_names.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/pem.h>

#include "proxy/base/log.h"
#include "proxy/crypto/ed25519.h"
#include "proxy/crypto/openssl_handle.h"

namespace edgehold {
namespace {

using Source = std::unique_ptr<BIO, Freed<BIO_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;

// Without one OpenSSL asks at the terminal.
int noPassphrase(char* /*room*/, int /*size*/, int /*is_writing*/, void* /*user*/) { return -1; }

std::string numberOf(const EVP_PKEY* key, const char* name) {
  BIGNUM* value = nullptr;
  CHECK(EVP_PKEY_get_bn_param(key, name, &value) == 1);
  const Number owner(value);
  std::string bytes(static_cast<std::size_t>(BN_num_bytes(value)), '\0');
  BN_bn2bin(value, opensslBytes(bytes.data()));
  return bytes;
}

}  // namespace

SigningKey::SigningKey(JwsAlgorithm algorithm, std::shared_ptr<evp_pkey_st> key)
    : algorithm_(algorithm), key_(std::move(key)) {}

Result<SigningKey> SigningKey::fromPem(ByteView pem) {
  const Source source(BIO_new_mem_buf(pem.data(), static_cast<int>(pem.size())));
  std::shared_ptr<EVP_PKEY> key(
      source == nullptr ? nullptr
                        : PEM_read_bio_PrivateKey(source.get(), nullptr, noPassphrase, nullptr),
      EVP_PKEY_free);
  ERR_clear_error();  // what it says of a file that is no key is nobody's
  if (key == nullptr) return fail("is no private key in PEM without a passphrase");
  const int kind = EVP_PKEY_get_base_id(key.get());
  if (kind == EVP_PKEY_ED25519) return SigningKey(JwsAlgorithm::kEdDsa, std::move(key));
  if (kind != EVP_PKEY_RSA) return fail("is a private key, but neither of Ed25519 nor of RSA");
  const auto size = static_cast<std::size_t>(EVP_PKEY_get_size(key.get()));
  if (size >= VerifyingKey::kRsaBytesMin && size <= VerifyingKey::kRsaBytesMax) {
    return SigningKey(JwsAlgorithm::kRs256, std::move(key));
  }
  return fail("is an RSA key of " + std::to_string(size * 8) +
              " bits: " + std::to_string(VerifyingKey::kRsaBytesMin * 8) + " to " +
              std::to_string(VerifyingKey::kRsaBytesMax * 8) + " are taken");
}

std::optional<std::string> SigningKey::sign(ByteView message) const {
  const EVP_MD* const digest = algorithm_ == JwsAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  std::string signature(static_cast<std::size_t>(EVP_PKEY_get_size(key_.get())), '\0');
  std::size_t size = signature.size();
  const DigestContext context(EVP_MD_CTX_new());
  if (context == nullptr ||
      EVP_DigestSignInit(context.get(), nullptr, digest, nullptr, key_.get()) != 1 ||
      EVP_DigestSign(context.get(), opensslBytes(signature.data()), &size, opensslBytes(message),
                     message.size()) != 1) {
    return std::nullopt;
  }
  signature.resize(size);
  return signature;
}

SigningKey::PublicHalf SigningKey::publicHalf() const {
  if (algorithm_ == JwsAlgorithm::kRs256) {
    return {numberOf(key_.get(), OSSL_PKEY_PARAM_RSA_N),
            numberOf(key_.get(), OSSL_PKEY_PARAM_RSA_E)};
  }
  PublicHalf half{std::string(kEd25519KeyBytes, '\0'), {}};
  std::size_t size = half.bytes.size();
  CHECK(EVP_PKEY_get_raw_public_key(key_.get(), opensslBytes(half.bytes.data()), &size) == 1);
  return half;
}

}  // namespace edgehold
