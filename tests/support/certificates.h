// SPDX-License-Identifier: Apache-2.0
// A self-signed certificate for a test, made at run time: none can expire in the tree.
// Thread: main only.
#pragma once

#include <string>

#include "proxy/net/listener_spec.h"

namespace edgehold {

// P-256, valid for a day from yesterday on, for one DNS name. Its files go with the object.
class TestCertificate {
 public:
  explicit TestCertificate(const std::string& dns_name);
  ~TestCertificate();
  TestCertificate(const TestCertificate&) = delete;
  TestCertificate& operator=(const TestCertificate&) = delete;

  const std::string& certificateFile() const { return spec_.certificate_file; }
  const CertificateSpec& spec() const { return spec_; }

 private:
  CertificateSpec spec_;
  std::string directory_;
};

}  // namespace edgehold
