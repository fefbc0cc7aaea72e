// SPDX-License-Identifier: Apache-2.0
// Rules that try to run for ever, to eat all memory, to catch their own end or to reach what is not
// theirs. Each is refused within its budget, and the engine serves the next request as before.
// Thread: one loop.
#include <chrono>

#include <gmock/gmock.h>

#include "proxy/base/limits.h"
#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using testing::AnyOf;
using testing::HasSubstr;
using testing::StartsWith;

struct Hostile {
  const char* name;
  const char* body;
};

// gtest prints the name instead of the bytes.
void PrintTo(const Hostile& hostile, std::ostream* out) { *out << hostile.name; }

std::string nameOf(const testing::TestParamInfo<Hostile>& hostile) { return hostile.param.name; }

class HostileRule : public testing::TestWithParam<Hostile> {};

// Wider than the default: the innocent request after the hostile one must pass on a busy machine.
constexpr RuleBudgets kBudgets{.wall = std::chrono::milliseconds(100)};
// What a call may take in all, sanitizers and busy neighbours included.
constexpr auto kPatience = std::chrono::seconds(2);

// The rule misbehaves on POST and not on GET: the second call proves that the state survived.
TEST_P(HostileRule, IsEndedByItsBudgetAndLeavesTheEngineUsable) {
  RuleFixture fixture(
      {std::string("if request.method == 'GET' then return deny('alive') end ") + GetParam().body},
      kBudgets);
  for (int round = 0; round < 3; ++round) {
    const auto before = std::chrono::steady_clock::now();
    EXPECT_THAT(fixture.say(), StartsWith("rule_budget_exceeded: rule `r1`: "));
    EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience);
    EXPECT_EQ(fixture.engine().failedRule(), "r1");
    fixture.newExchange().request.method_token = "GET";
    EXPECT_EQ(fixture.again(), "deny: alive");
  }
}

TEST_P(HostileRule, IsEndedByItsBudgetInSlicesToo) {
  RuleFixture fixture(
      {std::string("if request.method == 'GET' then return deny('alive') end ") + GetParam().body},
      kBudgets);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_THAT(fixture.sayInSlices(), StartsWith("rule_budget_exceeded: rule `r1`: "));
  EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience);
  fixture.newExchange().request.method_token = "GET";
  EXPECT_EQ(fixture.again(), "deny: alive");
}

