// SPDX-License-Identifier: Apache-2.0
// Laws of reading configuration: types, units, unknown keys, and messages that name their place.
// Thread: main only.
#include "proxy/base/config_reader.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/config_units.h"

namespace edgehold {
namespace {

using std::chrono_literals::operator""ms;
using std::chrono_literals::operator""s;
using std::chrono_literals::operator""min;
using std::chrono_literals::operator""h;
using ::testing::ElementsAre;
using ::testing::IsEmpty;

ConfigPlace at(int line, int column = 1, const std::string& file = "edge.yaml") {
  return {std::make_shared<const std::string>(file), line, column};
}

ConfigNode scalar(std::string text, int line = 1) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kScalar;
  node.scalar = std::move(text);
  node.place = at(line, 10);
  return node;
}

ConfigNode quoted(std::string text, int line = 1) {
  ConfigNode node = scalar(std::move(text), line);
  node.is_quoted = true;
  return node;
}

ConfigNode list(std::vector<ConfigNode> items, int line = 1) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kList;
  node.items = std::move(items);
  node.place = at(line, 10);
  return node;
}

ConfigNode map(std::vector<std::pair<std::string, ConfigNode>> members, int line = 1) {
  ConfigNode node;
  node.kind = ConfigNode::Kind::kMap;
  node.members = std::move(members);
  node.place = at(line, 1);
  for (const auto& member : node.members) {
    node.key_places.push_back(at(member.second.place.line, 3));
  }
  return node;
}

TEST(ConfigErrors, TellsMistakesInFileOrderWhateverTheOrderOfFinding) {
  ConfigErrors errors;
  errors.add(at(7, 2), "routes", "third");
  errors.add(at(3, 9), "listen", "second");
  errors.add(at(1, 1, "catalogue.yaml"), "", "of another file");
  errors.add(at(3, 4), "listen", "first");
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:3:4: listen: first", "edge.yaml:3:9: listen: second",
                          "edge.yaml:7:2: routes: third", "catalogue.yaml:1:1: of another file"));
}

TEST(ConfigErrors, KeepsNoMoreThanTheLimit) {
  ConfigErrors errors;
  for (int i = 0; i <= static_cast<int>(limits::kConfigErrorsMax); ++i) {
    errors.add(at(i + 1), "x", "wrong");
  }
  EXPECT_EQ(errors.messages().size(), limits::kConfigErrorsMax);
  EXPECT_TRUE(errors.isFull());
}

TEST(ConfigErrors, TellsTheSameMistakeOnce) {
  ConfigErrors errors;
  errors.add(at(1), "x", "wrong");
  errors.add(at(1), "x", "wrong");
  EXPECT_EQ(errors.messages().size(), 1u);
}

TEST(ConfigErrors, KeepsTerminalEscapesOutOfMessages) {
  ConfigErrors errors;
  errors.add(at(1), "a\x1b[2Jb", "line\nbreak");
  EXPECT_THAT(errors.messages(), ElementsAre("edge.yaml:1:1: a?[2Jb: line?break"));
}

TEST(ConfigReader, NamesTheNearestKeyOfAnUnknownOne) {
  const ConfigNode node = map({{"timout", scalar("5s", 4)}});
  ConfigErrors errors;
  ConfigReader reader(node, "routes[3]", errors);
  reader.duration("timeout", 1s);
  reader.text("upstream");
  reader.finish();
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:4:3: routes[3]: unknown key `timout`, did you mean "
                          "`timeout`?"));
}

TEST(ConfigReader, AcceptsEveryKeyThatWasAskedFor) {
  const ConfigNode node = map({{"a", scalar("1")}, {"b", scalar("x")}, {"c", scalar("true")}});
  ConfigErrors errors;
  ConfigReader reader(node, "", errors);
  EXPECT_EQ(reader.number("a", 0, 0, 10), 1u);
  EXPECT_EQ(reader.text("b"), "x");
  EXPECT_TRUE(reader.boolean("c", false));
  reader.finish();
  EXPECT_THAT(errors.messages(), IsEmpty());
}

TEST(ConfigReader, ReturnsDefaultsForAbsentKeys) {
  const ConfigNode node = map({});
  ConfigErrors errors;
  ConfigReader reader(node, "", errors);
  EXPECT_EQ(reader.text("a", "x"), "x");
  EXPECT_EQ(reader.number("b", 7, 0, 10), 7u);
  EXPECT_EQ(reader.signedNumber("c", -7), -7);
  EXPECT_TRUE(reader.boolean("d", true));
  EXPECT_EQ(reader.duration("e", 3s), 3s);
  EXPECT_EQ(reader.bytes("f", 9, 10), 9u);
  EXPECT_THAT(reader.texts("g"), IsEmpty());
  EXPECT_FALSE(reader.child("h").has_value());
  EXPECT_THAT(reader.children("i"), IsEmpty());
  EXPECT_THAT(reader.named("j"), IsEmpty());
  EXPECT_FALSE(reader.has("k"));
  EXPECT_THAT(errors.messages(), IsEmpty());
}

