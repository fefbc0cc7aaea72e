// SPDX-License-Identifier: Apache-2.0
// ASCII text: comparison without case, trimming, strict numbers, hexadecimal. No locale anywhere.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace edgehold {

constexpr char asciiLower(char c) { return c >= 'A' && c <= 'Z' ? static_cast<char>(c | 0x20) : c; }
constexpr bool isDigit(char c) { return c >= '0' && c <= '9'; }
// The value of a hexadecimal digit, or -1.
constexpr int hexValue(char c) {
  if (c >= '0' && c <= '9') return c - '0';
  const char lower = asciiLower(c);
  return lower >= 'a' && lower <= 'f' ? lower - 'a' + 10 : -1;
}

constexpr bool equalsIgnoreCase(std::string_view a, std::string_view b) {
  if (a.size() != b.size()) return false;
  for (std::size_t i = 0; i < a.size(); ++i) {
    if (asciiLower(a[i]) != asciiLower(b[i])) return false;
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
