// SPDX-License-Identifier: Apache-2.0
// The laws of the JSON door: what is refused, what is found, what a pool costs.
// Thread: main only.
#include "proxy/base/json.h"

#include <gtest/gtest.h>

#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

class JsonDoor : public testing::Test {
 protected:
  bool accepts(std::string_view text) { return pool.parse(text).has_value(); }
  FakeRandom random;
  JsonPool pool{random};
};

std::string nested(std::size_t depth) {
  return std::string(depth, '[') + "1" + std::string(depth, ']');
}

std::string objectOf(std::size_t members, std::string_view last_key) {
  std::string text = "{";
  for (std::size_t i = 0; i < members; ++i) text += "\"key" + std::to_string(i) + "\":1,";
  return text + "\"" + std::string(last_key) + "\":2}";
}

TEST_F(JsonDoor, RefusesWhatRfc8259Refuses) {
  const std::string_view cases[] = {"",
                                    " ",
                                    "{",
                                    "}",
                                    "[1,]",
                                    "{\"a\":1,}",
                                    "{a:1}",
                                    "{'a':1}",
                                    "[01]",
                                    "[+1]",
                                    "[.5]",
                                    "[1.]",
                                    "[1e]",
                                    "[0x1]",
                                    "[NaN]",
                                    "[Infinity]",
                                    "nul",
                                    "tru",
                                    "\"a",
                                    "\"\\x\"",
                                    "\"\\u12\"",
                                    "\"\n\"",
                                    "\"\t\"",
                                    "[1 2]",
                                    "{\"a\" 1}",
                                    "// c\n1",
                                    "[1]/**/",
                                    "1 2",
                                    "{}{}",
                                    "[1]x",
                                    "{\"a\":1}\x01",
                                    "[-]",
                                    "\"\\ud800\"",
                                    "\"\\ud800\\u0041\"",
                                    "\"\\udc00\"",
                                    "{1:2}",
                                    "[,1]",
                                    "{\"\\udc00\":1}",
                                    "[1]]"};
  for (const std::string_view text : cases) EXPECT_FALSE(accepts(text)) << text;
}

TEST_F(JsonDoor, RefusesTextBehindANul) {
  EXPECT_FALSE(accepts(std::string_view("1\0", 2)));
  EXPECT_FALSE(accepts(std::string_view("\"a\0b\"", 5)));
  EXPECT_FALSE(accepts(std::string_view("[1]\0[2]", 7)));
}

TEST_F(JsonDoor, RefusesInvalidUtf8AndByteOrderMarks) {
  for (const std::string_view text :
       {"\"\xFF\"", "\"\xC0\xAF\"", "\"\xED\xA0\x80\"", "\"\xF4\x90\x80\x80\"", "\"\xE2\x82\"",
        "{\"\xFF\":1}", "\xEF\xBB\xBF{}"}) {
    EXPECT_FALSE(accepts(text)) << hexEncode(text);
  }
}

TEST_F(JsonDoor, AcceptsWhatRfc8259Accepts) {
  for (const std::string_view text :
       {"{}", "[]", "0", "-0", "1e3", "\"\"", " \t\r\n1 \n", "null", "true", "[[],{}]",
        "\"\\u0000\"", "\"\xE4\xBD\xA0\xE5\xA5\xBD\"", "\"\\ud83d\\ude00\"", "{\"\":0}",
        "18446744073709551615", "-9223372036854775808"}) {
    EXPECT_TRUE(accepts(text)) << text;
  }
}

TEST_F(JsonDoor, RefusesNumbersItCannotHold) {
  EXPECT_FALSE(accepts("18446744073709551616"));
  EXPECT_FALSE(accepts("-9223372036854775809"));
  EXPECT_FALSE(accepts("1e400"));
}

