// SPDX-License-Identifier: Apache-2.0
// Loading rule files: limits, order, messages.
// Thread: one loop.
#include "lua/runtime/rule_set.h"

#include <filesystem>
#include <fstream>

#include <gmock/gmock.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::StartsWith;

std::string ruleText(const std::string& id) {
  return "return { id = \"" + id + "\", phase = \"request\", check = function(request) end }";
}

std::string problemOf(const std::string& text) {
  const auto rules = RuleSet::fromSources({{"rules/x.lua", text}});
  return rules ? "none" : rules.error().message;
}

class RuleFolder : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("edgehold_rules_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_ / "rules");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / "rules" / name) << text;
  }
  Result<std::shared_ptr<const RuleSet>> load() { return RuleSet::load(folder_ / "rules"); }

  std::filesystem::path folder_;
};

TEST_F(RuleFolder, LoadsRulesByNameAndSkipsTestsAndOtherFiles) {
  write("b.lua", ruleText("bee"));
  write("a.lua", ruleText("ay"));
  write("a_test.lua", "this is no Lua");
  write(".hidden.lua", "nor this");
  write("README.md", "# rules");
  const auto rules = load();
  ASSERT_TRUE(rules) << rules.error().message;
  EXPECT_THAT((*rules)->ids(), ElementsAre("ay", "bee"));
  EXPECT_EQ((*rules)->sources()[0].file, "rules/a.lua");
}

TEST_F(RuleFolder, TellsEveryMistakeWithFileAndLine) {
  write("a.lua", "\n\nreturn {");
  write("b.lua", ruleText("bee"));
  write("c.lua", "\nerror('at load')");
  const auto rules = load();
  ASSERT_FALSE(rules);
  EXPECT_EQ(rules.error().reason, Reason::kRuleFailed);
  EXPECT_THAT(rules.error().message, StartsWith("rules/a.lua:3: "));
  EXPECT_THAT(rules.error().message, HasSubstr("\nrules/c.lua:2: at load"));
}

TEST_F(RuleFolder, RefusesAFileOneBytePastTheLimit) {
  std::string text = ruleText("a") + "\n--";
  text.resize(limits::kRuleFileBytesMax, 'x');
  write("a.lua", text);
  EXPECT_TRUE(load());
  write("a.lua", text + "x");
  const auto rules = load();
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message, HasSubstr("longer than"));
}

TEST_F(RuleFolder, RefusesOneFileTooMany) {
  for (std::size_t i = 0; i < limits::kRuleFilesMax; ++i) {
    write("r" + std::to_string(i) + ".lua", ruleText("r" + std::to_string(i)));
  }
  EXPECT_TRUE(load());
  write("one_more.lua", ruleText("one_more"));
  EXPECT_FALSE(load());
}

TEST_F(RuleFolder, ThatIsMissingIsAnError) {
  const auto rules = RuleSet::load(folder_ / "none");
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message, HasSubstr("none"));
}

TEST(RuleSet, RefusesWhatIsNoRule) {
  EXPECT_THAT(problemOf(""), HasSubstr("returns one table"));
  EXPECT_THAT(problemOf("return 5"), HasSubstr("returns one table"));
  EXPECT_THAT(problemOf("return {}"), HasSubstr("`id` must be"));
  EXPECT_THAT(problemOf("return { id = 'Mass Send', check = function() end }"),
              HasSubstr("`id` must be"));
  EXPECT_THAT(problemOf("return { id = 'x' }"), HasSubstr("`check` must be a function"));
  EXPECT_THAT(problemOf("return { id = 'x', check = 5 }"), HasSubstr("`check` must be"));
  EXPECT_THAT(problemOf("return { id = 'x', chek = function() end }"), HasSubstr("not `chek`"));
  EXPECT_THAT(problemOf("return { id = 'x', phase = 'response', check = function() end }"),
              HasSubstr("`phase` must be"));
  EXPECT_THAT(problemOf("return { id = ('x'):rep(65), check = function() end }"),
              HasSubstr("`id` must be"));
  EXPECT_EQ(problemOf("return { id = ('x'):rep(64), check = function() end }"), "none");
  EXPECT_EQ(problemOf("return { id = 'x', check = function() end }"), "none");
}

TEST(RuleSet, RefusesTwoRulesOfOneId) {
  const auto rules =
      RuleSet::fromSources({{"rules/a.lua", ruleText("x")}, {"rules/b.lua", ruleText("x")}});
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message, StartsWith("rules/b.lua: `x` is the id of another rule"));
}

TEST(RuleSet, HashChangesWithAnyText) {
  const auto hash = [](const std::string& file, const std::string& text) {
    return (*RuleSet::fromSources({{file, text}}))->hash();
  };
  EXPECT_EQ(hash("a", ruleText("x")), hash("a", ruleText("x")));
  EXPECT_NE(hash("a", ruleText("x")), hash("b", ruleText("x")));
  EXPECT_NE(hash("a", ruleText("x")), hash("a", ruleText("x") + " "));
  EXPECT_EQ(hash("a", ruleText("x")).size(), 64u);
}

}  // namespace
}  // namespace edgehold
