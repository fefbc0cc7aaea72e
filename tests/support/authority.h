// SPDX-License-Identifier: Apache-2.0
// A certificate authority for a test: leaves with any names, and what it says of them (OCSP).
// Thread: main only.
#pragma once

#include <string>
#include <vector>

#include "proxy/net/listener_spec.h"
#include "tests/support/temp_directory.h"

struct evp_pkey_st;
struct x509_st;

namespace edgehold {

class TestAuthority {
 public:
  TestAuthority();
  ~TestAuthority();
  TestAuthority(const TestAuthority&) = delete;
  TestAuthority& operator=(const TestAuthority&) = delete;

  struct Names {
    std::string common_name = {};   // empty: none
    std::string alternatives = {};  // as openssl.cnf has them, `DNS:a,URI:b`; empty: none
  };
  struct Leaf {
    CertificateSpec spec;  // the authority's certificate follows the leaf's in the file
    x509_st* certificate;  // owned by the authority
    evp_pkey_st* key;      // the same
  };
  Leaf issue(const Names& names);
  const std::string& file() const { return file_; }

  struct Saying {
    bool is_good = true;
    long from_seconds = -60;  // relative to now
    long until_seconds = 3600;
  };
  // The file of a response about `leaf`.
  std::string ocsp(const Leaf& leaf, const Saying& saying);

 private:
  TempDirectory folder_;
  std::string file_;
  evp_pkey_st* key_;
  x509_st* certificate_;
  std::vector<Leaf> leaves_;
  int last_ = 0;
};

}  // namespace edgehold
