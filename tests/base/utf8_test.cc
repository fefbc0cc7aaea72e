// SPDX-License-Identifier: Apache-2.0
// Text in pieces is judged as the whole would be, and at the first byte that cannot be right.
// Thread: main only.
#include "proxy/base/utf8.h"

#include <cstddef>
#include <string>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

bool isUtf8InPieces(std::string_view text, std::size_t piece_bytes) {
  Utf8Checker checker;
  for (; !text.empty(); text.remove_prefix(std::min(piece_bytes, text.size()))) {
    if (!checker.append(text.substr(0, piece_bytes))) return false;
  }
  return checker.isWhole();
}

// How many bytes are taken before the checker says no, byte by byte; npos when it never does.
std::size_t refusedAfter(std::string_view text) {
  Utf8Checker checker;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (!checker.append(text.substr(i, 1))) return i;
  }
  return std::string_view::npos;
}

TEST(Utf8Checker, JudgesPiecesAsTheWhole) {
  const std::string texts[] = {
      "",
      "plain text of more than a word",
      "\xC2\x80 \xDF\xBF",
      "\xE0\xA0\x80 \xED\x9F\xBF \xEE\x80\x80 \xEF\xBF\xBF",
      "\xF0\x90\x80\x80 \xF4\x8F\xBF\xBF",
      "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5",
      "\xCE\xBA\xE1\xBD\xB9\xCF\x83\xCE\xBC\xCE\xB5\xED\xA0\x80 edited",
      "\x80",
      "\xC1\xBF",
      "\xE0\x9F\xBF",
      "\xED\xA0\x80",
      "\xF0\x8F\xBF\xBF",
      "\xF4\x90\x80\x80",
      "\xF5\x80\x80\x80",
      "\xFF",
      "cut \xC2",
      "cut \xE1\xBD",
      "cut \xF0\x9F\x98",
      "\xE1\xBD\xE1\xBD\xB9",
      "long ascii and then, late, something that is wrong: \xC3(",
  };
  for (const std::string& text : texts) {
    for (std::size_t piece = 1; piece <= text.size() + 1; ++piece) {
      EXPECT_EQ(isUtf8InPieces(text, piece), isUtf8(text)) << text << " by " << piece;
    }
  }
}

TEST(Utf8Checker, JudgesEveryTwoBytesAsTheWhole) {
  for (int first = 0; first < 256; ++first) {
    for (int second = 0; second < 256; ++second) {
      const std::string text = {static_cast<char>(first), static_cast<char>(second), '\x80',
                                '\x80'};
      for (std::size_t length = 1; length <= 4; ++length) {
        const std::string_view cut = std::string_view(text).substr(0, length);
        EXPECT_EQ(isUtf8InPieces(cut, 1), isUtf8(cut)) << first << " " << second << " " << length;
      }
    }
  }
}

TEST(Utf8Checker, SaysNoAtTheFirstByteThatCannotBeRight) {
  const struct {
    std::string text;
    std::size_t taken;
  } rows[] = {
      {"ab\x80", 2},
      {"\xC0", 0},
      {"\xF5", 0},
      {"\xE0\x9F", 1},
      {"\xED\xA0", 1},
      {"\xF0\x8F", 1},
      {"\xF4\x90", 1},
      {"\xE1\xBD(", 2},
      {"\xF0\x9F\x98(", 3},
      {"\xC2\x80\xC2(", 3},
      {"\xF4\x8F\xBF\xC0", 3},
  };
  for (const auto& row : rows) EXPECT_EQ(refusedAfter(row.text), row.taken) << row.text;
}

}  // namespace
}  // namespace edgehold
