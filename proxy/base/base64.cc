// SPDX-License-Identifier: Apache-2.0
// The tables and loops behind base64.h.
// Thread: any (immutable).
#include "proxy/base/base64.h"

#include <algorithm>
#include <array>

namespace edgehold {
namespace {

using Letters = std::array<char, 64>;
using Values = std::array<std::uint8_t, 256>;
constexpr std::uint8_t kForeign = 0xFF;

constexpr Letters lettersWith(char sixty_two, char sixty_three) {
  Letters letters{};
  for (std::size_t i = 0; i < 26; ++i) {
    letters[i] = static_cast<char>('A' + i);
    letters[i + 26] = static_cast<char>('a' + i);
  }
  for (std::size_t i = 0; i < 10; ++i) letters[i + 52] = static_cast<char>('0' + i);
  letters[62] = sixty_two;
  letters[63] = sixty_three;
  return letters;
}

constexpr Values valuesOf(const Letters& letters) {
  Values values{};
  for (std::uint8_t& value : values) value = kForeign;
  for (std::size_t i = 0; i < letters.size(); ++i) {
    values[static_cast<unsigned char>(letters[i])] = static_cast<std::uint8_t>(i);
  }
  return values;
}

constexpr Letters kStandardLetters = lettersWith('+', '/');
constexpr Letters kUrlLetters = lettersWith('-', '_');
constexpr Values kStandardValues = valuesOf(kStandardLetters);
constexpr Values kUrlValues = valuesOf(kUrlLetters);

constexpr bool isUrl(Base64 form) { return form == Base64::kUrl || form == Base64::kUrlUnpadded; }
constexpr bool isPadded(Base64 form) { return form == Base64::kStandard || form == Base64::kUrl; }

std::uint32_t byteAt(std::string_view bytes, std::size_t at) {
  return static_cast<unsigned char>(bytes[at]);
}

// `text` without its padding, or nothing when the padding is not what the form asks for.
std::optional<std::string_view> withoutPadding(std::string_view text, Base64 form) {
  if (!isPadded(form)) return text.size() % 4 == 1 ? std::nullopt : std::optional(text);
  if (text.size() % 4 != 0) return std::nullopt;
  for (int i = 0; i < 2 && text.ends_with('='); ++i) text.remove_suffix(1);
  return text;
}

// The bytes of `count` letters (2 to 4), high end first, or nothing.
std::optional<std::uint32_t> quantum(const char* letters, std::size_t count, const Values& values) {
  std::uint32_t bits = 0;
  std::uint32_t foreign = 0;
  for (std::size_t i = 0; i < 4; ++i) {
    const std::uint32_t value = i < count ? values[static_cast<unsigned char>(letters[i])] : 0;
    foreign |= value & 0x80;
    bits = bits << 6 | (value & 0x3F);
  }
  // RFC 4648 3.5: the bits that no byte takes must be zero.
  const std::uint32_t unused_mask = count == 4 ? 0 : count == 3 ? 0xFF : 0xFFFF;
  if (foreign != 0 || (bits & unused_mask) != 0) return std::nullopt;
  return bits;
}

}  // namespace

std::size_t base64EncodedSize(std::size_t bytes, Base64 form) {
  const std::size_t whole = bytes / 3 * 4;
  const std::size_t rest = bytes % 3;
  if (rest == 0) return whole;
  return whole + (isPadded(form) ? 4 : rest + 1);
}

void appendBase64(std::string& out, std::string_view bytes, Base64 form) {
  const Letters& letters = isUrl(form) ? kUrlLetters : kStandardLetters;
  out.reserve(out.size() + base64EncodedSize(bytes.size(), form));
  std::size_t at = 0;
  for (; at + 3 <= bytes.size(); at += 3) {
    const std::uint32_t bits =
        byteAt(bytes, at) << 16 | byteAt(bytes, at + 1) << 8 | byteAt(bytes, at + 2);
    const char quad[] = {letters[bits >> 18], letters[bits >> 12 & 63], letters[bits >> 6 & 63],
                         letters[bits & 63]};
    out.append(quad, sizeof quad);
  }
  const std::size_t rest = bytes.size() - at;
  if (rest == 0) return;
  const std::uint32_t bits =
      byteAt(bytes, at) << 16 | (rest == 2 ? byteAt(bytes, at + 1) << 8 : 0u);
  out += letters[bits >> 18];
  out += letters[bits >> 12 & 63];
  if (rest == 2) out += letters[bits >> 6 & 63];
  if (isPadded(form)) out.append(3 - rest, '=');
}

std::string base64Encode(std::string_view bytes, Base64 form) {
  std::string text;
  appendBase64(text, bytes, form);
  return text;
}

std::optional<std::size_t> base64Decode(std::string_view text, Base64 form, std::span<char> out) {
  const std::optional<std::string_view> letters = withoutPadding(text, form);
  if (!letters || letters->size() % 4 == 1) return std::nullopt;
  const Values& values = isUrl(form) ? kUrlValues : kStandardValues;
  std::size_t written = 0;
  for (std::size_t at = 0; at < letters->size(); at += 4) {
    const std::size_t count = std::min<std::size_t>(4, letters->size() - at);
    const std::optional<std::uint32_t> bits = quantum(letters->data() + at, count, values);
    if (!bits || out.size() - written < count - 1) return std::nullopt;
    for (std::size_t i = 0; i + 1 < count; ++i) {
      out[written++] = static_cast<char>(*bits >> (16 - 8 * i) & 0xFF);
    }
  }
  return written;
}

std::optional<std::string> base64Decode(std::string_view text, Base64 form) {
  std::string bytes(base64DecodedSizeMax(text.size()), '\0');
  const std::optional<std::size_t> written = base64Decode(text, form, bytes);
  if (!written) return std::nullopt;
  bytes.resize(*written);
  return bytes;
}

}  // namespace edgehold
