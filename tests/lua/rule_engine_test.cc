// SPDX-License-Identifier: Apache-2.0
// What rules see, how they answer, and which answer wins.
// Thread: one loop.
#include "lua/runtime/rule_engine.h"

#include <gmock/gmock.h>

#include "proxy/base/limits.h"
#include "tests/lua/rule_fixture.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::StartsWith;

// --- verdicts ------------------------------------------------------------------------------------

TEST(RuleVerdict, IsAllowForNothingTrueAndAllow) {
  for (const char* const body :
       {"", "return", "return nil", "return true", "return 'allow'", "return allow()"}) {
    EXPECT_EQ(RuleFixture({body}).say(), "allow") << body;
  }
}

TEST(RuleVerdict, IsAnErrorForAnythingElse) {
  for (const char* const body : {"return false", "return 1", "return 'deny'", "return 'Allow'",
                                 "return deny", "return {}", "return request", "return hold"}) {
    EXPECT_THAT(RuleFixture({body}).say(), StartsWith("rule_failed: rule `r1`: check returned"))
        << body;
  }
}

TEST(RuleVerdict, DenyAndHoldCarryTheirReason) {
  EXPECT_EQ(RuleFixture({"return deny('no')"}).say(), "deny: no");
  EXPECT_EQ(RuleFixture({"return hold('wait')"}).say(), "hold: wait");
  EXPECT_EQ(RuleFixture({"return hold { reason = 'wait' }"}).say(), "hold: wait");
}

TEST(RuleVerdict, DenyAndHoldNeedAReason) {
  for (const char* const body : {"return deny()", "return deny('')", "return deny(1)",
                                 "return hold {}", "return hold { reason = 5 }"}) {
    EXPECT_THAT(RuleFixture({body}).say(), HasSubstr("a reason is required")) << body;
  }
  EXPECT_THAT(RuleFixture({"return hold()"}).say(), StartsWith("rule_failed"));
}

TEST(RuleVerdict, HoldTakesItsTtlInSecondsOrUnits) {
  const std::vector<std::pair<const char*, std::int64_t>> cases = {
      {"1", 1}, {"900", 900}, {"'90s'", 90}, {"'15m'", 900}, {"'2h'", 7200}, {"'7d'", 604800}};
  for (const auto& [ttl, seconds] : cases) {
    RuleFixture fixture({std::string("return hold { reason = 'x', ttl = ") + ttl + " }"});
    const auto verdict = fixture.run("{}");
    ASSERT_TRUE(verdict) << ttl;
    EXPECT_EQ(verdict->ttl, std::chrono::seconds(seconds));
  }
  RuleFixture plain({"return hold { reason = 'x' }"});
  EXPECT_EQ(plain.run("{}")->ttl, std::nullopt);
}

TEST(RuleVerdict, HoldRefusesAnyOtherTtlAndKey) {
  for (const char* const ttl : {"0", "-1", "1.5", "''", "'m'", "'15'", "'15 m'", "'-5m'", "'8d'",
                                "604801", "true", "'99999999999999999999s'"}) {
    EXPECT_THAT(RuleFixture({std::string("return hold { reason = 'x', ttl = ") + ttl + " }"}).say(),
                HasSubstr("`ttl` must be"))
        << ttl;
  }
  EXPECT_THAT(RuleFixture({"return hold { reason = 'x', tll = 5 }"}).say(), HasSubstr("not `tll`"));
}

TEST(RuleVerdict, ReasonsAreCutToTheirLimit) {
  RuleFixture fixture({"return deny(('x'):rep(1000))"});
  EXPECT_EQ(fixture.run("{}")->reason.size(), limits::kRuleReasonBytesMax);
}

TEST(RuleEngine, FirstDenyWinsOverHoldAndLaterDeny) {
  RuleFixture fixture({"return hold('first')", "return deny('second')", "return deny('third')"});
  const auto verdict = fixture.run("{}");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->kind, RuleVerdict::Kind::kDeny);
  EXPECT_EQ(verdict->rule, "r2");
  EXPECT_EQ(fixture.engine().costs()[2].calls, 0u);
}

TEST(RuleEngine, FirstHoldWinsOverLaterOnes) {
  RuleFixture fixture({"", "return hold('second')", "return hold('third')"});
  const auto verdict = fixture.run("{}");
  ASSERT_TRUE(verdict);
  EXPECT_EQ(verdict->rule, "r2");
  EXPECT_EQ(verdict->reason, "second");
}

