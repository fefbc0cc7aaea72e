// SPDX-License-Identifier: Apache-2.0
// Text functions that have no other test of their own.
#include "proxy/base/strings.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

using Texts = std::vector<std::string>;

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

}  // namespace
}  // namespace edgehold