INSTANTIATE_TEST_SUITE_P(
    Budgets, HostileRule,
    testing::Values(
        Hostile{"InfiniteLoop", "while true do end"}, Hostile{"GotoLoop", "::again:: goto again"},
        Hostile{"RepeatLoop", "repeat local x = 1 until false"},
        Hostile{"NumericLoop", "for i = 1, math.maxinteger do end"},
        Hostile{"PcallAroundLoop", "pcall(function() while true do end end) return true"},
        Hostile{"PcallLoop", "while true do pcall(function() while true do end end) end"},
        Hostile{"PcallRecursion",
                "local function again() pcall(again) while true do pcall(again) end end again()"},
        Hostile{"PcallOfPcall", "while true do pcall(pcall, pcall, error) end"},
        Hostile{"XpcallHandlerLoop", "xpcall(error, function() while true do end end) return true"},
        Hostile{"XpcallHandlerRaises",
                "while true do xpcall(error, function() error('again') end) end"},
        Hostile{"ErrorObjectLoop", "while true do pcall(error, {}) end"},
        Hostile{"MemoryPcallLoop",
                "while true do pcall(function() local t = {} for i = 1, 1e9 do t[i] = {} end end) "
                "end"},
        Hostile{"TailCalls", "local function f() return f() end return f()"},
        Hostile{"DeepRecursion", "local function f(n) return 1 + f(n + 1) end return f(1)"},
        Hostile{"TableGrowth", "local t = {} for i = 1, 1e9 do t[i] = i end"},
        Hostile{"TableOfTables", "local t = {} while true do t = {t, {}, {}} end"},
        Hostile{"TableRehash",
                "local t = {} for i = 1, 60000 do t[i .. ''] = 1 end "
                "local i = 1 while true do t[i .. ''] = nil t['n' .. i] = 1 i = i + 1 end"},
        Hostile{"ConcatDoubling", "local s = 'x' while true do s = s .. s end"},
        Hostile{"ConcatChurn",
                "local s = string.rep('x', 1000000) while true do local t = s .. 'y' end"},
        Hostile{"LongCompare",
                "local a = string.rep('x', 1000000) local b = a .. 'y' local c = a .. 'z' "
                "while b < c or true do end"},
        Hostile{"RepBomb", "return string.rep('x', 1e9)"},
        Hostile{"RepOfNothing", "return string.rep('', math.maxinteger, 'x')"},
        Hostile{"RepLoop", "while true do local s = ('x'):rep(100000) end"},
        Hostile{"PatternBomb",
                "return string.find(string.rep('a', 300), string.rep('a-', 12) .. 'b') == nil"},
        Hostile{"PatternStars", "return string.rep('a', 2000):match('.-.-.-.-b$') == nil"},
        Hostile{"PatternBackReference",
                "return string.rep('a', 5000):match('(.*)%1(.*)%2(.*)b') == nil"},
        Hostile{"PatternBalance", "local s = string.rep('(', 30000) return s:find('%b()x') == nil"},
        Hostile{"PatternLongSet",
                "local s = '[' .. string.rep('b', 20000) .. ']' "
                "return string.rep('a', 20000):find(s) == nil"},
        Hostile{"PlainFindQuadratic",
                "local a = string.rep('a', 60000) "
                "for i = 1, 1000 do a:find(string.rep('a', 30000) .. 'b', 1, true) end"},
        Hostile{"GsubGrowth",
                "local s = string.rep('x', 10000) return s:gsub('.', string.rep('y', 10000))"},
        Hostile{"GsubFunctionLoop", "return ('xxxx'):gsub('.', function() while true do end end)"},
        Hostile{
            "GsubFunctionPcall",
            "while true do pcall(string.gsub, 'xx', '.', function() while true do end end) end"},
        Hostile{"GmatchLoop", "for i = 1, 1e9 do for w in string.gmatch('aaaa', 'b?') do end end"},
        Hostile{"FormatChurn",
                "local s = string.rep('x', 100000) while true do string.format('%s%s', s, s) end"},
        Hostile{"ConcatBomb",
                "local s = string.rep('x', 100000) local t = {} for i = 1, 1000 do t[i] = s end "
                "return table.concat(t)"},
        Hostile{"ConcatOfEmpties",
                "local t = {} for i = 1, 10000 do t[i] = '' end "
                "while true do table.concat(t) end"},
        Hostile{"SortBomb",
                "local t = {} for i = 1, 30000 do t[i] = (i * 7919) % 30011 end "
                "while true do table.sort(t) end"},
        Hostile{"SortLyingOrder",
                "local t = {} for i = 1, 1000 do t[i] = i end "
                "while true do table.sort(t, function() return true end) end"},
        Hostile{"SortLongTexts",
                "local s = string.rep('x', 200000) local t = {} "
                "for i = 1, 500 do t[i] = s .. (i % 7) end table.sort(t)"},
        Hostile{"UnpackBomb", "return table.unpack({}, 1, 1e7)"},
        Hostile{"UnpackLoop", "local t = {} while true do table.unpack(t, 1, 5000) end"},
        Hostile{"MoveBomb", "table.move({}, 1, math.maxinteger - 1, 2)"},
        Hostile{"InsertQuadratic", "local t = {} for i = 1, 1e6 do table.insert(t, 1, i) end"},
        Hostile{"RemoveQuadratic",
                "local t = {} for i = 1, 20000 do t[i] = i end "
                "while true do table.remove(t, 1) table.insert(t, 1) end"},
        Hostile{"ByteBomb", "local s = string.rep('x', 5000) while true do s:byte(1, -1) end"},
        Hostile{"Utf8Loop", "local s = string.rep('x', 50000) while true do utf8.len(s) end"},
        Hostile{"ToNumberLoop", "local s = string.rep('1', 50000) while true do tonumber(s) end"},
        Hostile{"VarargsGrowth", "local function f(...) return f(1, ...) end return f()"},
        Hostile{"Closures",
                "local f = function() end while true do local g = f "
                "f = function() return g() end end"},
        Hostile{"NextOverHoles",
                "local t = {} for i = 1, 50000 do t[i] = i end for i = 1, 50000 do t[i] = nil end "
                "while true do next(t) end"},
        Hostile{"TagLoop", "while true do tag('a', 'b') end"},
        Hostile{"HeaderLoop", "while true do local h = request.headers['x'] end"},
        Hostile{"NowLoop", "while true do local t = now.at('+01:00') end"}),
    nameOf);

