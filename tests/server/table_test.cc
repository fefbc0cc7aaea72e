// SPDX-License-Identifier: Apache-2.0
// What people see of texts that strangers wrote.
#include "proxy/server/commands/table.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(Printable, ShowsWhatATerminalWouldObeyOrHide) {
  const std::vector<std::pair<std::string, std::string>> table = {
      {"plain text", "plain text"},
      {"gr\u00fc\u00df \u4f60\u597d", "gr\u00fc\u00df \u4f60\u597d"},
      {"a\nb\tc", "a\\nb\\tc"},
      {"\x1b[31mred", "\\x1b[31mred"},
      {std::string("a\0b", 3), "a\\x00b"},
      {"\x7f", "\\x7f"},
      {"\u0085", "\\x85"},
      {"abc\u202edcba", "abc\\u202edcba"},
      {"a\u200bb", "a\\u200bb"},
      {"\U000e0041", "\\U000e0041"},
      {"bad \xff\xc3", "bad \\xff\\xc3"},
  };
  for (const auto& [text, shown] : table) EXPECT_EQ(printable(text), shown);
}

TEST(Printable, CutsAtCharactersNotBytes) {
  EXPECT_EQ(printableShort("abcde", 5), "abcde");
  EXPECT_EQ(printableShort("abcdef", 5), "abcd\u2026");
  EXPECT_EQ(printableShort("\u00e4\u00e4\u00e4\u00e4", 3), "\u00e4\u00e4\u2026");
}

TEST(Table, AlignsColumnsAndNeverPadsTheLast) {
  Table table({"ID", "WHAT"});
  table.add({"1", "a"});
  table.add({"1234", "\u00e4\u00e4\u00e4"});
  table.add({"\u00e4\u00e4", "b"});
  EXPECT_EQ(table.text(),
            "ID    WHAT\n"
            "1     a\n"
            "1234  \u00e4\u00e4\u00e4\n"
            "\u00e4\u00e4    b\n");
}

TEST(Table, OneRowStaysOneLine) {
  Table table;
  table.add({"a\nb", "c\nd"});
  EXPECT_EQ(table.text(), "a\\nb  c\\nd\n");
}

TEST(Table, CutsLongCellsButNotTheLast) {
  const std::string text(200, 'x');
  Table table;
  table.add({text, text});
  EXPECT_EQ(table.text().size(), (Table::kCellCharactersMax - 1 + 3) + 2 + 200 + 1);
}

}  // namespace
}  // namespace edgehold
