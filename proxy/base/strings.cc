// SPDX-License-Identifier: Apache-2.0
// ASCII text functions behind strings.h.
// Thread: any (immutable).
#include "proxy/base/strings.h"

#include <algorithm>
#include <array>
#include <charconv>
#include <numeric>
#include <system_error>

namespace edgehold {
namespace {

bool isBlank(char c) { return c == ' ' || c == '\t'; }

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