TEST(RuleEngine, ReturnsTheVerdictThatWasReturnedNotTheLastOneMade) {
  EXPECT_EQ(RuleFixture({"local d = deny('no') local h = hold('wait') return d"}).say(),
            "deny: no");
}

TEST(RuleEngine, ErrorInALaterRuleWinsOverAHold) {
  EXPECT_THAT(RuleFixture({"return hold('x')", "error('broken')"}).say(),
              StartsWith("rule_failed: rule `r2`: rules/r2.lua:1: broken"));
}

TEST(RuleEngine, NamesRuleFileAndLineOfAnError) {
  RuleFixture fixture({"\n\nlocal x = request.json.sender.trust"});
  EXPECT_EQ(fixture.say(),
            "rule_failed: rule `r1`: rules/r1.lua:3: attempt to index a nil value (field "
            "'sender')");
  EXPECT_EQ(fixture.engine().failedRule(), "r1");
}

TEST(RuleEngine, NamesTheKindOfAnErrorThatIsNoText) {
  EXPECT_EQ(RuleFixture({"error({})"}).say(), "rule_failed: rule `r1`: the error value is a table");
  EXPECT_EQ(RuleFixture({"error()"}).say(), "rule_failed: rule `r1`: the error value is a nil");
}

TEST(RuleEngine, CountsWhatEachRuleCosts) {
  RuleFixture fixture(
      {"if request.json.n == 1 then return deny('x') end "
       "if request.json.n == 2 then return hold('x') end "
       "if request.json.n == 3 then error('x') end "
       "for i = 1, 1000 do end"});
  for (const char* const body : {R"({"n":1})", R"({"n":2})", R"({"n":3})", R"({"n":4})"}) {
    fixture.say(body);
  }
  const RuleCost& cost = fixture.engine().costs()[0];
  EXPECT_EQ(cost.rule, "r1");
  EXPECT_EQ(cost.calls, 4u);
  EXPECT_EQ(cost.denies, 1u);
  EXPECT_EQ(cost.holds, 1u);
  EXPECT_EQ(cost.errors, 1u);
  EXPECT_GE(cost.instructions, 1000u);
  EXPECT_LE(cost.instructions, 1500u);
  EXPECT_GT(cost.time, Duration::zero());
}

TEST(RuleEngine, AnEmptySetAllows) { EXPECT_EQ(RuleFixture(RuleFiles{}).say(), "allow"); }

// --- request -------------------------------------------------------------------------------------

struct Reading {
  const char* expression;
  const char* text;
};

class RequestReading : public testing::TestWithParam<Reading> {};

TEST_P(RequestReading, Gives) {
  RuleFixture fixture({std::string("return deny(tostring(") + GetParam().expression + "))"});
  Exchange& exchange = fixture.newExchange(
      R"({"s":"text","i":42,"f":1.5,"t":true,"n":null,"big":18446744073709551615,)"
      R"("neg":-7,"list":[10,null,"c"],"empty":[],"o":{"a/b":1,"m~n":2,"x":{"y":"deep"}}})");
  exchange.request.method_token = "PUT";
  exchange.request.target.path = "/a/b";
  exchange.request.target.query = "x=1&y=a%20b+c&z=&w&d=1&d=2";
  exchange.request.authority = "bot.example";
  exchange.request.headers.add("X-One", "1");
  exchange.request.headers.add("Accept", "a");
  exchange.request.headers.add("accept", "b");
  exchange.client.address = *IpAddress::parse("203.0.113.9");
  exchange.client.peer.ip = *IpAddress::parse("10.0.0.1");
  exchange.client.is_secure = true;
  exchange.facts.event_type = "message";
  exchange.facts.timestamp_ms = 1'700'000'000'123;
  exchange.request_id = "abc";
  EXPECT_EQ(fixture.again(), std::string("deny: ") + GetParam().text);
}

