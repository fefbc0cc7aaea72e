// SPDX-License-Identifier: Apache-2.0
// Text functions that have no other test of their own.
#include "proxy/base/strings.h"

#include <cerrno>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

using Texts = std::vector<std::string>;

TEST(Strings, JoinPutsTheSeparatorBetween) {
  EXPECT_EQ(join(Texts{}, ", "), "");
  EXPECT_EQ(join(Texts{"a"}, ", "), "a");
  EXPECT_EQ(join(Texts{"a", "b", "c"}, ", "), "a, b, c");
}

TEST(Strings, JoinKeepsEmptyTexts) { EXPECT_EQ(join(Texts{"", "", "a", ""}, "+"), "++a+"); }

TEST(Strings, ErrnoHasItsText) { EXPECT_EQ(errorText(ENOSPC), "No space left on device"); }

}  // namespace
}  // namespace edgehold
