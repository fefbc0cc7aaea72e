// SPDX-License-Identifier: Apache-2.0
// One Lua state per test file, with the rule API and the `test` library.
// Thread: main only.
#include "lua/runtime/rule_tests.h"

#include <algorithm>

#include "lua/runtime/rule_engine.h"
#include "lua/runtime/sandbox.h"
#include "lua/runtime/stdlib.h"
#include "lua/runtime/test_memory.h"
#include "lua/runtime/test_request.h"
#include "proxy/base/random.h"

namespace edgehold {
namespace {

constexpr std::string_view kTestSuffix = "_test.lua";

// A whole test file, engines it starts not included.
constexpr RuleBudgets kTestFileBudgets{.instructions = 100'000'000,
                                       .memory_bytes = 64 * 1024 * 1024,
                                       .wall = std::chrono::seconds(20)};

// A rule that only the clock can end must not keep a test run for ever; no honest one comes near.
constexpr Duration kRuleWall = std::chrono::seconds(1);

bool isTestFile(std::string_view name) {
  return name.size() > kTestSuffix.size() && name.ends_with(kTestSuffix) && name.front() != '.';
}

// `rules/x_test.lua` -> `rules/x`
std::string_view stemOf(std::string_view test_file) {
  return test_file.substr(0, test_file.size() - kTestSuffix.size());
}

// The run of one test file; the natives of stdlib/test.lua find it in their upvalue.
class TestFileRun {
 public:
  TestFileRun(const RuleSet& rule, RuleTestReport& report, std::string_view name)
      : engine_(rule, clock_), report_(report), name_(name) {}

  void run(const RuleSource& source) {
    RuleProgram program(clock_);
    LuaState& state = program.state();
    pushNative(state.raw(), &TestFileRun::evaluate);
    pushNative(state.raw(), &TestFileRun::report);
    pushNative(state.raw(), &TestFileRun::setState);
    openTestLibrary(state);
    state.rebase();
    state.begin(kTestFileBudgets);
    Result<void> ran = loadChunk(state, source.file, source.text);
    if (ran) ran = state.call(0, 0);
    state.end();
    if (!ran) {
      add(source.file, false, ran.error().message);
    } else if (cases_ == 0) {
      add(source.file, false, "it has no test.case");
    }
  }

 private:
  void pushNative(lua_State* raw, lua_CFunction function) {
    lua_pushlightuserdata(raw, this);
    lua_pushcclosure(raw, function, 1);
  }
  static TestFileRun& of(lua_State* raw) {
    return *static_cast<TestFileRun*>(lua_touserdata(raw, lua_upvalueindex(1)));
  }

  // evaluate(request, event): the engine's answer, about the event where there is one.
  static int evaluate(lua_State* raw) {
    TestFileRun& run = of(raw);
    Exchange exchange;
    fillExchange(raw, exchange);
    run.memory_.setNow(exchange.started_wall.time_since_epoch());
    const Instant before = run.clock_.now();
    SseEvent event;
    const bool is_event = fillEvent(raw, exchange, event);
    const auto verdict = is_event
                             ? run.engine_.evaluateEvent(exchange, event, run.pool_, &run.memory_)
                             : run.engine_.evaluate(exchange, run.pool_, &run.memory_);
    LuaState::of(raw).excuse(run.clock_.now() - before);
    pushAnswer(raw, exchange, verdict);
    return 1;
  }

  // set_state(key, tokens): so many are left; set_state(): nothing was ever taken or set.
  static int setState(lua_State* raw) {
    if (lua_gettop(raw) == 0) {
      of(raw).memory_.clear();
      return 0;
    }
    std::size_t length = 0;
    const char* const key = luaL_checklstring(raw, 1, &length);
    const lua_Integer tokens = luaL_checkinteger(raw, 2);
    luaL_argcheck(raw, tokens >= 0, 2, "a count of tokens expected");
    of(raw).memory_.setLeft({key, length}, static_cast<std::uint64_t>(tokens));
    return 0;
  }

  // report(name, passed, problem)
  static int report(lua_State* raw) {
    luaL_checkstring(raw, 1);
    luaL_checkstring(raw, 3);
    of(raw).add(lua_tostring(raw, 1), lua_toboolean(raw, 2) != 0, lua_tostring(raw, 3));
    return 0;
  }

  void add(std::string_view name, bool is_passed, std::string_view problem) {
    ++cases_;
    ++(is_passed ? report_.passed : report_.failed);
    const std::string number = std::to_string(report_.passed + report_.failed);
    report_.lines.push_back(std::string(is_passed ? "ok " : "not ok ") + number + " - " + name_ +
                            ": " + std::string(name));
    if (!is_passed) report_.lines.push_back("# " + std::string(problem));
  }

  SystemClock clock_;
  SystemRandom random_;
  JsonPool pool_{random_};
  TestMemory memory_;
  RuleEngine engine_;
  RuleTestReport& report_;
  std::string name_;
  std::size_t cases_ = 0;
};

// The set that holds only the rule which `test_file` is about.
Result<std::shared_ptr<const RuleSet>> ruleOf(const RuleSet& rules, std::string_view test_file) {
  const std::string wanted = std::string(stemOf(test_file)) + ".lua";
  const auto& sources = rules.sources();
  const auto found = std::find_if(sources.begin(), sources.end(),
                                  [&wanted](const RuleSource& s) { return s.file == wanted; });
  if (found == sources.end()) return fail("there is no rule file `" + wanted + "`");
  RuleBudgets budgets = rules.budgets();
  budgets.wall = kRuleWall;
  return RuleSet::fromSources({*found}, budgets);
}

void remarkUntested(const RuleSet& rules, const std::vector<RuleSource>& tests,
                    RuleTestReport& report) {
  for (const RuleSource& rule : rules.sources()) {
    const bool is_tested = std::any_of(tests.begin(), tests.end(), [&rule](const RuleSource& test) {
      return std::string(stemOf(test.file)) + ".lua" == rule.file;
    });
    if (!is_tested) report.lines.push_back("# " + rule.file + " has no tests");
  }
}

}  // namespace

Result<RuleTestReport> runRuleTests(const std::string& directory) {
  TRY_ASSIGN(const std::shared_ptr<const RuleSet> rules, RuleSet::load(directory));
  TRY_ASSIGN(const std::vector<RuleSource> tests, readRuleFiles(directory, &isTestFile));
  RuleTestReport report;
  for (const RuleSource& test : tests) {
    const auto rule = ruleOf(*rules, test.file);
    if (!rule) {
      ++report.failed;
      report.lines.push_back("not ok " + std::to_string(report.passed + report.failed) + " - " +
                             test.file + ": " + rule.error().message);
      continue;
    }
    TestFileRun((**rule), report, (*rule)->ids().front()).run(test);
  }
  remarkUntested(*rules, tests, report);
  report.lines.push_back("1.." + std::to_string(report.passed + report.failed));
  return report;
}

}  // namespace edgehold
