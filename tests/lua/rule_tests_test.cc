// SPDX-License-Identifier: Apache-2.0
// The runner of rule tests, the shipped rules by way of it, and the examples of the guide.
// Thread: one loop.
#include "lua/runtime/rule_tests.h"

#include <filesystem>
#include <fstream>
#include <sstream>

#include <gmock/gmock.h>
#include <unistd.h>

#include "lua/runtime/rule_set.h"

namespace edgehold {
namespace {

using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;

const std::filesystem::path kLuaFolder = std::filesystem::path(EDGEHOLD_SOURCE_DIR) / "lua";

std::string joined(const std::vector<std::string>& lines) {
  std::string text;
  for (const std::string& line : lines) text += line + "\n";
  return text;
}

class RuleTests : public testing::Test {
 protected:
  void SetUp() override {
    folder_ = std::filesystem::temp_directory_path() /
              ("edgehold_rule_tests_" + std::to_string(::getpid()) + "_" +
               testing::UnitTest::GetInstance()->current_test_info()->name());
    std::filesystem::create_directories(folder_ / "rules");
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  void write(const std::string& name, const std::string& text) {
    std::ofstream(folder_ / "rules" / name) << text;
  }
  // A rule `x` that denies /no, with this test file.
  RuleTestReport runWith(const std::string& test_text) {
    write("x.lua",
          "return { id = 'x', check = function(request)\n"
          "  if request.path == '/no' then return deny('not there') end\n"
          "  if request.path == '/hold' then return hold('ask') end\n"
          "  if request.path == '/broken' then error('broken') end\n"
          "end }");
    write("x_test.lua", test_text);
    auto report = runRuleTests(folder_ / "rules");
    EXPECT_TRUE(report) << report.error().message;
    return report ? *report : RuleTestReport{};
  }

  std::filesystem::path folder_;
};

TEST_F(RuleTests, ReportEveryCase) {
  const RuleTestReport report = runWith(
      "test.case('allows', function() test.allows { path = '/yes' } end)\n"
      "test.case('denies', function() test.denies({ path = '/no' }, 'there') end)\n"
      "test.case('holds', function() test.holds { path = '/hold' } end)\n"
      "test.case('fails', function() test.fails({ path = '/broken' }, ':4:') end)\n");
  EXPECT_EQ(report.passed, 4u);
  EXPECT_EQ(report.failed, 0u);
  EXPECT_THAT(report.lines, ElementsAre("ok 1 - x: allows", "ok 2 - x: denies", "ok 3 - x: holds",
                                        "ok 4 - x: fails", "1..4"));
}

TEST_F(RuleTests, FailForAnyOtherAnswerAndNameTheLine) {
  const std::vector<std::string> wrong = {
      "test.allows { path = '/no' }",       "test.allows { path = '/hold' }",
      "test.allows { path = '/broken' }",   "test.denies { path = '/yes' }",
      "test.denies { path = '/hold' }",     "test.denies { path = '/broken' }",
      "test.holds { path = '/no' }",        "test.holds { path = '/broken' }",
      "test.fails { path = '/yes' }",       "test.fails { path = '/no' }",
      "test.denies({ path = '/no' }, 'x')", "test.equal(1, 2)",
      "test.check { pth = '/no' }",         "test.check { path = 'no' }",
      "test.check { time = 'noon' }",       "test.check { facts = { actoin = 'x' } }",
      "test.check { json = print }",        "test.check { client = { ip = 'x' } }"};
  for (const std::string& line : wrong) {
    const RuleTestReport report = runWith("test.case('c', function()\n" + line + "\nend)");
    EXPECT_EQ(report.passed, 0u) << line;
    EXPECT_EQ(report.failed, 1u) << line;
    EXPECT_EQ(report.lines[0], "not ok 1 - x: c") << line;
  }
  const RuleTestReport report =
      runWith("test.case('c', function()\ntest.allows { path = '/no' } end)");
  EXPECT_EQ(report.lines[1], "# rules/x_test.lua:2: expected allow, got deny: not there");
}

TEST_F(RuleTests, FailAFileThatCannotRunHasNoCaseOrTestsNothing) {
  EXPECT_EQ(runWith("").failed, 1u);
  EXPECT_EQ(runWith("return {").failed, 1u);
  EXPECT_EQ(runWith("error('x')").failed, 1u);
  EXPECT_EQ(runWith("while true do end").failed, 1u);
  write("y_test.lua", "test.case('a', function() end)");
  const RuleTestReport report = runWith("test.case('a', function() end)");
  EXPECT_EQ(report.failed, 1u);
  EXPECT_THAT(report.lines, Contains(HasSubstr("there is no rule file `rules/y.lua`")));
}

TEST_F(RuleTests, RemarkRulesWithoutTests) {
  write("z.lua", "return { id = 'z', check = function() end }");
  EXPECT_THAT(runWith("test.case('a', function() end)").lines,
              Contains("# rules/z.lua has no tests"));
}

TEST_F(RuleTests, AreAnErrorWhereTheRulesDoNotLoad) {
  write("bad.lua", "return {");
  const auto report = runRuleTests(folder_ / "rules");
  ASSERT_FALSE(report);
  EXPECT_THAT(report.error().message, HasSubstr("rules/bad.lua:1: "));
}

TEST_F(RuleTests, BuildTheRequestTheyDescribe) {
  write(
      "seen.lua",
      "return { id = 'seen', check = function(request)\n"
      "  local j = request.json\n"
      "  tag('request', request.method .. ' ' .. request.path .. '?' .. request.query)\n"
      "  tag('header', request.headers['X-Api'])\n"
      "  tag('client', request.client.ip .. ' ' .. tostring(request.client.tls))\n"
      "  tag('json', j.text .. ' ' .. #j.list .. ' ' .. json.kind(j, 'none') .. ' ' .. #j.empty)\n"
      "  tag('number', j.float .. ' ' .. math.type(j.int))\n"
      "  tag('time', now.year .. '-' .. now.month .. '-' .. now.day .. ' ' .. now.hour)\n"
      "  tag('facts', request.facts.sender .. request.facts.timestamp_ms)\n"
      "end }");
  write("seen_test.lua",
        "test.case('all', function()\n"
        "  local said = test.allows {\n"
        "    method = 'PUT', path = '/a', query = 'b=c', headers = { ['x-api'] = '1' },\n"
        "    json = { text = 'q\"\\\\\\n\\1é', list = { 1, 2 }, none = test.null,\n"
        "             empty = test.empty_array, float = 0.5, int = 7 },\n"
        "    client = { ip = '2001:db8::1', tls = false }, time = '2024-02-29T23:59:59Z',\n"
        "    facts = { sender = 'ann', timestamp_ms = 5 } }\n"
        "  test.equal(said.tags.request, 'PUT /a?b=c')\n"
        "  test.equal(said.tags.header, '1')\n"
        "  test.equal(said.tags.client, '2001:db8::1 false')\n"
        "  test.equal(said.tags.json, 'q\"\\\\\\n\\1é 2 null 0')\n"
        "  test.equal(said.tags.number, '0.5 integer')\n"
        "  test.equal(said.tags.time, '2024-2-29 23')\n"
        "  test.equal(said.tags.facts, 'ann5')\n"
        "end)\n");
  const auto report = runRuleTests(folder_ / "rules");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed, 0u) << joined(report->lines);
  EXPECT_EQ(report->passed, 1u);
}

TEST_F(RuleTests, FakeTimeAndState) {
  write("rate.lua",
        "return { id = 'rate', check = function(request)\n"
        "  tag('hour', tostring(now.hour))\n"
        "  local ok, left = state.take('mail ' .. request.facts.sender, 2, '1m')\n"
        "  if not ok then return deny('too many') end\n"
        "  tag('left', tostring(left))\n"
        "  if state.once('greeted', '1d') then tag('first', 'yes') end\n"
        "end }");
  write("rate_test.lua",
        "local ann, bob = { facts = { sender = 'ann' } }, { facts = { sender = 'bob' } }\n"
        "test.case('counts', function()\n"
        "  test.equal(test.allows(ann).tags.left, '1')\n"
        "  local said = test.allows(ann)\n"
        "  test.equal(said.tags.left, '0')\n"
        "  test.equal(said.tags.first, nil)\n"
        "  test.denies(ann, 'too many')\n"
        "  test.allows(bob)\n"
        "  test.advance '30s'\n"
        "  test.allows(ann)\n"
        "  test.denies(ann)\n"
        "  test.advance(120)\n"
        "  test.equal(test.allows(ann).tags.left, '1')\n"
        "end)\n"
        "test.case('starts every case afresh', function()\n"
        "  local said = test.allows(ann)\n"
        "  test.equal(said.tags.first, 'yes')\n"
        "  test.equal(said.tags.hour, '12')\n"
        "end)\n"
        "test.case('sets the clock', function()\n"
        "  test.at '2024-02-29T23:30:00Z'\n"
        "  test.equal(test.allows(ann).tags.hour, '23')\n"
        "  test.advance '1h'\n"
        "  test.equal(test.allows(ann).tags.hour, '0')\n"
        "end)\n"
        "test.case('sets the state', function()\n"
        "  test.state { ['mail ann'] = 0, ['mail bob'] = 100, greeted = 0 }\n"
        "  test.denies(ann)\n"
        "  test.equal(test.allows(bob).tags.left, '99')\n"
        "end)\n"
        "for _, wrong in ipairs { '10', 'm', '10 m', '-5m', '1w' } do\n"
        "  test.case('refuses ' .. wrong, function()\n"
        "    test.equal(pcall(test.advance, wrong), false)\n"
        "  end)\n"
        "end\n");
  const auto report = runRuleTests(folder_ / "rules");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed, 0u) << joined(report->lines);
  EXPECT_EQ(report->passed, 9u);
}

TEST_F(RuleTests, FakeHeadersThatRepeatPeersAndIds) {
  write("seen.lua",
        "return { id = 'seen', check = function(request)\n"
        "  tag('accept', request.headers.accept)\n"
        "  tag('peer', request.client.peer_ip .. ' ' .. request.client.ip)\n"
        "  tag('id', request.id)\n"
        "end }");
  write("seen_test.lua",
        "test.case('all', function()\n"
        "  local said = test.allows { headers = { accept = { 'a', 'b' } }, id = 'r7',\n"
        "    client = { ip = '203.0.113.9', peer_ip = '10.0.0.1', trusted = true } }\n"
        "  test.equal(said.tags.accept, 'a, b')\n"
        "  test.equal(said.tags.peer, '10.0.0.1 203.0.113.9')\n"
        "  test.equal(said.tags.id, 'r7')\n"
        "end)\n"
        "test.case('refuses other fields', function()\n"
        "  test.equal(pcall(test.check, { client = { port = 5 } }), false)\n"
        "  test.equal(pcall(test.check, { headers = { a = 5 } }), false)\n"
        "  test.equal(pcall(test.check, { headers = { a = { 5 } } }), false)\n"
        "end)\n");
  const auto report = runRuleTests(folder_ / "rules");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed, 0u) << joined(report->lines);
}

