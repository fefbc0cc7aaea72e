// SPDX-License-Identifier: Apache-2.0
// One field line: each outcome, and that no part of a line is taken for the whole.
// Thread: main only.
#include "proxy/http/http1_field_line.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using Outcome = Http1FieldLine::Outcome;
using std::string_literals::operator""s;

struct Row {
  const char* law;
  std::string line;
  Outcome outcome;
};

const Row kRows[] = {
    {"plain", "X: y\r\n", Outcome::kField},
    {"no blank", "X:y\r\n", Outcome::kField},
    {"empty value", "X:\r\n", Outcome::kField},
    {"blanks only", "X: \t \r\n", Outcome::kField},
    {"end of the section", "\r\n", Outcome::kEnd},
    {"no line end yet", "X: y", Outcome::kIncomplete},
    {"half a line end", "X: y\r", Outcome::kIncomplete},
    {"half a name", "Conten", Outcome::kIncomplete},
    {"bare LF", "X: y\n", Outcome::kBareLineEnd},
    {"bare LF as the end", "\n", Outcome::kBareLineEnd},
    {"bare CR", "X: y\rz\r\n", Outcome::kBareLineEnd},
    {"bare CR as the end", "\rX: y\r\n", Outcome::kBareLineEnd},
    {"folded", " X: y\r\n", Outcome::kFolded},
    {"folded with a tab", "\tX: y\r\n", Outcome::kFolded},
    {"empty name", ": y\r\n", Outcome::kNameMalformed},
    {"no colon", "X\r\n", Outcome::kNameMalformed},
    {"name with a NUL", "X\0: y\r\n"s, Outcome::kNameMalformed},
    {"name with a bracket", "X(: y\r\n", Outcome::kNameMalformed},
    {"name that is not ASCII", "X\xc3\xa9: y\r\n", Outcome::kNameMalformed},
    {"name that starts with a dot", ".X: y\r\n", Outcome::kNameMalformed},
    {"name in disguise", "Content_Length: 1\r\n", Outcome::kNameDisguised},
    {"blank before the colon", "X : y\r\n", Outcome::kBlankBeforeColon},
    {"NUL in the value", "X: \0\r\n"s, Outcome::kValueMalformed},
    {"DEL in the value", "X: \x7f\r\n", Outcome::kValueMalformed},
    {"control byte far in the value", "X: 0123456789abcdef0123\x1b\r\n", Outcome::kValueMalformed},
    {"tab before a length", "Content-Length:\t1\r\n", Outcome::kFramingPadded},
    {"tab behind a coding", "Transfer-Encoding: chunked\t\r\n", Outcome::kFramingPadded},
};

Http1FieldLine parse(const std::string& bytes) {
  return parseHttp1FieldLine(bytes.data(), bytes.data() + bytes.size());
}

TEST(Http1FieldLine, HasOneOutcomeForEachLine) {
  for (const Row& row : kRows) EXPECT_EQ(parse(row.line).outcome, row.outcome) << row.law;
}

TEST(Http1FieldLine, TakesNoPartOfALineForTheWhole) {
  for (const Row& row : kRows) {
    for (std::size_t size = 0; size < row.line.size(); ++size) {
      const Outcome part = parse(row.line.substr(0, size)).outcome;
      // A wrong line may be seen to be wrong early, and then stays so.
      const bool is_early = part == row.outcome && part != Outcome::kField && part != Outcome::kEnd;
      EXPECT_TRUE(part == Outcome::kIncomplete || is_early) << row.law << " at " << size;
    }
  }
}

TEST(Http1FieldLine, TakesBlanksFromAroundTheValueOnly) {
  const std::string line = "X-Y:\t a \t b \t\r\nZ";
  const Http1FieldLine parsed = parse(line);
  ASSERT_EQ(parsed.outcome, Outcome::kField);
  EXPECT_EQ(parsed.field.name, "X-Y");
  EXPECT_EQ(parsed.field.value, "a \t b");
  EXPECT_EQ(*parsed.next, 'Z');
}

TEST(Http1FieldLine, BoundsTheName) {
  const auto line = [](std::size_t bytes) { return std::string(bytes, 'a') + ": b\r\n"; };
  EXPECT_EQ(parse(line(limits::kHeaderNameBytesMax)).outcome, Outcome::kField);
  EXPECT_EQ(parse(line(limits::kHeaderNameBytesMax + 1)).outcome, Outcome::kNameTooLong);
}

}  // namespace
}  // namespace edgehold