// One call of a library function, or one instruction, that does the work of thousands.
INSTANTIATE_TEST_SUITE_P(
    LongInstructions, HostileRule,
    testing::Values(
        Hostile{"MaxOfDigits",
                "local s = string.rep('1234567890', 100000) "
                "return math.max(s, s, s, s, s, s, s, s)"},
        Hostile{"FloorOfDigits",
                "local s = string.rep('12345678901', 60000) "
                "while true do math.floor(s) end"},
        Hostile{"SelectOfDigits",
                "local s = string.rep('0123456789', 90000) "
                "while true do pcall(select, s, 1) end"},
        Hostile{"ArithmeticOfDigits",
                "local s = string.rep('1234567890', 100000) while true do local n = s + s end"},
        Hostile{"FormatOfDoubles",
                "local t = {} for i = 1, 2000 do t[i] = 1e308 end "
                "return string.format(string.rep('%.99f', 2000), table.unpack(t))"},
        Hostile{"FormatOfSmallDoubles", "while true do string.format('%.99f', 1e-300) end"},
        Hostile{"ToStringOfDoubles", "while true do tostring(1.7e308) end"},
        Hostile{"ConcatOfDoubles", "local x = 1.7e308 while true do local s = x .. x .. x end"},
        Hostile{"Utf8CharOfMany",
                "local t = {} for i = 1, 20000 do t[i] = 0x10ffff end "
                "while true do utf8.char(table.unpack(t)) end"},
        Hostile{"Utf8CodesOfContinuations",
                "local s = string.rep('\x80', 500000) local f = utf8.codes('') "
                "while true do pcall(f, s, 1) end"},
        Hostile{"GsubOfWholeMatches",
                "local s = string.rep('x', 20000) "
                "return s:gsub('.*', string.rep('%0', 2000))"},
        Hostile{"GsubOfCaptures",
                "local s = string.rep('x', 20000) "
                "return s:gsub('(.*)', string.rep('%1', 2000))"},
        Hostile{"GsubTable",
                "local s = string.rep('x', 50000) while true do s:gsub('.', { x = 'yy' }) end"},
        Hostile{"ErrorTexts",
                "local s = string.rep('x', 500000) "
                "while true do pcall(function() return request[s] end) end"},
        Hostile{"ErrorThroughManyFrames",
                "local function f(n) if n == 0 then error('x') end "
                "return (('x'):gsub('.', function() return f(n - 1) end)) end "
                "while true do pcall(f, 50) end"},
        Hostile{"TableConstructorOfVarargs",
                "local function f(...) return { ... } end local t = {} "
                "for i = 1, 20000 do t[i] = i end while true do f(table.unpack(t)) end"},
        Hostile{"LongKeys",
                "local s = string.rep('x', 500000) local i = 0 "
                "while true do i = i + 1 local t = { [s .. i] = 1 } end"},
        Hostile{"LongEquality",
                "local s = string.rep('x', 500000) local a, b = s .. 'a', s .. 'b' "
                "while a ~= b do end"},
        Hostile{"JoinOfHeaders", "while true do local h = request.headers['accept'] end"},
        Hostile{"FactTexts",
                "local s = string.rep('x', 255) local i = 0 "
                "while true do i = i + 1 set_fact('group', s .. (i % 10)) end"},
        Hostile{"ReverseLoop", "local s = string.rep('x', 100000) while true do s:reverse() end"},
        Hostile{"SubLoop", "local s = string.rep('x', 100000) while true do s:sub(2) end"},
        Hostile{"CharOfMany",
                "local t = {} for i = 1, 10000 do t[i] = 65 end "
                "while true do string.char(table.unpack(t)) end"},
        Hostile{"NextKeyChurn",
                "local t = {} while true do for i = 1, 1000 do t[i] = i end "
                "for k in pairs(t) do t[k] = nil end end"},
        Hostile{"IpLoop", "while true do ip.in_cidr(request.client.ip, '::/0') end"},
        Hostile{"RegexLoop", "while true do regex.match('aaaa', '(a+)+b') end"},
        Hostile{"RegexOfLongText",
                "local s = string.rep('a', 200000) return regex.match(s, '(a|b)*a.{20}c') == nil"},
        Hostile{"RegexOfManyPatterns",
                "local i = 0 while true do i = i + 1 pcall(regex.match, 'a', 'a' .. i) end"},
        Hostile{"MatchSetOfMany",
                "local t = {} for i = 1, 20000 do t[i] = i end while true do match.set(t) end"},
        Hostile{"MatchContains",
                "local s = string.rep('a', 50000) "
                "while true do match.contains(s, string.rep('a', 20000) .. 'b') end"}),
    nameOf);

