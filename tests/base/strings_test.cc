// SPDX-License-Identifier: Apache-2.0
// Text functions that have no other test of their own.
#include "proxy/base/strings.h"

#include <array>
#include <cerrno>

#include <gtest/gtest.h>

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

}  // namespace
}  // namespace edgehold
