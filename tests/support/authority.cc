// SPDX-License-Identifier: Apache-2.0
// OpenSSL behind authority.h.
// Thread: main only.
#include "tests/support/authority.h"

#include <cstdio>

#include <openssl/evp.h>
#include <openssl/ocsp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

void addExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  CHECK(extension != nullptr) << value;
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

void setName(X509_NAME* name, const std::string& common_name) {
  if (common_name.empty()) return;
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8,
                             reinterpret_cast<const unsigned char*>(common_name.data()),
                             static_cast<int>(common_name.size()), -1, 0);
}

X509* newCertificate(EVP_PKEY* key) {
  static long serial = 1000;
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  return certificate;
}

void write(const std::string& path, std::initializer_list<X509*> certificates, EVP_PKEY* key) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  PCHECK(file != nullptr) << path;
  for (X509* const certificate : certificates) CHECK_EQ(PEM_write_X509(file, certificate), 1);
  if (key != nullptr) {
    CHECK_EQ(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
  }
  std::fclose(file);
}

}  // namespace

TestAuthority::TestAuthority()
    : file_(folder_.path() + "/ca.pem"),
      key_(EVP_EC_gen("P-256")),
      certificate_(newCertificate(key_)) {
  setName(X509_get_subject_name(certificate_), "edgehold test authority");
  X509_set_issuer_name(certificate_, X509_get_subject_name(certificate_));
  addExtension(certificate_, NID_basic_constraints, "critical,CA:TRUE");
  CHECK_GT(X509_sign(certificate_, key_, EVP_sha256()), 0);
  write(file_, {certificate_}, nullptr);
}

TestAuthority::~TestAuthority() {
  for (const Leaf& leaf : leaves_) {
    X509_free(leaf.certificate);
    EVP_PKEY_free(leaf.key);
  }
  X509_free(certificate_);
  EVP_PKEY_free(key_);
}

TestAuthority::Leaf TestAuthority::issue(const Names& names) {
  const std::string stem = folder_.path() + "/leaf" + std::to_string(++last_);
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = newCertificate(key);
  setName(X509_get_subject_name(certificate), names.common_name);
  X509_set_issuer_name(certificate, X509_get_subject_name(certificate_));
  if (!names.alternatives.empty()) {
    addExtension(certificate, NID_subject_alt_name, names.alternatives);
  }
  CHECK_GT(X509_sign(certificate, key_, EVP_sha256()), 0);
  write(stem + ".pem", {certificate, certificate_}, nullptr);
  write(stem + ".key", {}, key);
  leaves_.push_back({{stem + ".pem", stem + ".key"}, certificate, key});
  return leaves_.back();
}

std::string TestAuthority::ocsp(const Leaf& leaf, const Saying& saying) {
  OCSP_BASICRESP* const basic = OCSP_BASICRESP_new();
  OCSP_CERTID* const id = OCSP_cert_to_id(nullptr, leaf.certificate, certificate_);
  ASN1_TIME* const from = X509_gmtime_adj(nullptr, saying.from_seconds);
  ASN1_TIME* const until = X509_gmtime_adj(nullptr, saying.until_seconds);
  ASN1_TIME* const revoked = saying.is_good ? nullptr : X509_gmtime_adj(nullptr, -3600);
  const int status = saying.is_good ? V_OCSP_CERTSTATUS_GOOD : V_OCSP_CERTSTATUS_REVOKED;
  CHECK(OCSP_basic_add1_status(basic, id, status, 0, revoked, from, until) != nullptr);
  CHECK_EQ(OCSP_basic_sign(basic, certificate_, key_, EVP_sha256(), nullptr, OCSP_NOCERTS), 1);
  OCSP_RESPONSE* const response = OCSP_response_create(OCSP_RESPONSE_STATUS_SUCCESSFUL, basic);
  const std::string path = folder_.path() + "/ocsp" + std::to_string(++last_) + ".der";
  std::FILE* const file = std::fopen(path.c_str(), "w");
  PCHECK(file != nullptr);
  unsigned char* der = nullptr;
  const int bytes = i2d_OCSP_RESPONSE(response, &der);
  CHECK_EQ(std::fwrite(der, 1, static_cast<std::size_t>(bytes), file),
           static_cast<std::size_t>(bytes));
  std::fclose(file);
  OPENSSL_free(der);
  OCSP_RESPONSE_free(response);
  OCSP_BASICRESP_free(basic);
  OCSP_CERTID_free(id);
  ASN1_TIME_free(from);
  ASN1_TIME_free(until);
  ASN1_TIME_free(revoked);
  return path;
}

}  // namespace edgehold