// Ends that a rule tries to catch, to outlive or to hand to somebody else.
INSTANTIATE_TEST_SUITE_P(
    Catching, HostileRule,
    testing::Values(
        Hostile{"MemoryOfGsubCaught",
                "pcall(string.gsub, string.rep('x', 10000), '.', string.rep('y', 1000)) "
                "return allow()"},
        Hostile{"MemoryOfConcatCaught",
                "local s = string.rep('x', 1000000) "
                "pcall(table.concat, {s, s, s, s, s, s, s, s, s, s, s, s}) return allow()"},
        Hostile{"MemoryOfRepCaught", "pcall(string.rep, 'x', 1e8) return allow()"},
        Hostile{"MemoryOfTableCaught",
                "pcall(function() local t = {} for i = 1, 1e7 do t[i] = { {}, {} } end end) "
                "return allow()"},
        Hostile{"MemoryOfTextCaught",
                "pcall(function() local s = 'xxxxxxxx' while true do s = s .. s end end) "
                "return allow()"},
        Hostile{"StackCaught", "local function f() return 1 + f() end pcall(f) return allow()"},
        Hostile{"UnpackCaught", "pcall(table.unpack, {}, 1, 1e6) return allow()"},
        Hostile{"XpcallOfXpcall",
                "local function h() while true do end end "
                "xpcall(function() xpcall(function() error('x') end, h) end, h) return allow()"},
        Hostile{"PcallAsHandler", "while true do xpcall(error, pcall, error, error) end"},
        Hostile{"ErrorInHandlers",
                "local function h(e) return xpcall(error, h, e) end "
                "xpcall(error, h) while true do end"},
        Hostile{"ToStringOfErrors",
                "while true do local _, e = pcall(error, { {} }) tostring(e) end"},
        Hostile{"PcallInOrder",
                "while true do pcall(table.sort, {3, 1, 2}, function() "
                "while true do end end) end"},
        Hostile{"PcallInGsub",
                "('x'):gsub('.', function() pcall(function() while true do end end) return 'y' "
                "end) return allow()"},
        Hostile{"PcallOfIterator",
                "pcall(function() for k in json.each(request.json) do end "
                "for _ in ('x'):gmatch('') do while true do end end end) return allow()"},
        Hostile{"IpairsForEver",
                "local t = {} for i in ipairs({1}) do while true do t[1] = i end end"}),
    nameOf);

class ForbiddenRule : public testing::TestWithParam<Hostile> {};

TEST_P(ForbiddenRule, FailsAtItsLineAndLeavesTheEngineUsable) {
  RuleFixture fixture(
      {std::string("if request.method == 'GET' then return deny('alive') end ") + GetParam().body});
  EXPECT_THAT(fixture.say(), StartsWith("rule_failed: rule `r1`: rules/r1.lua:1: "));
  fixture.newExchange().request.method_token = "GET";
  EXPECT_EQ(fixture.again(), "deny: alive");
}

