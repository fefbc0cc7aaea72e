// SPDX-License-Identifier: Apache-2.0
// The digits behind hex.h and those of strings.h, sixteen at a time.
// Thread: any (immutable).
#include "proxy/base/hex.h"

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <string>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::string_view kHexDigits = "0123456789abcdef";

// Sixteen digits at once, in vectors that both compilers know on every processor.
using Digits [[gnu::vector_size(16)]] = unsigned char;
using DigitPairs [[gnu::vector_size(16)]] = std::uint16_t;
using Halves [[gnu::vector_size(16)]] = std::uint64_t;
constexpr std::size_t kDigitsAtOnce = sizeof(Digits);

// The lower bytes of four 16-bit words, whose higher ones are zero.
std::uint32_t packBytes(std::uint64_t words) {
  words = (words | words >> 8) & 0x0000FFFF0000FFFFu;
  return static_cast<std::uint32_t>(words | words >> 16);
}

// False when one of them is no digit.
bool decodeDigits(const char* from, char* to) {
  Digits text;
  std::memcpy(&text, from, sizeof text);
  const Digits decimal = text - '0';
  const Digits letter = (text | 0x20) - 'a';
  const auto is_decimal = reinterpret_cast<Digits>(decimal <= 9);
  const auto is_letter = reinterpret_cast<Digits>(letter <= 5);
  const Digits values = (decimal & is_decimal) | ((letter + 10) & is_letter);
  const auto pairs = reinterpret_cast<DigitPairs>(values);
  const auto bytes = reinterpret_cast<Halves>(((pairs << 4) | (pairs >> 8)) & 0xff);
  const std::array<std::uint32_t, 2> packed = {packBytes(bytes[0]), packBytes(bytes[1])};
  std::memcpy(to, packed.data(), sizeof packed);
  const auto valid = reinterpret_cast<Halves>(is_decimal | is_letter);
  return (valid[0] & valid[1]) == ~std::uint64_t{0};
}

}  // namespace

bool decodeHexInto(std::string_view text, std::span<char> out) {
  if (text.size() != out.size() * 2) return false;
  const char* digit = text.data();
  const char* const end = digit + text.size();
  char* to = out.data();
  bool is_valid = true;
  for (; end - digit >= std::ptrdiff_t{kDigitsAtOnce}; digit += kDigitsAtOnce) {
    is_valid &= decodeDigits(digit, to);
    to += kDigitsAtOnce / 2;
  }
  for (; digit < end; digit += 2) {
    const int value = hexValue(digit[0]) * 16 | hexValue(digit[1]);
    is_valid &= value >= 0;
    *to++ = static_cast<char>(value);
  }
  return is_valid;
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
  std::string bytes(text.size() / 2, '\0');
  if (!decodeHexInto(text, bytes)) return std::nullopt;
  return bytes;
}

static_assert(std::endian::native == std::endian::little, "the first digit is the lower byte");

char* writeHex(char* to, std::uint64_t word) {
  const std::uint64_t highest_first = __builtin_bswap64(word);
  Digits bytes = {};
  std::memcpy(&bytes, &highest_first, sizeof highest_first);
  const Digits values = __builtin_shufflevector(bytes >> 4, bytes & 15, 0, 16, 1, 17, 2, 18, 3, 19,
                                                4, 20, 5, 21, 6, 22, 7, 23);
  const auto is_letter = reinterpret_cast<Digits>(values > 9);
  const Digits digits = values + '0' + (is_letter & ('a' - '9' - 1));
  std::memcpy(to, &digits, sizeof digits);
  return to + sizeof digits;
}

}  // namespace edgehold
