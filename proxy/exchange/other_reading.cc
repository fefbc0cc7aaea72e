// SPDX-License-Identifier: Apache-2.0
// The three ways to another text that frameworks know: a charset, a coding, a form.
// Thread: any (immutable).
#include "proxy/exchange/other_reading.h"

#include <algorithm>

#include "proxy/base/strings.h"
#include "proxy/http/list.h"

namespace edgehold {
namespace {

constexpr std::string_view kContentEncoding = "content-encoding";
constexpr std::string_view kCharset = "charset";
constexpr std::string_view kPlainJson = "application/json";

bool beginsWith(std::string_view text, std::string_view beginning) {
  return equalsIgnoreCase(text.substr(0, beginning.size()), beginning);
}

std::string_view withoutBlanks(std::string_view text) {
  return text.substr(std::min(text.size(), text.find_first_not_of(" \t")));
}

// What follows the word `charset` names UTF-8 and nothing else.
bool namesUtf8(std::string_view after) {
  after = withoutBlanks(after);
  if (!after.starts_with('=')) return false;  // RFC 8187's `charset*=` too
  after = withoutBlanks(after.substr(1));
  if (after.starts_with('"')) after.remove_prefix(1);
  const std::string_view name = after.substr(0, after.find_first_of("\"; \t,"));
  return equalsIgnoreCase(name, "utf-8") || equalsIgnoreCase(name, "utf8");
}

// RFC 8259 8.1: JSON is UTF-8, whatever is said of it. Readers that believe a charset find other
// characters: in UTF-7 `+ACI-` is a quotation mark. Which of several counts is theirs to say, and
// what is quoted too, so every mention has to be UTF-8.
bool isInUtf8(std::string_view content_type) {
  for (std::size_t at = 0; at + kCharset.size() <= content_type.size(); ++at) {
    if (!beginsWith(content_type.substr(at), kCharset)) continue;
    if (!namesUtf8(content_type.substr(at + kCharset.size()))) return false;
  }
  return true;
}

// A form of one pair has a name that begins as JSON does: nobody asks for that. `&`, and for older
// readers `;`, begin another, as in `{"note":"&action=delete"}`.
bool isOtherForm(std::string_view content_type, ByteView body) {
  if (beginsWith(content_type, "multipart/")) return true;
  return beginsWith(content_type, "application/x-www-form-urlencoded") &&
         body.find_first_of("&;") != ByteView::npos;
}

bool isCoded(const Header& field) {
  if (field.name.size() != kContentEncoding.size()) return false;
  if (!equalsIgnoreCase(field.name, kContentEncoding)) return false;
  bool is_coded = false;
  forEachListed(field.value, [&](std::string_view coding) {
    is_coded |= !equalsIgnoreCase(coding, "identity");
  });
  return is_coded;
}

}  // namespace

std::string_view otherReading(const Headers& headers, ByteView body) {
  for (const Header& field : headers) {
    if (field.id == HeaderId::kOther) {
      if (isCoded(field)) return "the body has a content coding";
    } else if (field.id == HeaderId::kContentType) {
      if (equalsIgnoreCase(field.value, kPlainJson)) continue;  // nearly always
      if (!isInUtf8(field.value)) return "Content-Type names a charset that is not UTF-8";
      if (isOtherForm(field.value, body)) return "Content-Type says that the body is a form";
    }
  }
  return {};
}

}  // namespace edgehold