INSTANTIATE_TEST_SUITE_P(
    Sandbox, ForbiddenRule,
    testing::Values(
        Hostile{"Load", "return load('return 1')()"},
        Hostile{"LoadString", "return loadstring('return 1')()"},
        Hostile{"DoFile", "return dofile('/etc/passwd')"},
        Hostile{"LoadFile", "return loadfile('/etc/passwd')"},
        Hostile{"Require", "return require('os')"}, Hostile{"Os", "return os.exit(0)"},
        Hostile{"Io", "return io.open('/etc/passwd')"},
        Hostile{"Debug", "return debug.getregistry()"},
        Hostile{"DebugHook", "debug.sethook() while true do end"},
        Hostile{"Package", "return package.loaded.os.exit(0)"},
        Hostile{"CollectGarbage", "collectgarbage('stop')"}, Hostile{"Print", "print('x')"},
        Hostile{"Globals", "return _G.string"},
        Hostile{"CoroutineWrap", "return coroutine.wrap(function() while true do end end)()"},
        Hostile{"CoroutineCreate", "return coroutine.create(function() end)"},
        Hostile{"SetMetatable", "return setmetatable({}, {__gc = function() end})"},
        Hostile{"StringMetatable", "getmetatable('').__index = {}"},
        Hostile{"RawSet", "rawset(string, 'find', nil)"},
        Hostile{"RawGet", "return rawget(string, 'find')"},
        Hostile{"RawEqual", "return rawequal(1, 1)"},
        Hostile{"StringDump", "return string.dump(function() end)"},
        Hostile{"StringPack", "return string.pack('i', 1)"},
        Hostile{"MathRandom", "return math.random()"}, Hostile{"WriteGlobal", "counter = 1"},
        Hostile{"WriteKnownGlobal", "deny = allow"},
        Hostile{"WriteLibrary", "string.find = function() end"},
        Hostile{"WriteJsonLibrary", "json.get = function() end"},
        Hostile{"WriteStdlib", "match.any_of = function() return true end"},
        Hostile{"WriteRequest", "request.method = 'GET'"},
        Hostile{"WriteHeaders", "request.headers['x'] = 'y'"},
        Hostile{"WriteFacts", "request.facts.principal = 'root'"},
        Hostile{"WriteNow", "now.hour = 3"}, Hostile{"WriteJson", "request.json.x = 1"},
        Hostile{"SetPrincipal", "set_fact('principal', 'root')"},
        Hostile{"UndefinedName", "return hlod { reason = 'x' }"},
        Hostile{"CloseVariable", "local x <close> = {} "},
        Hostile{"FormatWidth", "return string.format('%99999999d', 1)"},
        Hostile{"FormatPointer", "return string.format('%p', {})"},
        Hostile{"HeadersGetOfOther", "return request.headers.get(request, 'x')"},
        Hostile{"HeadersGetOfNumber", "return request.headers.get(1, 'x')"},
        Hostile{"JsonEachOfTable", "for k in json.each({}) do end"},
        Hostile{"JsonEachOfRequest", "for k in json.each(request) do end"},
        Hostile{"ErrorInOrderFunction", "table.sort({2, 1}, function() error('no') end)"},
        Hostile{"ErrorInGsub", "('x'):gsub('.', function() error('no') end)"},
        Hostile{"GetMetatable", "return getmetatable(request)"},
        Hostile{"RawLen", "return rawlen({})"}, Hostile{"UnpackGlobal", "return unpack({})"},
        Hostile{"CoroutineRunning", "return coroutine.running()"},
        Hostile{"CoroutineClose", "return coroutine.close()"}, Hostile{"Warn", "warn('@on')"},
        Hostile{"OsTime", "return os.time()"}, Hostile{"OsGetenv", "return os.getenv('PATH')"},
        Hostile{"IoPopen", "return io.popen('id')"},
        Hostile{"DebugUpvalue", "return debug.getupvalue(match.set, 1)"},
        Hostile{"SetFenv", "setfenv(1, {})"}, Hostile{"Newproxy", "newproxy(true)"},
        Hostile{"StringUnpack", "return string.unpack('z', 'x')"},
        Hostile{"MethodDump", "return ('x'):dump()"},
        Hostile{"StringMethodWrite", "local s = 'x' s.find = deny"},
        Hostile{"WriteState", "state.take = function() return true end"},
        Hostile{"WriteRegex", "regex.match = function() return nil end"},
        Hostile{"WriteMath", "math.max = function() end"},
        Hostile{"WriteUtf8", "utf8.charpattern = ''"},
        Hostile{"WriteTable", "table.insert = function() end"},
        Hostile{"InsertIntoLibrary", "table.insert(string, 1) string.rep(nil)"},
        Hostile{"CallRequest", "request()"}, Hostile{"CallJson", "request.json()"},
        Hostile{"ConcatRequest", "return request .. 'x'"},
        Hostile{"AddRequests", "return request + request"},
        Hostile{"CompareRequests", "return request < request"},
        Hostile{"LengthOfRequest", "return #request"},
        Hostile{"CloseRequest", "local x <close> = request"},
        Hostile{"CloseJson", "local x <close> = request.json"},
        Hostile{"IndexVerdict", "return deny('x').reason"},
        Hostile{"WriteVerdict", "local d = deny('x') d.kind = 0"},
        Hostile{"PairsOfRequest", "for k in pairs(request) do end"},
        Hostile{"NextOfRequest", "return next(request)"},
        Hostile{"WriteClient", "request.client.ip = '127.0.0.1'"},
        Hostile{"WriteQuery", "request.query_args.admin = '1'"},
        Hostile{"WriteTrusted", "request.client.trusted = true"},
        Hostile{"SetAction", "set_fact('channel', 'admin')"},
        Hostile{"StateUseWithoutStore", "state.take('k', 1, '1m')"},
        Hostile{"RegexLookahead", "regex.match('a', '(?=a)')"},
        Hostile{"RegexBackReference", "regex.match('aa', '(a)\\\\1')"},
        Hostile{"RegexHuge", "regex.match('a', '((a{100}){100}){100}')"},
        Hostile{"RegexManyClasses", "regex.match('a', ('\\\\pL'):rep(9))"},
        Hostile{"RegexTooLong", "regex.match('a', ('a'):rep(1025))"},
        Hostile{"RegexOfBrokenText", "regex.match('\\xff', 'a')"},
        Hostile{"JsonGetOfOtherUserdata", "json.get(request, '/a')"},
        Hostile{"EachKept", "local w = json.each(request.json) w(nil) w(nil) w(nil).x = 1"}),
    nameOf);

