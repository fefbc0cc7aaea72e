// SPDX-License-Identifier: Apache-2.0
// OpenSSL behind jws_signer.h.
// Thread: main only.
#include "tests/support/jws_signer.h"

#include <algorithm>

#include <openssl/core_names.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/rsa.h>

#include "proxy/base/base64.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

std::string encode(std::string_view bytes) { return base64Encode(bytes, Base64::kUrlUnpadded); }

EVP_PKEY* makeKey(JwsAlgorithm algorithm) {
  if (algorithm == JwsAlgorithm::kRs256) return EVP_RSA_gen(2048);
  if (algorithm == JwsAlgorithm::kEs256) return EVP_EC_gen("P-256");
  return EVP_PKEY_Q_keygen(nullptr, nullptr, "ED25519");
}

std::string number(const EVP_PKEY* key, const char* name, int bytes_least) {
  BIGNUM* value = nullptr;
  CHECK_EQ(EVP_PKEY_get_bn_param(key, name, &value), 1);
  std::string bytes(static_cast<std::size_t>(std::max(BN_num_bytes(value), bytes_least)), '\0');
  BN_bn2binpad(value, reinterpret_cast<unsigned char*>(bytes.data()),
               static_cast<int>(bytes.size()));
  BN_free(value);
  return encode(bytes);
}

// R and S out of OpenSSL's DER.
std::string pairOf(const std::string& der) {
  const auto* at = reinterpret_cast<const unsigned char*>(der.data());
  ECDSA_SIG* const pair = d2i_ECDSA_SIG(nullptr, &at, static_cast<long>(der.size()));
  CHECK(pair != nullptr);
  std::string bytes(64, '\0');
  auto* const out = reinterpret_cast<unsigned char*>(bytes.data());
  BN_bn2binpad(ECDSA_SIG_get0_r(pair), out, 32);
  BN_bn2binpad(ECDSA_SIG_get0_s(pair), out + 32, 32);
  ECDSA_SIG_free(pair);
  return bytes;
}

// What `write` writes.
template <class Write>
std::string textBy(Write write) {
  BIO* const sink = BIO_new(BIO_s_mem());
  CHECK_EQ(write(sink), 1);
  char* bytes = nullptr;
  const long size = BIO_get_mem_data(sink, &bytes);
  std::string text(bytes, static_cast<std::size_t>(size));
  BIO_free(sink);
  return text;
}

}  // namespace

JwsSigner::JwsSigner(JwsAlgorithm algorithm, std::string key_id)
    : algorithm_(algorithm), key_id_(std::move(key_id)), key_(makeKey(algorithm)) {
  CHECK(key_ != nullptr);
}

JwsSigner::~JwsSigner() { EVP_PKEY_free(key_); }

std::string_view JwsSigner::algorithmName() const {
  if (algorithm_ == JwsAlgorithm::kRs256) return "RS256";
  return algorithm_ == JwsAlgorithm::kEs256 ? "ES256" : "EdDSA";
}

std::string JwsSigner::sign(std::string_view payload) const {
  const std::string header =
      R"({"alg":")" + std::string(algorithmName()) + R"(","typ":"JWT","kid":")" + key_id_ + "\"}";
  return signUnder(header, payload);
}

std::string JwsSigner::signUnder(std::string_view header, std::string_view payload) const {
  const std::string text = encode(header) + "." + encode(payload);
  return text + "." + encode(signature(text));
}

std::string JwsSigner::jwkMembers() const {
  std::string members = R"("kid":")" + key_id_ + R"(",)";
  if (algorithm_ == JwsAlgorithm::kRs256) {
    return members + R"("kty":"RSA","n":")" + number(key_, OSSL_PKEY_PARAM_RSA_N, 0) +
           R"(","e":")" + number(key_, OSSL_PKEY_PARAM_RSA_E, 0) + "\"";
  }
  if (algorithm_ == JwsAlgorithm::kEs256) {
    return members + R"("kty":"EC","crv":"P-256","x":")" +
           number(key_, OSSL_PKEY_PARAM_EC_PUB_X, 32) + R"(","y":")" +
           number(key_, OSSL_PKEY_PARAM_EC_PUB_Y, 32) + "\"";
  }
  std::string bytes(32, '\0');
  std::size_t size = bytes.size();
  CHECK_EQ(EVP_PKEY_get_raw_public_key(key_, reinterpret_cast<unsigned char*>(bytes.data()), &size),
           1);
  return members + R"("kty":"OKP","crv":"Ed25519","x":")" + encode(bytes) + "\"";
}

std::string JwsSigner::jwks(std::string_view more) const {
  return R"({"keys":[{)" + jwkMembers() + std::string(more) + "}]}";
}

std::string JwsSigner::privatePem(const char* passphrase) const {
  const EVP_CIPHER* const cipher = passphrase == nullptr ? nullptr : EVP_aes_128_cbc();
  return textBy([&](BIO* sink) {
    return PEM_write_bio_PKCS8PrivateKey(sink, key_, cipher, nullptr, 0, nullptr,
                                         const_cast<char*>(passphrase));
  });
}

std::string JwsSigner::publicPem() const {
  return textBy([&](BIO* sink) { return PEM_write_bio_PUBKEY(sink, key_); });
}

std::string JwsSigner::signature(std::string_view text) const {
  EVP_MD_CTX* const context = EVP_MD_CTX_new();
  const EVP_MD* const digest = algorithm_ == JwsAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  CHECK_EQ(EVP_DigestSignInit(context, nullptr, digest, nullptr, key_), 1);
  std::string bytes(1024, '\0');
  std::size_t size = bytes.size();
  CHECK_EQ(EVP_DigestSign(context, reinterpret_cast<unsigned char*>(bytes.data()), &size,
                          reinterpret_cast<const unsigned char*>(text.data()), text.size()),
           1);
  EVP_MD_CTX_free(context);
  bytes.resize(size);
  return algorithm_ == JwsAlgorithm::kEs256 ? pairOf(bytes) : bytes;
}

}  // namespace edgehold