INSTANTIATE_TEST_SUITE_P(
    Fields, RequestReading,
    testing::Values(
        Reading{"request.method", "PUT"}, Reading{"request.path", "/a/b"},
        Reading{"request.host", "bot.example"}, Reading{"request.id", "abc"},
        Reading{"request.route", "nil"}, Reading{"request.query", "x=1&y=a%20b+c&z=&w&d=1&d=2"},
        Reading{"request.query_args.x", "1"}, Reading{"request.query_args.y", "a b c"},
        Reading{"request.query_args.z == ''", "true"},
        Reading{"request.query_args.w == ''", "true"}, Reading{"request.query_args.none", "nil"},
        Reading{"request.headers['x-one']", "1"}, Reading{"request.headers['X-ONE']", "1"},
        Reading{"request.headers:get('x-one')", "1"}, Reading{"request.headers['accept']", "a, b"},
        Reading{"request.headers['x-two']", "nil"}, Reading{"request.client.ip", "203.0.113.9"},
        Reading{"request.client.network", "203.0.113.9"},
        Reading{"request.client.peer_ip", "10.0.0.1"}, Reading{"request.client.tls", "true"},
        Reading{"request.client.trusted", "false"}, Reading{"request.facts.event_type", "message"},
        Reading{"request.facts.sender", "nil"},
        Reading{"request.facts.timestamp_ms", "1700000000123"}, Reading{"request.body_size", "152"},
        Reading{"request", "request"}, Reading{"request.headers", "request.headers"}));

INSTANTIATE_TEST_SUITE_P(
    Json, RequestReading,
    testing::Values(
        Reading{"request.json", "json"}, Reading{"request.json.s", "text"},
        Reading{"request.json.i", "42"}, Reading{"math.type(request.json.i)", "integer"},
        Reading{"request.json.f", "1.5"}, Reading{"request.json.neg", "-7"},
        Reading{"math.type(request.json.big)", "float"}, Reading{"request.json.t", "true"},
        Reading{"request.json.n", "nil"}, Reading{"request.json.none", "nil"},
        Reading{"json.kind(request.json, 'n')", "null"},
        Reading{"json.kind(request.json, 'none')", "nil"},
        Reading{"json.kind(request.json)", "object"}, Reading{"json.kind(nil)", "nil"},
        Reading{"json.kind('x')", "string"}, Reading{"json.kind(1.5)", "number"},
        Reading{"json.kind(request.json, 'list')", "array"},
        Reading{"json.kind(request.json, 't')", "boolean"},
        Reading{"json.kind(request.json, 'i')", "number"},
        Reading{"json.kind(request.json, 's')", "string"}, Reading{"#request.json.list", "3"},
        Reading{"#request.json.empty", "0"}, Reading{"#request.json.o", "3"},
        Reading{"request.json.list[1]", "10"}, Reading{"request.json.list[3]", "c"},
        Reading{"request.json.list[0]", "nil"}, Reading{"request.json.list[4]", "nil"},
        Reading{"request.json.list[-1]", "nil"}, Reading{"request.json.list['1']", "nil"},
        Reading{"request.json[1]", "nil"}, Reading{"request.json.o.x.y", "deep"},
        Reading{"json.get(request.json, '/o/x/y')", "deep"},
        Reading{"json.get(request.json, '/o/a~1b')", "1"},
        Reading{"json.get(request.json, '/o/m~0n')", "2"},
        Reading{"json.get(request.json, '/list/0')", "10"},
        Reading{"json.get(request.json, '/list/01')", "nil"},
        Reading{"json.get(request.json, '/list/3')", "nil"},
        Reading{"json.get(request.json, '/list/-')", "nil"},
        Reading{"json.get(request.json, '/s/x')", "nil"},
        Reading{"json.get(request.json, '/none/x')", "nil"},
        Reading{"json.get(request.json, '')", "json"},
        Reading{"json.get(request.json.o, '/x/y')", "deep"},
        Reading{"request.json == request.json", "true"}, Reading{"request.json_error", "nil"}));

INSTANTIATE_TEST_SUITE_P(
    Values, RequestReading,
    testing::Values(Reading{"now.unix", "1700000000"}, Reading{"now.unix_ms", "1700000000000"},
                    Reading{"now.year", "2023"}, Reading{"now.month", "11"},
                    Reading{"now.day", "14"}, Reading{"now.hour", "22"},
                    Reading{"now.minute", "13"}, Reading{"now.second", "20"},
                    Reading{"now.weekday", "2"}, Reading{"now.at('+08:00').hour", "6"},
                    Reading{"now.at('+08:00').day", "15"}, Reading{"now.at('-03:30').hour", "18"},
                    Reading{"now.at('-03:30').minute", "43"}, Reading{"now.at('Z').hour", "22"},
                    Reading{"ip.in_cidr(request.client.ip, '203.0.113.0/24')", "true"},
                    Reading{"ip.in_cidr(request.client.ip, '10.0.0.0/8')", "false"},
                    Reading{"ip.in_cidr('::1', '::/0')", "true"},
                    Reading{"ip.is_private(request.client.peer_ip)", "true"},
                    Reading{"tostring({})", "table"}, Reading{"tostring(deny)", "function"}));