// Everything that a rule can reach, followed through tables: functions of the closed list, and no
// table that can be written to.
TEST(Sandbox, HoldsNothingButItsClosedList) {
  RuleFixture fixture(
      {"local names = { 'assert', 'error', 'ipairs', 'next', 'pairs', 'pcall', 'select', "
       "'tonumber', 'tostring', 'type', 'xpcall', 'allow', 'deny', 'hold', 'set_fact', 'tag' } "
       "for _, name in ipairs({ 'math', 'string', 'table', 'utf8', 'match', 'time', 'ip', 'json', "
       "'state', 'regex' }) do names[#names + 1] = name end return deny(tostring(#names))"});
  EXPECT_EQ(fixture.say(), "deny: 26");
  // Names that Lua or one of its relatives has somewhere.
  for (const char* const name : {"_G",        "_VERSION",     "collectgarbage",
                                 "coroutine", "debug",        "dofile",
                                 "getfenv",   "getmetatable", "io",
                                 "load",      "loadfile",     "loadstring",
                                 "module",    "newproxy",     "os",
                                 "package",   "print",        "rawequal",
                                 "rawget",    "rawlen",       "rawset",
                                 "require",   "setfenv",      "setmetatable",
                                 "unpack",    "warn",         "jit",
                                 "ffi",       "bit32",        "arg"}) {
    EXPECT_THAT(RuleFixture({std::string("return ") + name}).say(),
                HasSubstr("is not defined in rules"))
        << name;
  }
  for (const char* const library :
       {"math", "string", "table", "utf8", "match", "time", "ip", "json", "state", "regex"}) {
    EXPECT_THAT(RuleFixture({std::string("for k, v in pairs(") + library +
                             ") do return deny(k) end " + library + ".x = 1"})
                    .say(),
                StartsWith("rule_failed"))
        << library;
  }
}

// What one rule does to its own environment or to what it was given, the next rule does not see.
TEST(Sandbox, KeepsRulesApart) {
  for (const char* const body :
       {"pcall(function() leak = 1 end)", "pcall(function() string.find = nil end)",
        "pcall(function() request.path = '/other' end)", "pcall(table.insert, string, 'x')",
        "pcall(table.sort, string)", "pcall(table.remove, string)",
        "pcall(table.move, { 1, 2 }, 1, 2, 1, string)",
        "pcall(function() local s = 'x' s.y = 1 end)"}) {
    RuleFixture fixture({body,
                         "if string.find('abc', 'b') ~= 2 or request.path ~= '/hook' or "
                         "pcall(function() return leak end) or string[1] ~= nil then "
                         "return deny('changed') end return deny('apart')"});
    EXPECT_EQ(fixture.say(), "deny: apart") << body;
  }
}

TEST(HostileRuleFile, CannotUseBytecode) {
  const auto rules = RuleSet::fromSources({{"rules/x.lua", "\x1bLua\x54\x00\x19\x93\r\n"}});
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message, HasSubstr("rules/x.lua"));
}

