// SPDX-License-Identifier: Apache-2.0
// OpenSSL behind certificates.h.
// Thread: main only.
#include "tests/support/certificates.h"

#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>

#include "proxy/base/log.h"

namespace edgehold {
namespace {

void addExtension(X509* certificate, int nid, const std::string& value) {
  X509_EXTENSION* const extension = X509V3_EXT_conf_nid(nullptr, nullptr, nid, value.c_str());
  CHECK(extension != nullptr);
  X509_add_ext(certificate, extension, -1);
  X509_EXTENSION_free(extension);
}

X509* makeCertificate(EVP_PKEY* key, const std::string& dns_name) {
  static long serial = 0;
  X509* const certificate = X509_new();
  X509_set_version(certificate, X509_VERSION_3);
  ASN1_INTEGER_set(X509_get_serialNumber(certificate), ++serial);
  X509_gmtime_adj(X509_getm_notBefore(certificate), -24 * 3600);
  X509_gmtime_adj(X509_getm_notAfter(certificate), 24 * 3600);
  X509_set_pubkey(certificate, key);
  X509_NAME* const name = X509_get_subject_name(certificate);
  X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_ASC,
                             reinterpret_cast<const unsigned char*>("edgehold test"), -1, -1, 0);
  X509_set_issuer_name(certificate, name);
  addExtension(certificate, NID_subject_alt_name, "DNS:" + dns_name);
  addExtension(certificate, NID_basic_constraints, "critical,CA:TRUE");
  CHECK_GT(X509_sign(certificate, key, EVP_sha256()), 0);
  return certificate;
}

std::FILE* openFile(const std::string& path) {
  std::FILE* const file = std::fopen(path.c_str(), "w");
  PCHECK(file != nullptr) << path;
  return file;
}

}  // namespace

TestCertificate::TestCertificate(const std::string& dns_name) {
  std::string pattern = (std::filesystem::temp_directory_path() / "edgehold-cert-XXXXXX").string();
  PCHECK(::mkdtemp(pattern.data()) != nullptr);
  directory_ = pattern;
  spec_ = {directory_ + "/cert.pem", directory_ + "/key.pem"};
  EVP_PKEY* const key = EVP_EC_gen("P-256");
  X509* const certificate = makeCertificate(key, dns_name);
  std::FILE* file = openFile(spec_.certificate_file);
  CHECK_EQ(PEM_write_X509(file, certificate), 1);
  std::fclose(file);
  file = openFile(spec_.key_file);
  CHECK_EQ(PEM_write_PrivateKey(file, key, nullptr, nullptr, 0, nullptr, nullptr), 1);
  std::fclose(file);
  X509_free(certificate);
  EVP_PKEY_free(key);
}

TestCertificate::~TestCertificate() { std::filesystem::remove_all(directory_); }

}  // namespace edgehold
