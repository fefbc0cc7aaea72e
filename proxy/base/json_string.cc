// SPDX-License-Identifier: Apache-2.0
// JSON strings (RFC 8259 7) behind json.h.
// Thread: any (immutable).
#include "proxy/base/json.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

bool isPlain(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return byte >= 0x20 && byte < 0x80 && c != '"' && c != '\\';
}

// True when one of eight bytes is not plain; exact, as borrows start only at such a byte.
bool hasSpecial(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const auto has_zero = [](std::uint64_t v) { return (v - kOnes) & ~v; };
  const std::uint64_t special = (word - kOnes * 0x20) | word | has_zero(word ^ (kOnes * '"')) |
                                has_zero(word ^ (kOnes * '\\'));
  return (special & (kOnes * 0x80)) != 0;
}

std::size_t plainPrefix(std::string_view text) {
  std::size_t at = 0;
  while (at + 8 <= text.size() && !hasSpecial(SipState::loadWord(text.data() + at, 8))) at += 8;
  while (at < text.size() && isPlain(text[at])) ++at;
  return at;
}

void appendEscaped(std::string& out, char c) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  switch (c) {
    case '"':
      out += "\\\"";
      return;
    case '\\':
      out += "\\\\";
      return;
    case '\n':
      out += "\\n";
      return;
    case '\r':
      out += "\\r";
      return;
    case '\t':
      out += "\\t";
      return;
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  out += "\\u00";
  out += kHexDigits[byte >> 4];
  out += kHexDigits[byte & 15];
}

}  // namespace

void appendJsonString(std::string& out, std::string_view text) {
  out += '"';
  while (true) {
    const std::size_t plain = plainPrefix(text);
    out.append(text.data(), plain);
    text.remove_prefix(plain);
    if (text.empty()) break;
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      appendEscaped(out, text.front());
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = utf8SequenceLength(text);
    out += length == 0 ? kReplacement : text.substr(0, length);
    text.remove_prefix(length == 0 ? 1 : length);
  }
  out += '"';
}

}  // namespace edgehold
