// SPDX-License-Identifier: Apache-2.0
// Laws of the writer of JSON: what is plain, what is escaped, and that its room is its room. The
// grammar of strings is tested through appendJsonString() in json_test.cc.
// Thread: main only.
#include "proxy/base/json_pen.h"

#include <array>
#include <string>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(JsonPen, WritesPiecesOneBehindTheOther) {
  std::array<char, 64> room;
  JsonPen pen(room);
  pen.put("{\"a\":");
  pen.putNumber(18'446'744'073'709'551'615u);
  pen.put(',');
  pen.putString("b\"");
  pen.put(":}");
  EXPECT_EQ(std::string_view(room.data(), pen.size()), "{\"a\":18446744073709551615,\"b\\\"\":}");
}

// Eight bytes are looked at at once: each byte value at each place within and beside a word.
TEST(JsonPen, PlainEndsBeforeTheFirstByteThatIsNot) {
  for (int byte = 0; byte < 256; ++byte) {
    const bool is_plain = byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
    for (std::size_t place = 0; place < 17; ++place) {
      std::string text(17, 'p');
      text[place] = static_cast<char>(byte);
      std::array<char, 17> room;
      JsonPen pen(room);
      ASSERT_EQ(pen.putPlain(text), is_plain ? text.size() : place) << byte << " at " << place;
      ASSERT_EQ(std::string_view(room.data(), pen.size()), text.substr(0, pen.size()));
    }
  }
}

TEST(JsonPen, FillsTheRoomOfTheWorstTextAndNoMore) {
  const std::string text(100, '\x01');
  std::string room(JsonPen::stringBytesMax(text.size()), '\0');
  JsonPen pen(room);
  pen.putString(text);
  EXPECT_EQ(pen.size(), room.size());
}

TEST(JsonPenDeathTest, EndsRatherThanWritePastItsRoom) {
  std::array<char, 4> room;
  JsonPen pen(room);
  EXPECT_DEATH(pen.put("12345"), "longer than the room");
  EXPECT_DEATH(pen.putString("123"), "longer than the room");
}

}  // namespace
}  // namespace edgehold