TEST_F(JsonDoor, AcceptsExactlyTheDepthLimit) {
  EXPECT_TRUE(accepts(nested(limits::kJsonDepthMax)));
  EXPECT_FALSE(accepts(nested(limits::kJsonDepthMax + 1)));
  EXPECT_FALSE(accepts(std::string(1'000'000, '[')));
}

TEST_F(JsonDoor, RefusesOneByteMoreThanTheSizeLimit) {
  std::string text(limits::kJsonBytesMax, ' ');
  text[0] = '1';
  EXPECT_TRUE(accepts(text));
  text += ' ';
  const auto parsed = pool.parse(text);
  ASSERT_FALSE(parsed);
  EXPECT_EQ(parsed.error().reason, Reason::kPayloadTooLarge);
}

TEST_F(JsonDoor, RefusesKeysThatAreEqualButForCase) {
  for (const std::string_view text :
       {R"({"a":1,"a":2})", R"({"a":1,"A":2})", R"({"userId":1,"x":0,"userID":2})",
        R"([{"b":{"c":1,"C":1}}])", R"({"\u0061":1,"a":2})", R"({"":1,"":2})",
        R"({"a":{"z":1},"b":[1,2,{"y":1}],"A":3})", R"({"eight888":1,"EIGHT888":1})",
        R"({"longer than eight":1,"Longer than eighT":1})"}) {
    const auto parsed = pool.parse(text);
    ASSERT_FALSE(parsed) << text;
    EXPECT_EQ(parsed.error().reason, Reason::kJsonInvalid);
  }
}

