// SPDX-License-Identifier: Apache-2.0
// Laws of the YAML subset: what is accepted, where nodes stand, what is refused and where.
// Thread: main only.
#include "proxy/policy/yaml_source.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using ::testing::ElementsAre;
using Kind = ConfigNode::Kind;

std::vector<std::string> errorsOf(std::string_view text) {
  ConfigErrors errors;
  const auto tree = parseYaml(text, "e.yaml", errors);
  EXPECT_EQ(tree.has_value(), errors.empty()) << text;
  return errors.messages();
}

TEST(YamlSource, KeepsOrderKindsAndPlaces) {
  ConfigErrors errors;
  const auto tree = parseYaml("b: 1\na:\n  - x\n  - {k: \"1\"}\nn:\n", "e.yaml", errors);
  ASSERT_TRUE(tree.has_value());
  ASSERT_EQ(tree->members.size(), 3u);
  EXPECT_EQ(tree->members[0].first, "b");
  EXPECT_EQ(tree->members[0].second.place.line, 1);
  EXPECT_EQ(tree->members[0].second.place.column, 4);
  EXPECT_FALSE(tree->members[0].second.is_quoted);
  EXPECT_EQ(*tree->members[0].second.place.file, "e.yaml");
  const ConfigNode& list = tree->members[1].second;
  ASSERT_EQ(list.kind, Kind::kList);
  EXPECT_EQ(list.items[0].scalar, "x");
  EXPECT_EQ(list.items[1].members[0].second.scalar, "1");
  EXPECT_TRUE(list.items[1].members[0].second.is_quoted);
  EXPECT_EQ(list.items[1].members[0].second.place.line, 4);
  EXPECT_EQ(tree->members[2].second.kind, Kind::kNull);
  EXPECT_EQ(tree->key_places[1].line, 2);
  EXPECT_EQ(tree->key_places[1].column, 1);
}

TEST(YamlSource, ReadsBlockTextsAsQuoted) {
  ConfigErrors errors;
  const auto tree = parseYaml("a: |\n  true\n", "e.yaml", errors);
  ASSERT_TRUE(tree.has_value());
  EXPECT_EQ(tree->members[0].second.scalar, "true\n");
  EXPECT_TRUE(tree->members[0].second.is_quoted);
}

struct Refusal {
  std::string text;
  std::string message;
};

TEST(YamlSource, RefusesWhatTheSubsetLeavesOut) {
  for (const Refusal& row : {
           Refusal{"a: 1\nb: 2\na: 3\n", "e.yaml:3:1: duplicate key `a`"},
           {"x:\n  a: 1\n  \"a\": 3\n", "e.yaml:3:3: duplicate key `a`"},
           {"a: &x 1\n",
            "e.yaml:1:4: anchors are not accepted; repeat the value, or use "
            "`defaults`"},
           {"a: !!str 1\n", "e.yaml:1:4: tags such as `tag:yaml.org,2002:str` are not accepted"},
           {"a: !env X\n", "e.yaml:1:4: tags such as `!env` are not accepted"},
           {"a: 1\n---\nb: 1\n", "e.yaml:2:1: a second document; write one document per file"},
           {"- a\n", "e.yaml:1:1: expected a map of keys at the top"},
           {"text", "e.yaml:1:1: expected a map of keys at the top"},
           {"", "e.yaml: expected a map of keys at the top"},
           {"# nothing\n", "e.yaml: expected a map of keys at the top"},
           {"? [a]\n: 1\n", "e.yaml:1:3: a key must be a text"},
           {"? {a: 1}\n: 1\n", "e.yaml:1:3: a key must be a text"},
           {"k: \xC3\xA9\na: \"x\\\"\n", "e.yaml:2:4: the quote that starts here is never closed"},
           {"a: 'it''s\n", "e.yaml:1:4: the quote that starts here is never closed"},
           {"~: 1\n", "e.yaml:1:1: a key must be a text"},
           {"\"\": 1\n", "e.yaml:1:1: a key must be a text"},
       }) {
    EXPECT_THAT(errorsOf(row.text), ElementsAre(row.message)) << row.text;
  }
}