TEST(RequestReading, RefusesNamesThatDoNotExist) {
  for (const char* const expression :
       {"request.body_sise", "request.client.port", "request.facts.actoin", "now.hours",
        "request[1]", "request.facts[1]"}) {
    EXPECT_THAT(RuleFixture({std::string("return ") + expression}).say(),
                StartsWith("rule_failed: rule `r1`: rules/r1.lua:1: "))
        << expression;
  }
}

TEST(RequestReading, GivesTheNetworkThatAnIpv6ClientHas) {
  RuleFixture fixture({"return deny(request.client.ip .. ' ' .. request.client.network)"});
  fixture.newExchange().client.address = *IpAddress::parse("2001:db8:1:2:3:4:5:6");
  EXPECT_EQ(fixture.again(), "deny: 2001:db8:1:2:3:4:5:6 2001:db8:1:2::");
}

TEST(RequestReading, RefusesARepeatedQueryParameter) {
  RuleFixture fixture({"return deny(request.query_args.d)"});
  fixture.newExchange().request.target.query = "d=1&%64=2";
  EXPECT_THAT(fixture.again(), HasSubstr("query parameter `d` is repeated"));
}

TEST(RequestReading, TellsWhyThereIsNoJson) {
  const std::string body =
      "local why = request.json_error "
      "return deny(tostring(request.json) .. ' ' .. tostring(why))";
  EXPECT_EQ(RuleFixture({body}).say(""), "deny: nil nil");
  EXPECT_THAT(RuleFixture({body}).say("{\"a\":"), StartsWith("deny: nil "));
  EXPECT_NE(RuleFixture({body}).say("{\"a\":"), "deny: nil nil");
  EXPECT_NE(RuleFixture({body}).say(R"({"a":1,"A":2})"), "deny: nil nil");
  RuleFixture uncollected({body});
  uncollected.newExchange("");
  uncollected.exchange().is_body_complete = false;
  uncollected.exchange().request.body = BodyLength::known(5);
  EXPECT_EQ(uncollected.again(), "deny: nil the body was not collected");
}

// A body that only another parser can read must not pass a rule as if it were none.
TEST(RequestReading, RefusesABodyThatIsNoJsonWhenARuleReadsIt) {
  const std::string body =
      "local event = request.json if event and #event.text > 3 then "
      "return deny('long') end";
  EXPECT_EQ(RuleFixture({body}).say(""), "allow");
  EXPECT_EQ(RuleFixture({body}).say(R"({"text":"abcd"})"), "deny: long");
  for (const std::string_view hidden :
       {R"({"x":1,"x":1,"text":"abcd"})", R"({"text":"a","text":"abcd"})",
        R"({"Text":"","text":"abcd"})", "\xEF\xBB\xBF{\"text\":\"abcd\"}", "\x1F\x8B\x08",
        R"({"x":1e400,"text":"abcd"})", "{\"x\":\"\xFF\",\"text\":\"abcd\"}"}) {
    EXPECT_THAT(RuleFixture({body}).say(hidden), StartsWith("json_invalid")) << hidden;
  }
  // Each rule asks for itself; what fails for another reason keeps its own.
  EXPECT_THAT(RuleFixture({"tag('why', request.json_error or '')", body}).say("{"),
              StartsWith("json_invalid"));
  EXPECT_THAT(RuleFixture({"if request.json_error then error('x') end"}).say("{"),
              StartsWith("rule_failed"));
}

TEST(RequestReading, JsonGetOfNoJsonIsAnError) {
  EXPECT_THAT(RuleFixture({"local why = request.json_error return json.get(request.json, '/a')"})
                  .say("nonsense"),
              HasSubstr("JSON expected"));
  for (const char* const pointer : {"a", "/a~2", "/~"}) {
    EXPECT_THAT(RuleFixture({std::string("return json.get(request.json, '") + pointer + "')"})
                    .say(R"({"a~2":1})"),
                StartsWith("rule_failed"))
        << pointer;
  }
}