TEST_F(JsonDoor, AcceptsKeysThatOnlyLookAlike) {
  for (const std::string_view text :
       {R"({"a":"a","b":"a"})", R"({"a":{"a":{"a":1}}})", R"([{"a":1},{"a":1}])",
        R"({"a[":1,"a{":2})", R"({"@":1,"`":2})", R"({"ab":1,"a":2,"b":3})",
        R"({"first middle one last":1,"first middle two last":2})",
        "{\"\xC3\xA4\":1,\"\xC3\x84\":2}"}) {
    EXPECT_TRUE(accepts(text)) << text;
  }
}

// Pairwise up to 16 members, hashed above: the border and beyond, each with and without a twin.
TEST_F(JsonDoor, FindsATwinInObjectsOfAnySize) {
  for (const std::size_t members : {1u, 14u, 15u, 16u, 17u, 100u, 50'000u}) {
    EXPECT_TRUE(accepts(objectOf(members, "other"))) << members;
    EXPECT_FALSE(accepts(objectOf(members, "KEY0"))) << members;
    EXPECT_FALSE(accepts(objectOf(members, "Key" + std::to_string(members - 1)))) << members;
  }
}

TEST_F(JsonDoor, GivesScalarsByTheirKindOnly) {
  const auto document = pool.parse(R"([-7, 18446744073709551615, 1.5, "t\u0000x", true, null, 2])");
  ASSERT_TRUE(document);
  const JsonValue root = document->root();
  EXPECT_EQ(root.size(), 7u);
  EXPECT_EQ(root.element(0)->asInt(), -7);
  EXPECT_FALSE(root.element(0)->asUnsigned());
  EXPECT_EQ(root.element(1)->asUnsigned(), 18446744073709551615u);
  EXPECT_FALSE(root.element(1)->asInt());
  EXPECT_EQ(root.element(2)->asDouble(), 1.5);
  EXPECT_FALSE(root.element(2)->asInt());
  EXPECT_FALSE(root.element(2)->isInteger());
  EXPECT_EQ(root.element(3)->asString(), std::string_view("t\0x", 3));
  EXPECT_FALSE(root.element(3)->asInt());
  EXPECT_EQ(root.element(4)->asBool(), true);
  EXPECT_TRUE(root.element(5)->isNull());
  EXPECT_FALSE(root.element(5)->asBool());
  EXPECT_EQ(root.element(6)->asDouble(), 2.0);
  EXPECT_FALSE(root.element(7));
  EXPECT_FALSE(root.asString());
}

TEST_F(JsonDoor, WalksMembersAndElementsOfEveryShape) {
  const auto document = pool.parse(R"({"a":1,"b":{"x":[1,2.5,{}]},"c":[],"d":"s","e":9e9})");
  ASSERT_TRUE(document);
  std::string keys;
  for (const JsonMember& member : document->root().members()) keys += member.key;
  EXPECT_EQ(keys, "abcde");
  std::size_t elements = 0;
  for (const JsonValue element : document->root().member("b")->member("x")->elements()) {
    elements += 1 + element.size();
  }
  EXPECT_EQ(elements, 3u);
  EXPECT_EQ(document->root().member("e")->asDouble(), 9e9);
  EXPECT_FALSE(document->root().member("A"));
  EXPECT_TRUE(document->root().elements().begin() == document->root().elements().end());
}

TEST_F(JsonDoor, KeepsSeveralDocumentsAliveAtOnce) {
  auto first = pool.parse(R"({"n":1})");
  auto second = pool.parse(R"({"n":2})");
  ASSERT_TRUE(first && second);
  const JsonValue root = first->root();
  const JsonDocument moved = std::move(*first);
  EXPECT_EQ(root.member("n")->asInt(), 1);
  EXPECT_EQ(second->root().member("n")->asInt(), 2);
}

TEST_F(JsonDoor, OwnsItsText) {
  std::string text = R"({"n":"before"})";
  const auto document = pool.parse(text);
  text.assign(text.size(), 'x');
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().member("n")->asString(), "before");
}

TEST_F(JsonDoor, ParsesCorrectlyAfterALargeAndAFailedText) {
  EXPECT_TRUE(accepts("\"" + std::string(200'000, 'a') + "\""));
  EXPECT_FALSE(accepts("[1,"));
  const auto document = pool.parse("[1]");
  ASSERT_TRUE(document);
  EXPECT_EQ(document->root().element(0)->asInt(), 1);
}

// Every prefix of a valid text is refused: a body cut anywhere is not taken for a whole one.
TEST_F(JsonDoor, RefusesEveryProperPrefix) {
  const std::string_view text = R"({"type":"message","n":[1,-2.5e3,true,null],"s":"a\u00e4\"b"})";
  for (std::size_t size = 0; size < text.size(); ++size) {
    EXPECT_FALSE(accepts(text.substr(0, size))) << size;
  }
  EXPECT_TRUE(accepts(text));
}

TEST_F(JsonDoor, PointersFollowRfc6901) {
  const auto document = pool.parse(
      R"({"foo":["bar","baz"],"":0,"a/b":1,"c%d":2,"e^f":3,"g|h":4,"k\"l":6," ":7,"m~n":8,"7":9})");
  ASSERT_TRUE(document);
  const auto intAt = [&](std::string_view pointer) {
    return JsonPointer::compile(pointer)->find(document->root())->asInt();
  };
  EXPECT_EQ(JsonPointer::compile("")->find(document->root())->size(), 10u);
  EXPECT_EQ(JsonPointer::compile("/foo/1")->find(document->root())->asString(), "baz");
  EXPECT_EQ(intAt("/"), 0);
  EXPECT_EQ(intAt("/a~1b"), 1);
  EXPECT_EQ(intAt("/c%d"), 2);
  EXPECT_EQ(intAt("/k\"l"), 6);
  EXPECT_EQ(intAt("/m~0n"), 8);
  EXPECT_EQ(intAt("/7"), 9);
}

TEST_F(JsonDoor, PointersToNothingFindNothing) {
  const auto document = pool.parse(R"({"foo":["bar"],"s":"x"})");
  ASSERT_TRUE(document);
  for (const std::string_view pointer : {"/foo/1", "/foo/-", "/foo/00", "/foo/+0", "/foo/bar",
                                         "/Foo", "/s/0", "/foo/0/x", "/foo/18446744073709551616"}) {
    EXPECT_FALSE(JsonPointer::compile(pointer)->find(document->root())) << pointer;
  }
}

TEST_F(JsonDoor, PointersThatAreNoneAreRefused) {
  for (const std::string_view pointer : {"foo", "#/foo", "/a~", "/a~2", "/~x/b", "/\xFF"}) {
    EXPECT_FALSE(JsonPointer::compile(pointer)) << pointer;
  }
  std::string deep;
  for (std::size_t i = 0; i < limits::kJsonDepthMax; ++i) deep += "/a";
  EXPECT_TRUE(JsonPointer::compile(deep));
  EXPECT_FALSE(JsonPointer::compile(deep + "/a"));
  EXPECT_FALSE(JsonPointer::compile("/" + std::string(JsonPointer::kTextBytesMax, 'a')));
}

std::string jsonString(std::string_view text) {
  std::string out;
  appendJsonString(out, text);
  return out;
}

TEST_F(JsonDoor, StringsAreEscapedAsRfc8259Asks) {
  EXPECT_EQ(jsonString(""), "\"\"");
  EXPECT_EQ(jsonString("plain text, longer than a word"), "\"plain text, longer than a word\"");
  EXPECT_EQ(jsonString("a\"b\\c\n\r\t"), R"("a\"b\\c\n\r\t")");
  EXPECT_EQ(jsonString(std::string_view("\0\x1f\x7f", 3)), "\"\\u0000\\u001f\x7f\"");
  EXPECT_EQ(jsonString("\xE4\xBD\xA0\xF0\x9F\x98\x80"), "\"\xE4\xBD\xA0\xF0\x9F\x98\x80\"");
  EXPECT_EQ(jsonString("\xFFz\xC3"), "\"\xEF\xBF\xBDz\xEF\xBF\xBD\"");
}

// The fast path looks at eight bytes at once: each byte value at each place within and beside a
// word.
TEST_F(JsonDoor, StringsOfAnyBytesParseBackWhereTheyAreUtf8) {
  for (int byte = 0; byte < 256; ++byte) {
    for (std::size_t place = 0; place < 17; ++place) {
      std::string text(17, 'p');
      text[place] = static_cast<char>(byte);
      const auto document = pool.parse(jsonString(text));
      ASSERT_TRUE(document) << byte << " at " << place;
      if (byte < 128) {
        ASSERT_EQ(document->root().asString(), text) << byte << " at " << place;
      }
    }
  }
}

TEST_F(JsonDoor, TreesAreParsedAsStrictlyAndWrittenBack) {
  EXPECT_FALSE(parseJsonTree(R"({"a":1,"A":2})"));
  EXPECT_FALSE(parseJsonTree("\"\n\""));
  EXPECT_FALSE(parseJsonTree(nested(limits::kJsonDepthMax + 1)));
  const std::string_view text =
      R"({"a":[1,-2,1.5,"\u0001",true,null,{}],"b":18446744073709551615})";
  const auto tree = parseJsonTree(text);
  ASSERT_TRUE(tree);
  EXPECT_EQ(writeJsonCompact(*tree), text);
  EXPECT_EQ(*parseJsonTree(writeJsonPretty(*tree)), *tree);
}

TEST_F(JsonDoor, TreeMembersOfAnotherKindAreAbsent) {
  const auto tree = parseJsonTree(R"({"s":"x","n":7,"b":true,"d":1.5})");
  ASSERT_TRUE(tree);
  EXPECT_EQ(stringMember(*tree, "s"), "x");
  EXPECT_EQ(intMember(*tree, "n"), 7);
  EXPECT_EQ(boolMember(*tree, "b"), true);
  EXPECT_FALSE(stringMember(*tree, "n"));
  EXPECT_FALSE(intMember(*tree, "d"));
  EXPECT_FALSE(boolMember(*tree, "absent"));
  EXPECT_FALSE(stringMember(Json::Value("text"), "s"));
}

}  // namespace
}  // namespace edgehold
