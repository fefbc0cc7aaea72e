// SPDX-License-Identifier: Apache-2.0
// Verification over OpenSSL's EVP, behind verifying_key.h.
// Thread: any (immutable).
#include "proxy/crypto/verifying_key.h"

#include <array>
#include <string>
#include <vector>

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/ecdsa.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>

#include "proxy/crypto/ed25519.h"
#include "proxy/crypto/openssl_handle.h"

namespace edgehold {
namespace {

constexpr std::size_t kP256Bytes = 32;

using Number = std::unique_ptr<BIGNUM, Freed<BN_free>>;
using ParamsBuilder = std::unique_ptr<OSSL_PARAM_BLD, Freed<OSSL_PARAM_BLD_free>>;
using Params = std::unique_ptr<OSSL_PARAM, Freed<OSSL_PARAM_free>>;
using KeyContext = std::unique_ptr<EVP_PKEY_CTX, Freed<EVP_PKEY_CTX_free>>;
using Key = std::unique_ptr<EVP_PKEY, Freed<EVP_PKEY_free>>;
using DigestContext = std::unique_ptr<EVP_MD_CTX, Freed<EVP_MD_CTX_free>>;
using EcSignature = std::unique_ptr<ECDSA_SIG, Freed<ECDSA_SIG_free>>;

Number numberOf(ByteView bytes) {
  return Number(BN_bin2bn(opensslBytes(bytes), static_cast<int>(bytes.size()), nullptr));
}

Key keyFrom(const char* type, OSSL_PARAM_BLD* builder) {
  const Params params(OSSL_PARAM_BLD_to_param(builder));
  const KeyContext context(EVP_PKEY_CTX_new_from_name(nullptr, type, nullptr));
  EVP_PKEY* key = nullptr;
  if (params == nullptr || context == nullptr || EVP_PKEY_fromdata_init(context.get()) != 1 ||
      EVP_PKEY_fromdata(context.get(), &key, EVP_PKEY_PUBLIC_KEY, params.get()) != 1) {
    return nullptr;
  }
  return Key(key);
}

bool isOnCurve(EVP_PKEY* key) {
  const KeyContext context(EVP_PKEY_CTX_new_from_pkey(nullptr, key, nullptr));
  return context != nullptr && EVP_PKEY_public_check(context.get()) == 1;
}

// R and S as OpenSSL takes them: in DER (RFC 3279 2.2.3). Empty when it cannot be written.
std::vector<unsigned char> derOf(ByteView signature) {
  Number r = numberOf(signature.substr(0, kP256Bytes));
  Number s = numberOf(signature.substr(kP256Bytes));
  const EcSignature pair(ECDSA_SIG_new());
  if (r == nullptr || s == nullptr || pair == nullptr ||
      ECDSA_SIG_set0(pair.get(), r.get(), s.get()) != 1) {
    return {};
  }
  static_cast<void>(r.release());  // the pair's by now
  static_cast<void>(s.release());
  std::vector<unsigned char> der(2 * kP256Bytes + 16);
  unsigned char* end = der.data();
  const int size = i2d_ECDSA_SIG(pair.get(), &end);
  der.resize(size > 0 ? static_cast<std::size_t>(size) : 0);
  return der;
}

}  // namespace

std::optional<JwsAlgorithm> jwsAlgorithmFromName(std::string_view name) {
  if (name == "RS256") return JwsAlgorithm::kRs256;
  if (name == "ES256") return JwsAlgorithm::kEs256;
  if (name == "EdDSA") return JwsAlgorithm::kEdDsa;
  return std::nullopt;
}

VerifyingKey::VerifyingKey(JwsAlgorithm algorithm, evp_pkey_st* key)
    : algorithm_(algorithm), key_(key, EVP_PKEY_free) {}

std::optional<VerifyingKey> VerifyingKey::rsa(ByteView modulus, ByteView exponent) {
  const bool is_sized = modulus.size() >= kRsaBytesMin && modulus.size() <= kRsaBytesMax &&
                        !exponent.empty() && exponent.size() <= 4;
  if (!is_sized || modulus.front() == 0 || exponent.front() == 0) return std::nullopt;
  const bool is_odd = (modulus.back() & 1) != 0 && (exponent.back() & 1) != 0;
  if (!is_odd || exponent == "\x01") return std::nullopt;
  const Number n = numberOf(modulus);
  const Number e = numberOf(exponent);
  const ParamsBuilder builder(OSSL_PARAM_BLD_new());
  if (n == nullptr || e == nullptr || builder == nullptr ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_N, n.get()) != 1 ||
      OSSL_PARAM_BLD_push_BN(builder.get(), OSSL_PKEY_PARAM_RSA_E, e.get()) != 1) {
    return std::nullopt;
  }
  Key key = keyFrom("RSA", builder.get());
  if (key == nullptr) return std::nullopt;
  return VerifyingKey(JwsAlgorithm::kRs256, key.release());
}

std::optional<VerifyingKey> VerifyingKey::p256(ByteView x, ByteView y) {
  if (x.size() != kP256Bytes || y.size() != kP256Bytes) return std::nullopt;
  std::string point("\x04");  // SEC 1 2.3.3: uncompressed
  point.append(x).append(y);
  const ParamsBuilder builder(OSSL_PARAM_BLD_new());
  if (builder == nullptr ||
      OSSL_PARAM_BLD_push_utf8_string(builder.get(), OSSL_PKEY_PARAM_GROUP_NAME, "P-256", 0) != 1 ||
      OSSL_PARAM_BLD_push_octet_string(builder.get(), OSSL_PKEY_PARAM_PUB_KEY, point.data(),
                                       point.size()) != 1) {
    return std::nullopt;
  }
  Key key = keyFrom("EC", builder.get());
  if (key == nullptr || !isOnCurve(key.get())) return std::nullopt;
  return VerifyingKey(JwsAlgorithm::kEs256, key.release());
}

std::optional<VerifyingKey> VerifyingKey::ed25519(ByteView bytes) {
  if (bytes.size() != kEd25519KeyBytes) return std::nullopt;
  EVP_PKEY* const key =
      EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, nullptr, opensslBytes(bytes), bytes.size());
  if (key == nullptr) return std::nullopt;
  return VerifyingKey(JwsAlgorithm::kEdDsa, key);
}

bool VerifyingKey::verify(ByteView message, ByteView signature) const {
  std::vector<unsigned char> der;
  const unsigned char* bytes = opensslBytes(signature);
  std::size_t size = signature.size();
  if (algorithm_ == JwsAlgorithm::kEs256) {
    if (size != 2 * kP256Bytes) return false;
    der = derOf(signature);
    if (der.empty()) return false;
    bytes = der.data();
    size = der.size();
  }
  const EVP_MD* const digest = algorithm_ == JwsAlgorithm::kEdDsa ? nullptr : EVP_sha256();
  const DigestContext context(EVP_MD_CTX_new());
  return context != nullptr &&
         EVP_DigestVerifyInit(context.get(), nullptr, digest, nullptr, key_.get()) == 1 &&
         EVP_DigestVerify(context.get(), bytes, size, opensslBytes(message), message.size()) == 1;
}

}  // namespace edgehold
