// SPDX-License-Identifier: Apache-2.0
// ASCII text: comparison without case, trimming, strict numbers, hexadecimal. No locale anywhere.
// Thread: any (immutable).
#pragma once

#include <array>
#include <cstdint>
#include <cstring>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace edgehold {

constexpr char asciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }

inline constexpr std::array<signed char, 256> kHexValues = [] {
  std::array<signed char, 256> values{};
  values.fill(-1);
  for (int i = 0; i < 10; ++i)
    values[static_cast<std::size_t>('0' + i)] = static_cast<signed char>(i);
  for (int i = 0; i < 6; ++i) {
    values[static_cast<std::size_t>('a' + i)] = static_cast<signed char>(10 + i);
    values[static_cast<std::size_t>('A' + i)] = static_cast<signed char>(10 + i);
  }
  return values;
}();
// The value of a hexadecimal digit, or -1.
constexpr int hexValue(char c) { return kHexValues[static_cast<unsigned char>(c)]; }

// Eight bytes with 'A'..'Z' in lower case and all others as they are.
constexpr std::uint64_t lowerWord(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const std::uint64_t heptets = word & (kOnes * 0x7F);
  const std::uint64_t past_z = heptets + kOnes * (0x7F - 'Z');
  const std::uint64_t from_a = heptets + kOnes * (0x80 - 'A');
  const std::uint64_t is_upper = ~word & (from_a ^ past_z) & (kOnes * 0x80);
  return word | (is_upper >> 2);
}

inline bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  const auto is_equal_at = [&](std::size_t at) {
    std::uint64_t x = 0, y = 0;
    std::memcpy(&x, a.data() + at, sizeof x);
    std::memcpy(&y, b.data() + at, sizeof y);
    return x == y || lowerWord(x) == lowerWord(y);
  };
  std::size_t at = 0;
  for (; at + 8 <= a.size(); at += 8) {
    if (!is_equal_at(at)) return false;
  }
  if (a.size() >= 8) return is_equal_at(a.size() - 8);  // words that may overlap
  for (; at < a.size(); ++at) {
    if (asciiLower(a[at]) != asciiLower(b[at])) return false;
  }
  return true;
}

std::string toLower(std::string_view text);
// Without the spaces and tabs (RFC 9110 5.6.3, OWS) at both ends.
std::string_view trimBlanks(std::string_view text);
// The pieces between `separator`s; "" gives one empty piece.
std::vector<std::string_view> split(std::string_view text, char separator);

// The texts with `separator` between each two.
std::string join(std::span<const std::string> texts, std::string_view separator);
// The text for an errno, as strerror() but safe on any thread.
std::string errorText(int error_number);

// Decimal digits only, the whole text, no sign, no overflow; leading zeros are allowed.
std::optional<std::uint64_t> parseUnsigned(std::string_view text);
// As parseUnsigned() with an optional leading '-'.
std::optional<std::int64_t> parseSigned(std::string_view text);

// Lower-case hexadecimal.
std::string hexEncode(std::string_view bytes);
// Even length, digits of either case; nothing else.
std::optional<std::string> hexDecode(std::string_view text);

// Writes the 16 digits of `word`, in lower case and its highest first, and returns the end.
char* writeHex(char* to, std::uint64_t word);

inline constexpr std::size_t kNumberBytesMax = 20;
// Writes `value` in decimal and returns the end. REQUIRES: room for kNumberBytesMax.
char* writeNumber(char* to, std::uint64_t value);
// Appends `value` in decimal.
void appendNumber(std::string& out, std::uint64_t value);

// The one of `candidates` that is nearest to `word` by edit distance, or nothing when none is near.
std::optional<std::string_view> nearestOf(std::string_view word,
                                          const std::vector<std::string_view>& candidates);

// Hash and equality for maps that are looked up by std::string_view.
struct StringHash {
  using is_transparent = void;
  std::size_t operator()(std::string_view text) const {
    return std::hash<std::string_view>{}(text);
  }
};

}  // namespace edgehold
