// SPDX-License-Identifier: Apache-2.0
// Laws of the unified diff.
// Thread: main only.
#include "proxy/policy/text_diff.h"

#include <random>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using ::testing::HasSubstr;

std::string diff(std::string_view was, std::string_view is) {
  return unifiedDiff({"a", was}, {"b", is});
}

TEST(UnifiedDiff, IsEmptyForTheSame) {
  EXPECT_EQ(diff("", ""), "");
  EXPECT_EQ(diff("a\nb\n", "a\nb\n"), "");
}

TEST(UnifiedDiff, ShowsWhatChangedWithThreeLinesAround) {
  EXPECT_EQ(diff("1\n2\n3\n4\n5\n6\n7\n8\n9\n", "1\n2\n3\n4\nfive\n6\n7\n8\n9\n"),
            "--- a\n+++ b\n@@ -2,7 +2,7 @@\n 2\n 3\n 4\n-5\n+five\n 6\n 7\n 8\n");
  EXPECT_EQ(diff("", "x\n"), "--- a\n+++ b\n@@ -0,0 +1,1 @@\n+x\n");
  EXPECT_EQ(diff("x\ny\n", ""), "--- a\n+++ b\n@@ -1,2 +0,0 @@\n-x\n-y\n");
}

TEST(UnifiedDiff, KeepsDistantChangesApart) {
  std::string was, is;
  for (int line = 0; line < 40; ++line) {
    was += std::to_string(line) + "\n";
    is += (line == 5 || line == 30 ? "changed" : std::to_string(line)) + "\n";
  }
  const std::string told = diff(was, is);
  EXPECT_THAT(told, HasSubstr("@@ -3,7 +3,7 @@"));
  EXPECT_THAT(told, HasSubstr("@@ -28,7 +28,7 @@"));
}

TEST(UnifiedDiff, SaysWhenOnlyTheLastNewlineDiffers) {
  EXPECT_THAT(diff("a\n", "a"), HasSubstr("no newline"));
}

// Takes a diff back: what it says was there, and what it says is there now.
std::pair<std::string, std::string> sidesOf(const std::string& told) {
  std::string was, is;
  for (const std::string_view line : split(told, '\n')) {
    if (line.empty() || line.starts_with("---") || line.starts_with("+++")) continue;
    if (line.front() != '+' && line.front() != '@') was.append(line.substr(1)).push_back('\n');
    if (line.front() != '-' && line.front() != '@') is.append(line.substr(1)).push_back('\n');
  }
  return {was, is};
}

TEST(UnifiedDiff, GivesBothTextsBack) {
  std::mt19937 random(7);
  for (int round = 0; round < 300; ++round) {
    std::string was, is;
    // Few enough lines that all of them stand around some change or the other.
    for (unsigned line = 0; line < 1 + random() % 4; ++line)
      was += "wxyz"[random() % 4] + std::string("\n");
    for (unsigned line = 0; line < 1 + random() % 4; ++line)
      is += "wxyz"[random() % 4] + std::string("\n");
    if (was == is) continue;
    EXPECT_EQ(sidesOf(diff(was, is)), std::make_pair(was, is));
  }
}

TEST(UnifiedDiff, IsBoundedWhateverItCompares) {
  std::string was, is;
  for (std::size_t line = 0; line <= limits::kDiffEditsMax; ++line) {
    was += "a" + std::to_string(line) + "\n";
    is += "b" + std::to_string(line) + "\n";
  }
  EXPECT_EQ(sidesOf(diff(was, is)), std::make_pair(was, is));
  const std::string many(limits::kDiffLinesMax + 1, '\n');
  EXPECT_THAT(diff(many, "a"), HasSubstr("too long to show"));
}

}  // namespace
}  // namespace edgehold
