// SPDX-License-Identifier: Apache-2.0
// X.509 names behind tls_principal.h.
// Thread: any (stateless).
#include "proxy/net/tls_principal.h"

#include <algorithm>
#include <array>
#include <string_view>

#include <openssl/asn1.h>
#include <openssl/x509v3.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

std::string_view textOf(const ASN1_STRING* string) {
  return {reinterpret_cast<const char*>(ASN1_STRING_get0_data(string)),
          static_cast<std::size_t>(ASN1_STRING_length(string))};
}

std::string named(std::string_view kind, std::string_view name) {
  const bool is_plain =
      std::all_of(name.begin(), name.end(), [](char c) { return c > ' ' && c < 0x7F; });
  if (name.empty() || !is_plain || kind.size() + name.size() > limits::kFactBytesMax) return {};
  return std::string(kind).append(name);
}

const ASN1_STRING* firstOf(const GENERAL_NAMES* names, int type) {
  for (int i = 0; i < sk_GENERAL_NAME_num(names); ++i) {
    const GENERAL_NAME* const name = sk_GENERAL_NAME_value(names, i);
    if (name->type == type) return name->d.ia5;  // all three kinds are IA5 strings
  }
  return nullptr;
}

std::string commonName(const X509* certificate) {
  const X509_NAME* const subject = X509_get_subject_name(certificate);
  const int at = X509_NAME_get_index_by_NID(subject, NID_commonName, -1);
  if (at < 0) return {};
  return named("cn:", textOf(X509_NAME_ENTRY_get_data(X509_NAME_get_entry(subject, at))));
}

}  // namespace

std::string principalOf(const x509_st* certificate) {
  struct Kind {
    int type;
    std::string_view name;
  };
  constexpr std::array<Kind, 3> kKinds = {
      {{GEN_URI, "uri:"}, {GEN_DNS, "dns:"}, {GEN_EMAIL, "email:"}}};
  auto* const names = static_cast<GENERAL_NAMES*>(
      X509_get_ext_d2i(certificate, NID_subject_alt_name, nullptr, nullptr));
  std::string principal;
  const ASN1_STRING* found = nullptr;
  for (std::size_t i = 0; i < kKinds.size() && found == nullptr; ++i) {
    found = firstOf(names, kKinds.at(i).type);
    if (found != nullptr) principal = named(kKinds.at(i).name, textOf(found));
  }
  GENERAL_NAMES_free(names);
  return found != nullptr ? principal : commonName(certificate);
}

}  // namespace edgehold