TEST(ConfigReader, RefusesAbsentAndEmptyRequiredTexts) {
  const ConfigNode node = map({{"empty", quoted("", 2)}});
  ConfigErrors errors;
  ConfigReader reader(node, "a", errors);
  EXPECT_EQ(reader.requiredText("empty"), "");
  EXPECT_EQ(reader.requiredText("absent"), "");
  EXPECT_THAT(errors.messages(), ElementsAre("edge.yaml:1:1: a.absent: required, but not given",
                                             "edge.yaml:2:10: a.empty: must not be empty"));
}

struct WrongBoolean {
  std::string text;
  bool is_quoted;
};

TEST(ConfigReader, TakesOnlyTrueAndFalseAsBooleans) {
  for (const WrongBoolean& row : {WrongBoolean{"yes", false},
                                  {"on", false},
                                  {"True", false},
                                  {"1", false},
                                  {"true", true},
                                  {"", true}}) {
    const ConfigNode node = map({{"a", row.is_quoted ? quoted(row.text) : scalar(row.text)}});
    ConfigErrors errors;
    ConfigReader reader(node, "", errors);
    EXPECT_TRUE(reader.boolean("a", true)) << row.text;
    EXPECT_EQ(errors.messages().size(), 1u) << row.text;
  }
}

TEST(ConfigReader, BoundsNumbersOnBothSides) {
  const auto read = [](const std::string& text, ConfigErrors& errors) {
    const ConfigNode node = map({{"workers", scalar(text)}});
    return ConfigReader(node, "", errors).number("workers", 3, 1, 64);
  };
  ConfigErrors none;
  EXPECT_EQ(read("1", none), 1u);
  EXPECT_EQ(read("64", none), 64u);
  EXPECT_TRUE(none.empty());
  for (const std::string text : {"0", "65", "-1", "1.5", "two", "0x10", "99999999999999999999"}) {
    ConfigErrors errors;
    EXPECT_EQ(read(text, errors), 3u) << text;
    EXPECT_EQ(errors.messages().size(), 1u) << text;
  }
  ConfigErrors errors;
  read("65", errors);
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:1:10: workers: must be from 1 to 64, found `65`"));
}

TEST(ConfigReader, RefusesNumbersInQuotes) {
  const ConfigNode node = map({{"a", quoted("5")}, {"b", quoted("-5")}});
  ConfigErrors errors;
  ConfigReader reader(node, "", errors);
  EXPECT_EQ(reader.number("a", 1, 0, 10), 1u);
  EXPECT_EQ(reader.signedNumber("b", 1), 1);
  EXPECT_EQ(errors.messages().size(), 2u);
}

TEST(ConfigReader, ReadsATextAsAListOfOne) {
  const ConfigNode node = map({{"one", scalar("x")}, {"two", list({scalar("x"), scalar("y")})}});
  ConfigErrors errors;
  ConfigReader reader(node, "", errors);
  EXPECT_THAT(reader.texts("one"), ElementsAre("x"));
  EXPECT_THAT(reader.texts("two"), ElementsAre("x", "y"));
  EXPECT_TRUE(errors.empty());
}

TEST(ConfigReader, NamesTheItemOfAWrongKind) {
  const ConfigNode node = map({{"allow", list({scalar("x"), map({}, 5)})}});
  ConfigErrors errors;
  ConfigReader reader(node, "ip_access", errors);
  EXPECT_THAT(reader.texts("allow"), ElementsAre("x"));
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:5:1: ip_access.allow[1]: expected a text, found a map"));
}

TEST(ConfigReader, ReportsChildrenOfAnotherKindAndGoesOn) {
  const ConfigNode node = map({{"tls", scalar("on", 2)},
                               {"routes", list({scalar("x", 3), map({}, 4)}, 3)},
                               {"upstreams", list({}, 5)}});
  ConfigErrors errors;
  ConfigReader reader(node, "", errors);
  EXPECT_FALSE(reader.child("tls").has_value());
  EXPECT_EQ(reader.children("routes").size(), 1u);
  EXPECT_THAT(reader.named("upstreams"), IsEmpty());
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:2:10: tls: expected a map, found `on`",
                          "edge.yaml:3:10: routes[0]: expected a map, found `x`",
                          "edge.yaml:5:10: upstreams: expected a map of names, found a list"));
}

TEST(ConfigReader, ReadsNothingAsAnEmptyMap) {
  const ConfigNode node = map({{"dedupe", ConfigNode{}}});
  ConfigErrors errors;
  ConfigReader reader(node, "", errors);
  EXPECT_TRUE(reader.child("dedupe").has_value());
  EXPECT_TRUE(errors.empty());
}

