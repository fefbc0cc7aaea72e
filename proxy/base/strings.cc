// SPDX-License-Identifier: Apache-2.0
// ASCII text functions behind strings.h.
// Thread: any (immutable).
#include "proxy/base/strings.h"

#include <algorithm>
#include <array>
#include <bit>
#include <charconv>
#include <numeric>
#include <system_error>

namespace edgehold {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

bool isBlank(char c) { return c == ' ' || c == '\t'; }

// The eight digits of half a word, all at once: each half byte is spread to a byte of its own.
std::uint64_t hexDigitsOf(std::uint32_t half) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  std::uint64_t spread = half;
  spread = (spread | spread << 16) & 0x0000FFFF0000FFFFu;
  spread = (spread | spread << 8) & 0x00FF00FF00FF00FFu;
  spread = (spread | spread << 4) & 0x0F0F0F0F0F0F0F0Fu;
  const std::uint64_t is_letter = ((spread + kOnes * 6) >> 4) & kOnes;
  return __builtin_bswap64(spread + kOnes * '0' + is_letter * ('a' - '9' - 1));
}

// Levenshtein's distance with one row; words here are configuration keys, so short.
std::size_t editDistance(std::string_view a, std::string_view b) {
  std::vector<std::size_t> row(b.size() + 1);
  std::iota(row.begin(), row.end(), std::size_t{0});
  for (std::size_t i = 1; i <= a.size(); ++i) {
    std::size_t diagonal = row[0];
    row[0] = i;
    for (std::size_t j = 1; j <= b.size(); ++j) {
      const std::size_t substituted = diagonal + (a[i - 1] == b[j - 1] ? 0 : 1);
      diagonal = row[j];
      row[j] = std::min({row[j] + 1, row[j - 1] + 1, substituted});
    }
  }
  return row.back();
}

}  // namespace

std::string toLower(std::string_view text) {
  std::string lower(text);
  std::transform(lower.begin(), lower.end(), lower.begin(), asciiLower);
  return lower;
}

std::string_view trimBlanks(std::string_view text) {
  while (!text.empty() && isBlank(text.front())) text.remove_prefix(1);
  while (!text.empty() && isBlank(text.back())) text.remove_suffix(1);
  return text;
}

std::vector<std::string_view> split(std::string_view text, char separator) {
  std::vector<std::string_view> pieces;
  for (;;) {
    const std::size_t end = text.find(separator);
    pieces.push_back(text.substr(0, end));
    if (end == std::string_view::npos) return pieces;
    text.remove_prefix(end + 1);
  }
}

std::string join(std::span<const std::string> texts, std::string_view separator) {
  std::string joined;
  for (const std::string& text : texts) {
    if (&text != texts.data()) joined += separator;
    joined += text;
  }
  return joined;
}

std::string errorText(int error_number) {
  return std::error_code(error_number, std::generic_category()).message();
}

std::optional<std::uint64_t> parseUnsigned(std::string_view text) {
  std::uint64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

std::optional<std::int64_t> parseSigned(std::string_view text) {
  std::int64_t value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

static_assert(std::endian::native == std::endian::little, "the highest digit is stored first");

char* writeHex(char* to, std::uint64_t word) {
  const std::array<std::uint64_t, 2> digits = {hexDigitsOf(static_cast<std::uint32_t>(word >> 32)),
                                               hexDigitsOf(static_cast<std::uint32_t>(word))};
  std::memcpy(to, digits.data(), sizeof digits);
  return to + sizeof digits;
}

std::string hexEncode(std::string_view bytes) {
  std::string text;
  text.reserve(bytes.size() * 2);
  for (const char byte : bytes) {
    const auto value = static_cast<unsigned char>(byte);
    text.push_back(kHexDigits[value >> 4]);
    text.push_back(kHexDigits[value & 0xF]);
  }
  return text;
}

std::optional<std::string> hexDecode(std::string_view text) {
  if (text.size() % 2 != 0) return std::nullopt;
  std::string bytes;
  bytes.reserve(text.size() / 2);
  for (std::size_t i = 0; i < text.size(); i += 2) {
    const int high = hexValue(text[i]);
    const int low = hexValue(text[i + 1]);
    if (high < 0 || low < 0) return std::nullopt;
    bytes.push_back(static_cast<char>(high << 4 | low));
  }
  return bytes;
}

// Statuses, lengths and durations have up to four digits: std::to_chars() takes three times as long
// for those.
char* writeNumber(char* to, std::uint64_t value) {
  std::size_t digits = 1;
  for (std::uint64_t bound = 10; digits < kNumberBytesMax && value >= bound; bound *= 10) ++digits;
  for (char* at = to + digits; at != to; value /= 10) *--at = static_cast<char>('0' + value % 10);
  return to + digits;
}

void appendNumber(std::string& out, std::uint64_t value) {
  std::array<char, kNumberBytesMax> digits;
  out.append(digits.data(), writeNumber(digits.data(), value));
}

std::optional<std::string_view> nearestOf(std::string_view word,
                                          const std::vector<std::string_view>& candidates) {
  constexpr std::size_t kWordBytesMax = 64;
  if (word.size() > kWordBytesMax) return std::nullopt;
  std::optional<std::string_view> nearest;
  std::size_t best = std::max<std::size_t>(2, word.size() / 2) + 1;
  for (const std::string_view candidate : candidates) {
    const std::size_t distance = editDistance(word, candidate);
    if (distance < best) {
      best = distance;
      nearest = candidate;
    }
  }
  return nearest;
}

}  // namespace edgehold