TEST(RequestReading, WalksObjectsAndArraysInOrder) {
  RuleFixture fixture(
      {"local said = '' "
       "for key, value in json.each(request.json) do said = said .. key .. '=' .. tostring(value) "
       ".. ' ' end "
       "for i, value in pairs(request.json.l) do said = said .. i .. ':' .. tostring(value) .. ' ' "
       "end "
       "for i, value in ipairs(request.json.l) do said = said .. i .. '!' .. value .. ' ' end "
       "return deny(said)"});
  EXPECT_EQ(fixture.say(R"({"b":1,"a":null,"l":[7,null,8]})"),
            "deny: b=1 a=nil l=json 1:7 2:nil 3:8 1!7 ");
}

// --- facts ---------------------------------------------------------------------------------------

TEST(RuleFacts, AreSetForTheExchangeAndLaterRules) {
  RuleFixture fixture({"set_fact('action', 'mass_send') tag('campaign', 'spring')",
                       "return deny(request.facts.action)"});
  EXPECT_EQ(fixture.say(), "deny: mass_send");
  EXPECT_EQ(fixture.exchange().facts.action, "mass_send");
  ASSERT_EQ(fixture.exchange().facts.tags.size(), 1u);
  EXPECT_EQ(fixture.exchange().facts.tags[0].first, "campaign");
  EXPECT_EQ(fixture.exchange().facts.tags[0].second, "spring");
}

TEST(RuleFacts, AreNotSetByAShadow) {
  RuleFixture fixture({"set_fact('action', 'mass_send') tag('a', 'b') return deny('x')"});
  fixture.newExchange().is_shadow = true;
  EXPECT_EQ(fixture.again(), "deny: x");
  EXPECT_EQ(fixture.exchange().facts.action, "");
  EXPECT_TRUE(fixture.exchange().facts.tags.empty());
}

TEST(RuleFacts, ATagIsReplacedAndTheirNumberIsBounded) {
  RuleFixture same({"for i = 1, 100 do tag('a', 'v' .. i) end"});
  EXPECT_EQ(same.say(), "allow");
  ASSERT_EQ(same.exchange().facts.tags.size(), 1u);
  EXPECT_EQ(same.exchange().facts.tags[0].second, "v100");

  RuleFixture full({"for i = 1, request.json.n do tag('a' .. i, 'v') end"});
  EXPECT_EQ(full.say(R"({"n":16})"), "allow");
  static_assert(limits::kTagCountMax == 16);
  EXPECT_THAT(full.say(R"({"n":17})"), HasSubstr("at most 16 tags"));
}

TEST(RuleFacts, RolesOfThePrincipalAreSeenAndNotGivenByRules) {
  RuleFixture fixture({"return deny(request.facts.roles or 'none')"});
  EXPECT_EQ(fixture.say(), "deny: none");
  fixture.newExchange().facts.tags.emplace_back(kRolesTag, "deploy,read");
  EXPECT_EQ(fixture.again(), "deny: deploy,read");
  EXPECT_THAT(RuleFixture({"tag('roles', 'root')"}).say(), StartsWith("rule_failed"));
  EXPECT_THAT(RuleFixture({"set_fact('roles', 'root')"}).say(), StartsWith("rule_failed"));
}

TEST(RuleFacts, HaveBoundedValues) {
  EXPECT_EQ(RuleFixture({"set_fact('group', ('x'):rep(256))"}).say(), "allow");
  for (const char* const body :
       {"set_fact('group', ('x'):rep(257))", "set_fact('group', '')", "set_fact('group', 5)",
        "set_fact('weather', 'x')", "tag('', 'x')", "set_fact('channel', 'x')"}) {
    EXPECT_THAT(RuleFixture({body}).say(), StartsWith("rule_failed")) << body;
  }
}

// --- engines -------------------------------------------------------------------------------------

std::shared_ptr<const RuleSet> setOf(const std::string& body) {
  return *RuleSet::fromSources(
      {{"rules/r.lua", "return { id = 'r', check = function() " + body + " end }"}});
}

TEST(RuleEngines, KeepOneEnginePerLiveSet) {
  const SystemClock clock;
  RuleWatch watch;
  RuleEngines engines(clock, watch);
  auto a = setOf("");
  auto b = setOf("return deny('b')");
  RuleEngine* const engine = &engines.engineFor(a);
  EXPECT_EQ(&engines.engineFor(a), engine);
  EXPECT_NE(&engines.engineFor(b), engine);
  EXPECT_EQ(engines.size(), 2u);
  a.reset();
  auto c = setOf("");
  engines.engineFor(c);
  EXPECT_EQ(engines.size(), 2u);
  b.reset();
  c.reset();
  engines.sweep();
  EXPECT_EQ(engines.size(), 0u);
}

}  // namespace
}  // namespace edgehold