TEST(ConfigReader, ListsTheChoicesWhenNoneIsMeant) {
  const std::vector<ConfigChoice<int>> choices = {{"kernel", 1}, {"disk", 2}};
  const ConfigNode node = map({{"good", scalar("disk")}, {"bad", scalar("disc", 2)}});
  ConfigErrors errors;
  ConfigReader reader(node, "audit", errors);
  EXPECT_EQ(reader.choice("good", 1, choices), 2);
  EXPECT_EQ(reader.choice("bad", 1, choices), 1);
  EXPECT_EQ(reader.choice("absent", 1, choices), 1);
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:2:10: audit.bad: expected `kernel` or `disk`, found `disc`"));
}

TEST(ConfigReader, FindsATextWhereAMapIsExpectedAtOnce) {
  const ConfigNode node = scalar("x");
  ConfigErrors errors;
  ConfigReader reader(node, "security", errors);
  reader.finish();
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:1:10: security: expected a map, found `x`"));
}

TEST(ConfigUnits, ReadsTimesInEveryUnit) {
  EXPECT_EQ(*parseDuration("10ms"), 10ms);
  EXPECT_EQ(*parseDuration("30s"), 30s);
  EXPECT_EQ(*parseDuration("5m"), 5min);
  EXPECT_EQ(*parseDuration("2h"), 2h);
  EXPECT_EQ(*parseDuration("7d"), 7 * 24h);
  EXPECT_EQ(*parseDuration("0s"), 0s);
  EXPECT_EQ(*parseDuration("3650d"), 3650 * 24h);
}

TEST(ConfigUnits, ReadsSizesInEveryUnit) {
  EXPECT_EQ(*parseByteCount("512B"), 512u);
  EXPECT_EQ(*parseByteCount("64KiB"), 65536u);
  EXPECT_EQ(*parseByteCount("2MiB"), 2u << 20);
  EXPECT_EQ(*parseByteCount("1GiB"), 1u << 30);
}

struct WrongUnit {
  std::string text;
  std::string message;
};

TEST(ConfigUnits, SaysWhatToWriteInsteadOfAWrongTime) {
  for (const WrongUnit& row : {
           WrongUnit{"5mins", "unknown unit `mins`, write `5m`"},
           {"5 Minutes", "unknown unit `Minutes`, write `5m`"},
           {"5 m", "no space before the unit, write `5m`"},
           {"5S", "unknown unit `S`, write `5s`"},
           {"30", "`30` has no unit, write `30s`"},
           {"5us", "unknown unit `us`, the units are ms, s, m, h, d"},
           {"5KiB", "unknown unit `KiB`, the units are ms, s, m, h, d"},
           {"", "expected a time such as `30s`, found ``"},
           {"s", "expected a time such as `30s`, found `s`"},
           {"-1s", "expected a time such as `30s`, found `-1s`"},
           {"1.5s", "expected a time such as `30s`, found `1.5s`"},
           {"1h30m", "expected a time such as `30s`, found `1h30m`"},
           {"3651d", "`3651d` is too large"},
           {"99999999999999999999s", "`99999999999999999999s` is too large"},
       }) {
    const auto parsed = parseDuration(row.text);
    ASSERT_FALSE(parsed.has_value()) << row.text;
    EXPECT_EQ(parsed.error().message, row.message);
  }
}

TEST(ConfigUnits, SaysWhatToWriteInsteadOfAWrongSize) {
  for (const WrongUnit& row : {
           WrongUnit{"64KB", "unknown unit `KB`, write `64KiB`"},
           {"64k", "unknown unit `k`, write `64KiB`"},
           {"1M", "unknown unit `M`, write `1MiB`"},
           {"1mib", "unknown unit `mib`, write `1MiB`"},
           {"64", "`64` has no unit, write `64B`"},
           {"1PiB", "unknown unit `PiB`, the units are B, KiB, MiB, GiB, TiB"},
           {"9999TiB", "`9999TiB` is too large"},
       }) {
    const auto parsed = parseByteCount(row.text);
    ASSERT_FALSE(parsed.has_value()) << row.text;
    EXPECT_EQ(parsed.error().message, row.message);
  }
}

TEST(ConfigReader, BoundsSizesAndNamesTheBoundInItsUnit) {
  const ConfigNode node = map({{"fits", scalar("64KiB")}, {"body", scalar("65537B", 2)}});
  ConfigErrors errors;
  ConfigReader reader(node, "limits", errors);
  EXPECT_EQ(reader.bytes("fits", 1, 65536), 65536u);
  EXPECT_EQ(reader.bytes("body", 1, 65536), 1u);
  EXPECT_THAT(errors.messages(),
              ElementsAre("edge.yaml:2:10: limits.body: must be at most `64KiB`, found `65537B`"));
}

}  // namespace
}  // namespace edgehold
