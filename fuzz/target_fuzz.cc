// SPDX-License-Identifier: Apache-2.0
// A target that is taken has one spelling: no dot segments, empty segments or hidden separators,
// also after decoding, and its parts are views that make up the whole. Thread: main only.
#include <cstddef>
#include <cstdint>
#include <string>

#include "proxy/base/log.h"
#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"
#include "proxy/http/target.h"

namespace edgehold {
namespace {

std::string decoded(std::string_view text) {
  std::string result;
  for (std::size_t at = 0; at < text.size(); ++at) {
    if (text[at] != '%') {
      result += text[at];
      continue;
    }
    CHECK_LT(at + 2, text.size());
    result += static_cast<char>(hexValue(text[at + 1]) * 16 + hexValue(text[at + 2]));
    at += 2;
  }
  return result;
}

void checkPath(std::string_view path) {
  CHECK(path.starts_with('/'));
  const std::string plain = decoded(path);
  CHECK(isUtf8(plain));
  CHECK(plain.find('\0') == std::string::npos && plain.find('\\') == std::string::npos);
  CHECK(plain.find("//") == std::string::npos && plain.find(';') == std::string::npos);
  for (const std::string_view segment : split(plain, '/')) {
    CHECK(segment != "." && segment != "..") << path;
  }
  CHECK_EQ(split(plain, '/').size(), split(path, '/').size());
}

void checkTarget(std::string_view text, Method method) {
  const auto result = parseTarget(text, method);
  if (!result) return;
  const Target& target = result->target;
  CHECK(text.ends_with(target.text));
  CHECK(result->authority.empty() || isValidAuthority(result->authority));
  if (target.path == "*") {
    CHECK(method == Method::kOptions);
    return;
  }
  checkPath(target.path);
  CHECK(isUtf8(decoded(target.query)));
  // What goes upstream is taken again as it stands: there is nothing left to make canonical.
  const auto again = parseTarget(target.text, method);
  CHECK(again && again->authority.empty() && again->target.text == target.text);
  CHECK(again->target.path == target.path && again->target.query == target.query);
  std::string joined(target.path);
  if (target.has_query) joined.append("?").append(target.query);
  CHECK(joined == target.text);
}

}  // namespace
}  // namespace edgehold

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* input, std::size_t size) {
  const std::string_view text(reinterpret_cast<const char*>(input), size);
  edgehold::checkTarget(text, edgehold::Method::kGet);
  edgehold::checkTarget(text, edgehold::Method::kOptions);
  edgehold::isValidAuthority(text);
  return 0;
}