TEST(YamlSource, TellsEveryDuplicateKey) {
  EXPECT_THAT(errorsOf("a: 1\na: 2\nb: 1\nb: 2\n"),
              ElementsAre("e.yaml:2:1: duplicate key `a`", "e.yaml:4:1: duplicate key `b`"));
}

TEST(YamlSource, TurnsSyntaxErrorsIntoPlaces) {
  for (const std::string text :
       {"a: [1, 2\n", "a: \"x\n", "a: b: c\n", "a:\n\t- x\n", "{", "a: @x", "a: *missing\n"}) {
    const auto errors = errorsOf(text);
    ASSERT_EQ(errors.size(), 1u) << text;
    EXPECT_THAT(errors[0], ::testing::StartsWith("e.yaml:")) << text;
  }
}

TEST(YamlSource, SaysThatATabDoesNotIndent) {
  for (const std::string text : {"a:\n\tb: x\n", "a:\n  b: 1\n\tc: 2\n", "\ta: 1\n"}) {
    EXPECT_THAT(errorsOf(text), ElementsAre(::testing::HasSubstr("a tab; indent with spaces")))
        << text;
  }
  EXPECT_THAT(errorsOf("a: b: c\n"), ElementsAre("e.yaml:1:5: illegal map value"));
}

TEST(YamlSource, AcceptsClosedQuotesAndAByteOrderMark) {
  EXPECT_TRUE(errorsOf("\xEF\xBB\xBF\"a\": 'it''s'\nb: \"\\\\\"\nc: \"\xC3\xA9\"\n").empty());
}

TEST(YamlSource, RefusesBytesThatAreNoText) {
  EXPECT_THAT(errorsOf(std::string("a: 1\nb: \0\n", 10)),
              ElementsAre("e.yaml:2:1: a control character"));
  EXPECT_THAT(errorsOf("a: \x1b[0m\n"), ElementsAre("e.yaml:1:1: a control character"));
  EXPECT_THAT(errorsOf("a: \xff\xfe\n"), ElementsAre("e.yaml:1:1: not UTF-8"));
  EXPECT_THAT(errorsOf("a: \xC3\xA9\nb: \xE9\n"), ElementsAre("e.yaml:2:1: not UTF-8"));
}

TEST(YamlSource, BoundsSize) {
  std::string text = "a: 1\n#";
  text.resize(limits::kConfigBytesMax, 'x');
  EXPECT_TRUE(errorsOf(text).empty());
  EXPECT_EQ(errorsOf(text + "x").size(), 1u);
}

std::string nested(std::size_t lists) {
  return "a: " + std::string(lists, '[') + std::string(lists, ']') + "\n";
}

TEST(YamlSource, BoundsKeys) {
  const std::string key(limits::kConfigKeyBytesMax, 'k');
  EXPECT_TRUE(errorsOf(key + ": 1\n").empty());
  EXPECT_EQ(errorsOf(key + "k: 1\n").size(), 1u);
}

TEST(YamlSource, BoundsDepth) {
  EXPECT_TRUE(errorsOf(nested(limits::kConfigDepthMax - 1)).empty());
  EXPECT_EQ(errorsOf(nested(limits::kConfigDepthMax)).size(), 1u);
  EXPECT_EQ(errorsOf(nested(100'000)).size(), 1u);
}

TEST(YamlSource, BoundsTheNumberOfNodes) {
  // The map and the key `a` and the list are nodes too.
  const auto listOf = [](std::size_t items) {
    std::string text = "a:\n";
    for (std::size_t i = 0; i < items; ++i) text += "- x\n";
    return text;
  };
  EXPECT_TRUE(errorsOf(listOf(limits::kConfigNodesMax - 3)).empty());
  EXPECT_EQ(errorsOf(listOf(limits::kConfigNodesMax - 2)).size(), 1u);
}

}  // namespace
}  // namespace edgehold
