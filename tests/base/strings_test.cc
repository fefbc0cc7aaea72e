// SPDX-License-Identifier: Apache-2.0
// Text functions that have no other test of their own.
#include "proxy/base/strings.h"

#include <array>
#include <cerrno>

#include <gtest/gtest.h>

#include "proxy/base/hex.h"

namespace edgehold {
namespace {

using Texts = std::vector<std::string>;

// Words of eight that may overlap: each byte value against each, at each place around them.
TEST(Strings, LettersAreEqualInEitherCaseAndNothingElseIs) {
  for (const std::size_t size : {1u, 7u, 8u, 9u, 16u, 17u}) {
    for (int byte = 0; byte < 256; ++byte) {
      const char c = static_cast<char>(byte);
      const bool is_letter = (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z');
      std::string text(size, 'x'), other(size, 'X');
      for (std::size_t place = 0; place < size; ++place) {
        text[place] = c;
        other[place] = static_cast<char>(c ^ 0x20);
        ASSERT_EQ(equalsIgnoreCase(text, other), is_letter) << byte << " at " << place;
        other[place] = c;
        ASSERT_TRUE(equalsIgnoreCase(text, other)) << byte << " at " << place;
        text[place] = other[place] = 'x';
      }
    }
  }
  EXPECT_FALSE(equalsIgnoreCase("abc", "abcd"));
  EXPECT_TRUE(equalsIgnoreCase("", ""));
}

TEST(Strings, NumbersAreWrittenInDecimal) {
  for (const std::uint64_t number :
       {0ul, 9ul, 10ul, 99ul, 100ul, 65'535ul, 9'999'999'999'999'999'999ul,
        10'000'000'000'000'000'000ul, 18'446'744'073'709'551'615ul}) {
    std::string text = "n";
    appendNumber(text, number);
    EXPECT_EQ(text, "n" + std::to_string(number));
  }
}

TEST(Strings, JoinPutsTheSeparatorBetween) {
  EXPECT_EQ(join(Texts{}, ", "), "");
  EXPECT_EQ(join(Texts{"a"}, ", "), "a");
  EXPECT_EQ(join(Texts{"a", "b", "c"}, ", "), "a, b, c");
}

TEST(Strings, JoinKeepsEmptyTexts) { EXPECT_EQ(join(Texts{"", "", "a", ""}, "+"), "++a+"); }

TEST(Strings, ErrnoHasItsText) { EXPECT_EQ(errorText(ENOSPC), "No space left on device"); }

TEST(Strings, WritesEveryDigitOfAWord) {
  std::array<char, 16> place{};
  const auto hex = [&place](std::uint64_t word) {
    EXPECT_EQ(writeHex(place.data(), word), place.data() + place.size());
    return std::string(place.data(), place.size());
  };
  EXPECT_EQ(hex(0), "0000000000000000");
  EXPECT_EQ(hex(0x0123456789abcdef), "0123456789abcdef");
  EXPECT_EQ(hex(0xfedcba9876543210), "fedcba9876543210");
  EXPECT_EQ(hex(~std::uint64_t{0}), "ffffffffffffffff");
}

// Every byte in every place of texts that end within, at and behind sixteen digits.
TEST(Strings, HexadecimalHasDigitsOfBothCasesAndNothingElse) {
  for (const std::size_t digits : {2u, 14u, 16u, 18u, 30u, 32u, 40u, 64u}) {
    std::string text;
    for (std::size_t i = 0; i < digits; ++i) text += "0123456789abcdefFEDCBA"[i * 7 % 22];
    for (std::size_t at = 0; at < digits; ++at) {
      for (int byte = 0; byte < 256; ++byte) {
        std::string changed = text;
        changed[at] = static_cast<char>(byte);
        const bool is_digit = hexValue(changed[at]) >= 0;
        const auto decoded = hexDecode(changed);
        ASSERT_EQ(decoded.has_value(), is_digit) << changed;
        if (is_digit) {
          ASSERT_EQ(hexEncode(*decoded), toLower(changed));
        }
      }
    }
  }
}

TEST(Strings, HexadecimalOfAnotherLengthIsRefused) {
  std::array<char, 8> room{};
  EXPECT_TRUE(decodeHexInto("0011223344556677", room));
  EXPECT_FALSE(decodeHexInto("00112233445566", room));
  EXPECT_FALSE(decodeHexInto("001122334455667", room));
  EXPECT_FALSE(decodeHexInto("00112233445566778", room));
  EXPECT_FALSE(decodeHexInto("001122334455667788", room));
  EXPECT_FALSE(hexDecode("0").has_value());
  EXPECT_EQ(hexDecode(""), "");
}

TEST(Strings, AWordsDigitsReadBackAsTheWord) {
  std::uint64_t word = 1;
  for (int i = 0; i < 1000; ++i, word = word * 6364136223846793005u + 1442695040888963407u) {
    std::array<char, 16> place{};
    writeHex(place.data(), word);
    std::uint64_t read = 0;
    for (const char digit : place) read = read << 4 | static_cast<unsigned>(hexValue(digit));
    ASSERT_EQ(read, word);
  }
}

}  // namespace
}  // namespace edgehold
