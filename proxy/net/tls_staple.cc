// SPDX-License-Identifier: Apache-2.0
// OpenSSL's OCSP behind tls_staple.h.
// Thread: main only (at load).
#include "proxy/net/tls_staple.h"

#include <array>
#include <ctime>
#include <memory>
#include <optional>

#include <openssl/err.h>
#include <openssl/ocsp.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>

#include "proxy/base/file.h"
#include "proxy/base/limits.h"
#include "proxy/crypto/openssl_handle.h"

namespace edgehold {
namespace {

using Response = std::unique_ptr<OCSP_RESPONSE, Freed<OCSP_RESPONSE_free>>;
using Basic = std::unique_ptr<OCSP_BASICRESP, Freed<OCSP_BASICRESP_free>>;
using CertificateId = std::unique_ptr<OCSP_CERTID, Freed<OCSP_CERTID_free>>;
using Store = std::unique_ptr<X509_STORE, Freed<X509_STORE_free>>;

// Who signed the certificate; it follows in the certificate's file. Null: it does not.
X509* issuerOf(SSL_CTX* context) {
  X509* const leaf = SSL_CTX_get0_certificate(context);
  STACK_OF(X509)* chain = nullptr;
  SSL_CTX_get0_chain_certs(context, &chain);
  for (int i = 0; i < sk_X509_num(chain); ++i) {
    X509* const candidate = sk_X509_value(chain, i);
    if (X509_check_issued(candidate, leaf) == X509_V_OK) return candidate;
  }
  return nullptr;
}

// The issuer's own key, or one that it lets sign for it (RFC 6960 4.2.2.2).
bool isSignedBy(OCSP_BASICRESP* basic, X509* issuer) {
  const Store store(X509_STORE_new());
  STACK_OF(X509)* const certificates = sk_X509_new_null();
  bool is_signed = false;
  if (store != nullptr && certificates != nullptr &&
      X509_STORE_add_cert(store.get(), issuer) == 1 && sk_X509_push(certificates, issuer) > 0) {
    X509_STORE_set_flags(store.get(), X509_V_FLAG_PARTIAL_CHAIN);
    is_signed = OCSP_basic_verify(basic, certificates, store.get(),
                                  OCSP_TRUSTOTHER | OCSP_PARTIAL_CHAIN) > 0;
  }
  sk_X509_free(certificates);
  ERR_clear_error();
  return is_signed;
}

WallTime wallTime(const ASN1_GENERALIZEDTIME* time) {
  std::tm parts{};
  if (time == nullptr || ASN1_TIME_to_tm(time, &parts) != 1) return {};
  return WallTime(std::chrono::seconds(::timegm(&parts)));
}

// What it says of the leaf. Nothing: it is about another certificate.
std::optional<OcspStaple> readStatus(OCSP_BASICRESP* basic, X509* leaf, X509* issuer) {
  for (const EVP_MD* const digest : {EVP_sha1(), EVP_sha256()}) {
    const CertificateId id(OCSP_cert_to_id(digest, leaf, issuer));
    int status = 0;
    ASN1_GENERALIZEDTIME* from = nullptr;
    ASN1_GENERALIZEDTIME* until = nullptr;
    if (id == nullptr ||
        OCSP_resp_find_status(basic, id.get(), &status, nullptr, nullptr, &from, &until) != 1) {
      continue;
    }
    OcspStaple staple;
    staple.from = wallTime(from);
    staple.until = wallTime(until);
    staple.is_revoked = status != V_OCSP_CERTSTATUS_GOOD;
    return staple;
  }
  ERR_clear_error();
  return std::nullopt;
}

}  // namespace

Result<OcspStaple> OcspStaple::load(const std::string& file, ssl_ctx_st* context) {
  TRY_ASSIGN(std::string bytes, readFile(file, limits::kOcspBytesMax));
  const auto wrong = [&file](std::string_view why) {
    return fail("ocsp_file `" + file + "`: " + std::string(why));
  };
  const auto* at = reinterpret_cast<const unsigned char*>(bytes.data());
  const Response response(d2i_OCSP_RESPONSE(nullptr, &at, static_cast<long>(bytes.size())));
  const Basic basic(response != nullptr ? OCSP_response_get1_basic(response.get()) : nullptr);
  ERR_clear_error();
  if (basic == nullptr || OCSP_response_status(response.get()) != OCSP_RESPONSE_STATUS_SUCCESSFUL) {
    return wrong("is no OCSP response (DER) of success");
  }
  X509* const issuer = issuerOf(context);
  if (issuer == nullptr) return wrong("the certificate's file must have its issuer's after it");
  std::optional<OcspStaple> staple =
      readStatus(basic.get(), SSL_CTX_get0_certificate(context), issuer);
  if (!staple) return wrong("is about another certificate");
  if (staple->until == WallTime()) return wrong("does not say until when it holds");
  if (!isSignedBy(basic.get(), issuer)) return wrong("is not signed by the certificate's issuer");
  staple->file = file;
  staple->response = std::move(bytes);
  return *std::move(staple);
}

}  // namespace edgehold