// A hostile rule is ended by the same budgets here, call after call: quarantine is for production.
TEST_F(RuleTests, EndHostileRulesAsOftenAsTheyAreAsked) {
  write("loop.lua",
        "return { id = 'loop', check = function() while true do pcall(error) end end }");
  write("loop_test.lua",
        "test.case('ends', function()\n"
        "  for i = 1, 20 do test.fails({}, 'budget is spent') end\n"
        "end)\n");
  const auto report = runRuleTests(folder_ / "rules");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed, 0u) << joined(report->lines);
}

TEST(ShippedRules, PassTheirTestsAndAllHaveSome) {
  const auto report = runRuleTests(kLuaFolder / "rules");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed, 0u) << joined(report->lines);
  EXPECT_GE(report->passed, 20u);
  EXPECT_THAT(joined(report->lines), testing::Not(HasSubstr("has no tests")));
}

// The text of each ```lua block whose first line is `-- rules/NAME`, written to `folder`.
int writeExamples(const std::filesystem::path& guide, const std::filesystem::path& folder) {
  std::ifstream stream(guide);
  std::string line;
  std::ofstream example;
  bool is_inside = false;
  int blocks = 0;
  while (std::getline(stream, line)) {
    if (line == "```lua") {
      is_inside = true;
      ++blocks;
      std::getline(stream, line);
      constexpr std::string_view kPrefix = "-- rules/";
      EXPECT_TRUE(line.starts_with(kPrefix)) << "an example without a file name: " << line;
      example = std::ofstream(folder / line.substr(kPrefix.size()));
    } else if (line == "```") {
      is_inside = false;
      example = std::ofstream();
    }
    if (is_inside) example << line << "\n";
  }
  return blocks;
}

TEST_F(RuleTests, ExamplesOfTheGuidePass) {
  ASSERT_GE(writeExamples(kLuaFolder / "README.md", folder_ / "rules"), 4);
  const auto report = runRuleTests(folder_ / "rules");
  ASSERT_TRUE(report) << report.error().message;
  EXPECT_EQ(report->failed, 0u) << joined(report->lines);
  EXPECT_THAT(joined(report->lines), testing::Not(HasSubstr("has no tests")));
}

}  // namespace
}  // namespace edgehold
