// SPDX-License-Identifier: Apache-2.0
// Any text as base64: what decodes is exactly what its bytes encode to, in each form.
// Thread: main only.
#include "proxy/base/base64.h"
#include "proxy/base/log.h"

namespace edgehold {
namespace {

void checkForm(std::string_view text, Base64 form) {
  const auto bytes = base64Decode(text, form);
  if (bytes) CHECK_EQ(base64Encode(*bytes, form), text);
  const std::string encoded = base64Encode(text, form);
  CHECK_EQ(encoded.size(), base64EncodedSize(text.size(), form));
  CHECK(base64Decode(encoded, form) == text);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const unsigned char* bytes, std::size_t size) {
  using edgehold::Base64;
  const std::string_view text(reinterpret_cast<const char*>(bytes), size);
  for (const Base64 form :
       {Base64::kStandard, Base64::kStandardUnpadded, Base64::kUrl, Base64::kUrlUnpadded}) {
    edgehold::checkForm(text, form);
  }
  return 0;
}