TEST(HostileRuleFile, IsRefusedWithItsPlaceWhateverIsWrong) {
  const std::string deep = std::string(300, '(') + "1" + std::string(300, ')');
  const std::string nested = "return " + deep;
  const std::string calls = "local x = " + std::string(100'000, '{');
  const std::vector<std::pair<const char*, std::string>> cases = {
      {"bytecode", std::string("\x1bLuaT\x00\x19\x93\r\n\x1a\n", 12)},
      {"byte order mark", "\xef\xbb\xbfreturn {}"},
      {"shebang", "#!/usr/bin/lua\nreturn {}"},
      {"nothing", ""},
      {"zero bytes", std::string(100, '\0')},
      {"deep parentheses", nested},
      {"deep tables", calls},
      {"no table", "return function() end"},
      {"a number", "return 5"},
      {"no id", "return { check = function() end }"},
      {"no check", "return { id = 'x' }"},
      {"check is no function", "return { id = 'x', check = {} }"},
      {"other keys", "return { id = 'x', check = deny, priority = 1 }"},
      {"other phase", "return { id = 'x', phase = 'response', check = deny }"},
      {"id with blanks", "return { id = 'x y', check = deny }"},
      {"long id", "return { id = ('x'):rep(65), check = deny }"},
      {"id as number", "return { id = 5, check = deny }"},
      {"endless", "while true do end"},
      {"endless in pcall", "while true do pcall(function() while true do end end) end"},
      {"memory", "local t = {} for i = 1, 1e9 do t[i] = { {} } end"},
      {"text", "local s = 'x' while true do s = s .. s end"},
      {"recursion", "local function f() return 1 + f() end f()"},
      {"error", "error('no')"},
      {"error object", "error({})"},
      {"goto", "goto nowhere"},
      {"global write", "x = 1"},
      {"too long", "return {" + std::string(limits::kRuleFileBytesMax, ' ') + "}"},
  };
  for (const auto& [name, text] : cases) {
    const auto rules = RuleSet::fromSources({{"rules/x.lua", text}});
    ASSERT_FALSE(rules) << name;
    EXPECT_THAT(rules.error().message, StartsWith("rules/x.lua:")) << name;
    EXPECT_EQ(rules.error().message.find('\n'), std::string::npos) << name;
  }
}

TEST(HostileRuleFile, CannotRenameItsEnvironment) {
  const auto rules = RuleSet::fromSources(
      {{"rules/x.lua", "\nlocal _ENV = {}\nreturn { id = 'x', check = function() end }"}});
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message, StartsWith("rules/x.lua:2: "));
}

TEST(HostileRuleFile, ThatNeverEndsWhileLoadingIsRefused) {
  const auto rules = RuleSet::fromSources({{"rules/x.lua", "while true do end"}});
  ASSERT_FALSE(rules);
  EXPECT_THAT(rules.error().message,
              AnyOf(HasSubstr("instruction budget is spent"), HasSubstr("time budget is spent")));
}

TEST(HostileRuleFile, CannotUseTheRequestApiWhileLoading) {
  for (const char* const text :
       {"tag('a', 'b')", "local t = now.unix", "set_fact('action', 'x')"}) {
    const auto rules = RuleSet::fromSources({{"rules/x.lua", text}});
    ASSERT_FALSE(rules) << text;
    EXPECT_THAT(rules.error().message, HasSubstr("only for use while a request is checked"));
  }
}

// A rule that grows an upvalue with every request, within each call's budget; the rule behind it
// makes garbage and must not be the one that pays.
TEST(HostileRuleState, ThatGrowsAcrossCallsIsNamedAndStartedAfresh) {
  RuleFixture fixture(RuleFiles{{{"rules/a_leak.lua",
                                  "local kept = {}\n"
                                  "return { id = 'leak', check = function()\n"
                                  "  for i = 1, 2000 do kept[#kept + 1] = 'x' .. #kept end\n"
                                  "  tag('size', tostring(#kept))\n"
                                  "end }"},
                                 {"rules/b_churn.lua",
                                  "return { id = 'churn', check = function()\n"
                                  "  for i = 1, 2000 do local t = { i } end\n"
                                  "  return deny('churned')\n"
                                  "end }"}}},
                      {.instructions = 1'000'000'000, .wall = std::chrono::seconds(60)});
  bool was_cut = false;
  for (int i = 0; i < 200 && !was_cut; ++i) {
    const std::string said = fixture.say();
    was_cut = said.starts_with("rule_budget_exceeded: rule `leak`: the memory budget is spent");
    ASSERT_TRUE(was_cut || said == "deny: churned") << said;
  }
  EXPECT_TRUE(was_cut);
  EXPECT_EQ(fixture.engine().costs()[0].errors, 1u);
  EXPECT_EQ(fixture.say(), "deny: churned");
  EXPECT_EQ(fixture.exchange().facts.tags.at(0).second, "2000");
}

TEST(HostileRuleState, ObjectsKeptPastTheirCallAreDead) {
  for (const char* const part : {"request", "request.headers", "request.client", "request.facts",
                                 "request.query_args", "request.json", "request.json.a"}) {
    RuleFixture fixture(
        RuleFiles{{{"rules/keep.lua",
                    std::string("local kept\n"
                                "return { id = 'keep', check = function(request)\n"
                                "  if kept then return deny('got ' .. tostring(kept.ip)) end\n"
                                "  kept = ") +
                        part + "\nend }"}}});
    EXPECT_EQ(fixture.say(R"({"a":{}})"), "allow");
    EXPECT_EQ(
        fixture.say(R"({"a":{}})"),
        "rule_failed: rule `keep`: rules/keep.lua:3: this object belongs to a request that is "
        "over; keep values, not objects")
        << part;
  }
}

TEST(HostileRuleState, AWalkKeptPastItsCallIsDead) {
  RuleFixture fixture(RuleFiles{{{"rules/keep.lua",
                                  "local walk\n"
                                  "return { id = 'keep', check = function(request)\n"
                                  "  if walk then return deny(tostring(walk())) end\n"
                                  "  walk = json.each(request.json)\n"
                                  "end }"}}});
  EXPECT_EQ(fixture.say(R"({"a":1})"), "allow");
  EXPECT_THAT(fixture.say(R"({"a":1})"), HasSubstr("belongs to a request that is over"));
}

// Other requests do not wait for a rule that is over its time: the deadline holds inside strings
// and tables of several megabytes too.
TEST(RuleBudget, WallTimeEndsARuleWithInstructionsLeft) {
  RuleBudgets budgets;
  budgets.instructions = 1'000'000'000'000;
  budgets.wall = std::chrono::milliseconds(20);
  RuleFixture fixture({"while true do end"}, budgets);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_EQ(fixture.say(),
            "rule_budget_exceeded: rule `r1`: rules/r1.lua:1: the time budget is spent");
  EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience);
}

// One instruction on megabytes costs one unit, so the instruction budget alone would let these run
// for seconds: the clock, asked after every instruction while there are large blocks, ends them.
TEST(RuleBudget, WallTimeEndsARuleOfFewButSlowInstructions) {
  RuleFixture fixture(
      {"local a = string.rep('0123456789', 60000) local b = a .. 'y' local c = a .. 'z' "
       "while b < c or true do end"},
      kBudgets);
  const auto before = std::chrono::steady_clock::now();
  EXPECT_THAT(fixture.say(), HasSubstr("the time budget is spent"));
  EXPECT_LT(std::chrono::steady_clock::now() - before, kPatience);
  EXPECT_LT(fixture.engine().costs()[0].instructions, kBudgets.instructions);
}

TEST(RuleBudget, InstructionsEndARuleWithTimeLeft) {
  RuleBudgets budgets;
  budgets.wall = std::chrono::seconds(60);
  RuleFixture fixture({"local n = 0 while true do n = n + 1 end"}, budgets);
  EXPECT_EQ(fixture.say(),
            "rule_budget_exceeded: rule `r1`: rules/r1.lua:1: the instruction budget is spent");
}

TEST(RuleBudget, MemoryEndsARuleWithTimeLeft) {
  RuleBudgets budgets;
  budgets.wall = std::chrono::seconds(60);
  budgets.instructions = 1'000'000'000;
  RuleFixture fixture({"local t = {} while true do t[#t + 1] = {} end"}, budgets);
  EXPECT_EQ(fixture.say(), "rule_budget_exceeded: rule `r1`: the memory budget is spent");
  EXPECT_LE(fixture.engine().costs()[0].memory_bytes_max, budgets.memory_bytes + 64 * 1024);
}

TEST(RuleBudget, JustBelowItARulePasses) {
  RuleBudgets budgets;
  budgets.wall = std::chrono::seconds(60);
  budgets.instructions = 200'000;
  // A numeric loop without a body is one instruction a turn.
  EXPECT_EQ(RuleFixture({"for i = 1, 199000 do end"}, budgets).say(), "allow");
  EXPECT_EQ(RuleFixture({"for i = 1, 201000 do end"}, budgets).say(),
            "rule_budget_exceeded: rule `r1`: rules/r1.lua:1: the instruction budget is spent");
}

TEST(RuleBudget, IsWholeAgainForEveryRuleAndRequest) {
  RuleFixture fixture({"for i = 1, 150000 do end", "for i = 1, 150000 do end"},
                      {.wall = std::chrono::seconds(60)});
  for (int i = 0; i < 5; ++i) EXPECT_EQ(fixture.say(), "allow");
}

}  // namespace
}  // namespace edgehold
