// SPDX-License-Identifier: Apache-2.0
// The verbs as an operator types them: what they print where, and what they exit with. Those that
// ask a running edgehold ask an admin listener with scripted operations.
#include <filesystem>
#include <map>
#include <sstream>

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "proxy/base/json_tree.h"
#include "proxy/server/commands/command.h"
#include "tests/server/admin_house.h"
#include "tests/server/held_exchange.h"
#include "tests/support/jws_signer.h"

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::Not;

constexpr std::string_view kMinimal = R"(listen: {address: "127.0.0.1:0", clear_text: true}
upstreams: {agent: {url: "http://127.0.0.1:9"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
)";

struct Ran {
  ExitCode code = ExitCode::kOk;
  std::string out;
  std::string err;
  Json::Value tree() const { return parseJsonTree(out).value_or(Json::Value()); }
};

class CommandsTest : public testing::Test {
 protected:
  Ran run(const std::vector<std::string>& arguments) {
    const ParsedOptions parsed = parseOptions(arguments, "1.2.3");
    if (!parsed.options) return {parsed.exit_code, parsed.out, parsed.err};
    std::ostringstream out, err;
    std::istringstream in(input_);
    const CommandWorld world{
        registry_, clock_, [this](const std::string& name) { return lookUp(name); }, "1.2.3", out,
        err,       &in};
    const ExitCode code = runCommand(*parsed.options, world);
    return {code, out.str(), err.str()};
  }
  // With the house's socket.
  Ran ask(std::vector<std::string> arguments) {
    arguments.insert(arguments.begin(), {"--admin", house_.socketPath()});
    return run(arguments);
  }
  std::string file(const std::string& name, std::string_view text) {
    const std::string path = house_.directory().file(name);
    writeWhole(path, text);
    return path;
  }
  std::optional<std::string> lookUp(const std::string& name) const {
    const auto found = environment_.find(name);
    if (found == environment_.end()) return std::nullopt;
    return found->second;
  }

  std::string input_;
  FilterRegistry registry_;
  SystemClock clock_;
  std::map<std::string, std::string> environment_;
  AdminHouse house_;
};

TEST_F(CommandsTest, VersionIsPrintedForPeopleAndPrograms) {
  EXPECT_EQ(run({"version"}).out, "edgehold 1.2.3\n");
  EXPECT_EQ(stringMember(run({"version", "--json"}).tree(), "version"), "1.2.3");
}

TEST_F(CommandsTest, CheckOfAGoodFileTellsItsVersionAndRoutes) {
  const std::string path = file("a.yaml", kMinimal);
  const Ran ran = run({"check", "-c", path});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("policy "));
  EXPECT_THAT(ran.out, testing::ContainsRegex("all +any +/ +agent +none"));
  EXPECT_EQ(ran.err, "");
  const Ran json = run({"check", "-c", path, "--json"});
  EXPECT_EQ(boolMember(json.tree(), "is_ok"), true);
  EXPECT_THAT(ran.out, HasSubstr(stringMember(json.tree(), "policy_version").value_or("?")));
}

TEST_F(CommandsTest, CheckTellsEveryMistakeOnALineOfItsOwn) {
  const std::string path = file("a.yaml", std::string(kMinimal) + "colour: red\nworkers: many\n");
  const Ran ran = run({"check", "-c", path});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_EQ(ran.out, "");
  EXPECT_THAT(ran.err, HasSubstr(path + ":7:1: unknown key `colour`"));
  EXPECT_THAT(ran.err, HasSubstr(path + ":8:10: workers"));
  const Ran json = run({"check", "-c", path, "--json"});
  EXPECT_EQ(json.code, ExitCode::kUsage);
  EXPECT_EQ(boolMember(json.tree(), "is_ok"), false);
  EXPECT_EQ(anyMember(json.tree(), "errors")->size(), 2u);
}

// Signs anything for the platform `paper`.
class PaperChannel final : public Filter {
 public:
  explicit PaperChannel(bool has_key) : has_key_(has_key) {}
  std::optional<Result<SampleRequest>> sample(const SampleWish& wish) const override {
    if (wish.platform != "paper") return std::nullopt;
    if (!has_key_) return Result<SampleRequest>(fail("no secret has resolved"));
    if (wish.signing_key != nullptr) return SampleRequest{"POST", "by=key", {}, "signed"};
    return SampleRequest{"POST",
                         "sig=1&n=2",
                         {{"X-Ink", "it's blue"}},
                         wish.body.empty() ? "a 'quoted' body" : wish.body};
  }

 private:
  const bool has_key_;
};

class ChannelCommandTest : public CommandsTest {
 protected:
  ChannelCommandTest() {
    registry_.add({"paper", FilterRank::kChannel, [](ConfigReader& config, const FilterBuild&) {
                     const bool has_key = config.boolean("has_key", true);
                     config.finish();
                     return std::make_unique<PaperChannel>(has_key);
                   }});
  }
  std::string policy(const std::string& filter, const std::string& match = "path: /hook") {
    return file("a.yaml",
                "listen: {address: \"0.0.0.0:8443\", clear_text: true}\n"
                "upstreams: {agent: {url: \"http://127.0.0.1:9\"}}\n"
                "routes:\n"
                "  - {name: other, match: {path: /x}, upstream: agent}\n"
                "  - name: bot\n    match: {" +
                    match +
                    "}\n    upstream: agent\n"
                    "    filters: [" +
                    filter + "]\n");
  }
};

TEST_F(ChannelCommandTest, ChannelSignPrintsACommandThatAShellTakesAsItIs) {
  const Ran ran = run({"channel", "sign", "paper", "-c", policy("paper")});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_EQ(ran.out, R"(curl -sS -i -X POST \
  -H 'X-Ink: it'\''s blue' \
  --data-binary 'a '\''quoted'\'' body' \
  'http://localhost:8443/hook?sig=1&n=2'
)");
}

TEST_F(ChannelCommandTest, ChannelSignTellsProgramsTheParts) {
  const std::string path = policy("paper", "path: /hook, hosts: [bot.example.org]");
  const std::string body = file("body.json", "{}");
  const Ran json = run({"channel", "sign", "paper", "-c", path, "--json", "--body", body, "--route",
                        "bot", "--url", "https://edge.example.org/"});
  const Json::Value tree = json.tree();
  EXPECT_EQ(stringMember(tree, "url"), "https://edge.example.org/hook?sig=1&n=2");
  EXPECT_EQ(stringMember(tree, "body"), "{}");
  EXPECT_EQ(stringMember(tree, "route"), "bot");
  EXPECT_THAT(run({"channel", "sign", "paper", "-c", path}).out,
              HasSubstr("'Host: bot.example.org'"));
}

TEST_F(ChannelCommandTest, ChannelSignSignsWithTheKeyOfAFile) {
  const std::string key = file("key.pem", JwsSigner(JwsAlgorithm::kEdDsa).privatePem());
  const Ran ran = run({"channel", "sign", "paper", "-c", policy("paper"), "--signing-key", key});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, HasSubstr("by=key"));
}

TEST_F(ChannelCommandTest, ChannelSignTellsWhyAKeyIsNoneAndNothingOfIt) {
  const std::string path = policy("paper");
  const std::string text = "-----BEGIN PRIVATE KEY-----\nc2VjcmV0\n-----END PRIVATE KEY-----\n";
  const Ran ran =
      run({"channel", "sign", "paper", "-c", path, "--signing-key", file("key.pem", text)});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("key.pem` is no private key in PEM without a passphrase"));
  EXPECT_THAT(ran.err, Not(HasSubstr("c2VjcmV0")));
  EXPECT_EQ(ran.out, "");
  const Ran lost = run({"channel", "sign", "paper", "-c", path, "--signing-key", "/nonexistent"});
  EXPECT_EQ(lost.code, ExitCode::kUsage);
  EXPECT_THAT(lost.err, HasSubstr("/nonexistent"));
}

TEST_F(ChannelCommandTest, ChannelSignSaysWhyThereIsNone) {
  const std::string path = policy("paper");
  const Ran unknown = run({"channel", "sign", "stone", "-c", path});
  EXPECT_EQ(unknown.code, ExitCode::kUsage);
  EXPECT_THAT(unknown.err, HasSubstr("no route has a channel `stone`"));
  const Ran elsewhere = run({"channel", "sign", "paper", "-c", path, "--route", "other"});
  EXPECT_EQ(elsewhere.code, ExitCode::kUsage);
  EXPECT_THAT(elsewhere.err, HasSubstr("the route `other` has no channel `paper`"));
  EXPECT_EQ(run({"channel", "sign", "paper", "-c", path, "--body", "/nonexistent"}).code,
            ExitCode::kUsage);
  const Ran keyless = run({"channel", "sign", "paper", "-c", policy("paper: {has_key: false}")});
  EXPECT_EQ(keyless.code, ExitCode::kFailure);
  EXPECT_THAT(keyless.err, HasSubstr("no secret has resolved"));
}

TEST_F(CommandsTest, SecretsStatusTellsWhatIsDueAndNeverASecret) {
  registry_.add({"keyed", FilterRank::kChannel, [](ConfigReader& config, const FilterBuild& build) {
                   EXPECT_TRUE(build.secrets.resolve(config.text("secret")));
                   config.finish();
                   return std::make_unique<PaperChannel>(true);
                 }});
  const auto policy = [&](const std::string& secret) {
    return file("a.yaml",
                std::string(kMinimal) + "    filters: [keyed: {secret: \"" + secret + "\"}]\n");
  };
  environment_["KEY"] = "hunter2";
  const Ran good = run({"secrets", "status", "-c", policy("${env:KEY}")});
  EXPECT_EQ(good.code, ExitCode::kOk) << good.err;
  EXPECT_THAT(good.out, testing::ContainsRegex("env:KEY. +1 +not known +good"));
  EXPECT_THAT(good.out, Not(HasSubstr("hunter2")));

  const Ran lost = run({"secrets", "status", "-c", policy("${env:LOST}"), "--json"});
  EXPECT_EQ(lost.code, ExitCode::kGate);
  EXPECT_EQ(intMember(lost.tree()[0], "live_versions"), 0);

  const std::string key = file("key", "hunter2");
  const auto long_ago = std::filesystem::file_time_type::clock::now() - std::chrono::hours(24 * 31);
  std::filesystem::last_write_time(key, long_ago);
  const Ran due = run({"secrets", "status", "-c", policy("${file:" + key + "}")});
  EXPECT_EQ(due.code, ExitCode::kGate);
  EXPECT_THAT(due.out, HasSubstr("rotate it: older than 30 days"));
  EXPECT_EQ(run({"secrets", "status", "-c", file("b.yaml", kMinimal)}).out,
            "no secret is referred to\n");
}

TEST_F(CommandsTest, CheckOfAMissingFileIsAMistakeThatNamesIt) {
  const Ran ran = run({"check", "-c", "/nonexistent.yaml"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("/nonexistent.yaml"));
}

TEST_F(CommandsTest, RunWithMistakesIsAUsageErrorThatTellsThem) {
  const Ran ran = run({"run", "-c", "/nonexistent.yaml"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("/nonexistent.yaml"));
}

TEST_F(CommandsTest, NobodyAtTheSocketIsAFailureThatSaysWhatToTry) {
  for (const char* const verb : {"status", "reload"}) {
    const Ran ran = ask({verb});
    EXPECT_EQ(ran.code, ExitCode::kFailure);
    EXPECT_THAT(ran.err, HasSubstr(house_.socketPath()));
    EXPECT_THAT(ran.err, HasSubstr("--admin"));
    EXPECT_EQ(ran.out, "");
  }
}

TEST_F(CommandsTest, PlaceThatIsNoneIsAUsageError) {
  EXPECT_EQ(run({"--admin", "nowhere", "status"}).code, ExitCode::kUsage);
  environment_["EDGEHOLD_ADMIN"] = "nowhere";
  const Ran ran = run({"status"});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("$EDGEHOLD_ADMIN"));
}

TEST_F(CommandsTest, SocketIsFoundInTheEnvironmentAndInTheConfiguration) {
  house_.open();
  environment_["EDGEHOLD_ADMIN"] = house_.socketPath();
  EXPECT_EQ(run({"status"}).code, ExitCode::kOk);
  environment_["EDGEHOLD_ADMIN"] = "/nonexistent/admin.sock";
  EXPECT_EQ(run({"status"}).code, ExitCode::kFailure);
  const std::string path =
      file("a.yaml", std::string(kMinimal) + "admin: {socket: " + house_.socketPath() + "}\n");
  const Ran ran = run({"status", "-c", path});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
}

TEST_F(CommandsTest, BrokenConfigurationCannotNameTheSocket) {
  const Ran ran = run({"status", "-c", file("a.yaml", "colour: red\n")});
  EXPECT_EQ(ran.code, ExitCode::kUsage);
  EXPECT_THAT(ran.err, HasSubstr("--admin"));
}

TEST_F(CommandsTest, StatusIsToldForPeopleAndPrograms) {
  ServerStatus& status = house_.operations().told_status;
  status.policy_version = "abcdef";
  status.is_ready = true;
  status.listeners = {"https://127.0.0.1:1", "https://127.0.0.1:2"};
  status.warnings = {"mind \x1b[31mthe gap"};
  house_.open();
  const Ran ran = ask({"status"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_THAT(ran.out, testing::ContainsRegex("state +ready\n"));
  EXPECT_THAT(ran.out, testing::ContainsRegex("policy +abcdef\n"));
  EXPECT_THAT(ran.out,
              testing::ContainsRegex("listening +https://127.0.0.1:1\n +https://127.0.0.1:2\n"));
  EXPECT_THAT(ran.out, HasSubstr("mind \\x1b[31mthe gap"));
  EXPECT_EQ(stringMember(ask({"--json", "status"}).tree(), "policy_version"), "abcdef");
}

TEST_F(CommandsTest, RulesAreShownByCost) {
  using namespace std::chrono_literals;
  house_.operations().rule_reports = {{.rule = "cheap",
                                       .calls = 10,
                                       .errors = 1,
                                       .instructions = 50,
                                       .time = 20us,
                                       .time_max = 9us,
                                       .memory_bytes_max = 2048},
                                      {.rule = "dear",
                                       .calls = 2,
                                       .instructions = 9000,
                                       .time = 3500us,
                                       .time_max = 2000us,
                                       .memory_bytes_max = 1024,
                                       .is_quarantined = true,
                                       .cooling = 29500ms,
                                       .quarantines = 1}};
  house_.operations().told_status.quarantined_rules = {"dear"};
  house_.open();
  const Ran ran = ask({"rules", "top"});
  EXPECT_EQ(ran.code, ExitCode::kOk) << ran.err;
  EXPECT_THAT(ran.out, testing::ContainsRegex("dear +2 +0 +3.500 ms +1.750 ms +2.000 ms +9000 +1 "
                                              "KiB +quarantined, next try in 30 s"));
  EXPECT_LT(ran.out.find("dear"), ran.out.find("cheap"));
  const std::string by_memory = ask({"rules", "top", "--by", "memory"}).out;
  EXPECT_LT(by_memory.find("cheap"), by_memory.find("dear"));
  const std::string by_calls = ask({"rules", "top", "--by", "calls"}).out;
  EXPECT_LT(by_calls.find("cheap"), by_calls.find("dear"));
  const Json::Value tree = ask({"--json", "rules", "top"}).tree();
  ASSERT_EQ(tree.size(), 2u);
  EXPECT_EQ(stringMember(tree[0], "rule"), "dear");
  EXPECT_EQ(boolMember(tree[0], "is_quarantined"), true);
  EXPECT_EQ(intMember(tree[1], "microseconds"), 20);
  EXPECT_EQ(ask({"rules", "top", "--by", "colour"}).code, ExitCode::kUsage);
  EXPECT_THAT(ask({"status"}).out, testing::ContainsRegex("not run +dear"));
}

TEST_F(CommandsTest, ReloadSaysWhatIsInForce) {
  house_.operations().told_report = {true, "beef", {}, {"a secret is old"}, {}};
  house_.open();
  const Ran ran = ask({"reload"});
  EXPECT_EQ(ran.code, ExitCode::kOk);
  EXPECT_THAT(ran.out, HasSubstr("policy beef in force"));
  EXPECT_THAT(ran.out, HasSubstr("a secret is old"));
}

TEST_F(CommandsTest, OnlyTheFlagAllowsADowngrade) {
  house_.operations().told_report = {true, "beef", {}, {}, {"admin.address: opens"}};
  house_.open();
  EXPECT_THAT(ask({"reload"}).out, HasSubstr("weaker than before: admin.address: opens"));
  EXPECT_FALSE(house_.operations().asked.allows_downgrade);
  EXPECT_THAT(house_.operations().asked.who, testing::StartsWith("uid:"));
  ask({"reload", "--allow-downgrade"});
  EXPECT_TRUE(house_.operations().asked.allows_downgrade);
  ask({"policy", "rollback", "beef"});
  EXPECT_FALSE(house_.operations().asked.allows_downgrade);
  EXPECT_EQ(house_.operations().rolled_back_to, "beef");
  ask({"policy", "rollback", "beef", "--allow-downgrade"});
  EXPECT_TRUE(house_.operations().asked.allows_downgrade);
}

TEST_F(CommandsTest, DiffOfOnePolicyHasNothingToCompare) {
  house_.open();
  const Ran ran = ask({"policy", "diff"});
  EXPECT_EQ(ran.code, ExitCode::kFailure);
  EXPECT_THAT(ran.err, HasSubstr("no earlier policy"));
}

TEST_F(CommandsTest, RefusedReloadTellsEveryErrorAndFails) {
  house_.operations().told_report = {
      false, "old", {"a.yaml:1:2: x: no", "a.yaml:3:4: y: no"}, {}, {}};
  house_.open();
  const Ran ran = ask({"reload"});
  EXPECT_EQ(ran.code, ExitCode::kFailure);
  EXPECT_THAT(ran.err, HasSubstr("a.yaml:1:2: x: no\na.yaml:3:4: y: no\n"));
  EXPECT_EQ(ran.out, "");
  const Ran json = ask({"--json", "reload"});
  EXPECT_EQ(json.code, ExitCode::kFailure);
  EXPECT_EQ(stringMember(json.tree(), "reason"), "policy_refused");
}

TEST_F(CommandsTest, ApprovalsAreListedShownAndDecided) {
  HeldExchange held;
  // As the house's loop sees it, the hold is made now and lives for an hour.
  held.loop().fakeClock().jumpWall(clock_.wallNow() - held.loop().clock().wallNow());
  const std::string id = held.holdIn(house_.operations().store).approval_id;
  const std::string other = held.holdIn(house_.operations().store).approval_id;
  house_.open();

  const Ran listed = ask({"approvals", "list"});
  EXPECT_EQ(listed.code, ExitCode::kOk) << listed.err;
  EXPECT_THAT(listed.out, HasSubstr(id));
  EXPECT_THAT(listed.out, HasSubstr("mass_send"));
  const Ran shown = ask({"approvals", "show", id});
  EXPECT_THAT(shown.out, HasSubstr("POST /broadcast\n"));
  EXPECT_THAT(shown.out, HasSubstr("{\"to\":\"all\"}\n"));
  EXPECT_THAT(shown.out, Not(HasSubstr("s3cr3t")));

  const Ran approved = ask({"approvals", "approve", id, "--reason", "checked", "--who", "ann"});
  EXPECT_EQ(approved.code, ExitCode::kOk) << approved.err;
  EXPECT_THAT(approved.out, HasSubstr("ann via uid:" + std::to_string(::getuid())));
  const Ran again = ask({"approvals", "deny", id, "--reason", "no"});
  EXPECT_EQ(again.code, ExitCode::kFailure);
  EXPECT_THAT(again.err, HasSubstr("decided already"));
  EXPECT_EQ(ask({"approvals", "deny", other, "--reason", "no", "--json"}).code, ExitCode::kOk);

  EXPECT_EQ(ask({"approvals", "list"}).out, "nothing pending\n");
  EXPECT_EQ(ask({"approvals", "list", "--state", "any", "--json"}).tree()["approvals"].size(), 2u);
  EXPECT_EQ(ask({"approvals", "list", "--state", "any", "--limit", "1", "--json"})
                .tree()["approvals"]
                .size(),
            1u);
}

TEST_F(CommandsTest, SessionEndTellsHowManyThereWere) {
  house_.operations().told_ended = 2;
  house_.open();
  const std::vector<std::string> words = {"session", "end", "wx1", "o-1", "--reason", "floods"};
  const Ran ended = ask(words);
  EXPECT_EQ(ended.code, ExitCode::kOk) << ended.err;
  EXPECT_EQ(ended.out, "2 sessions of wx1:o-1 ended\n");
  house_.close();
  EXPECT_EQ(house_.operations().acts.back(), "end wx1 o-1");
  EXPECT_EQ(ask(words).code, ExitCode::kFailure);
}

TEST_F(CommandsTest, SessionEndOfNobodyIsNoFailure) {
  house_.open();
  EXPECT_EQ(ask({"session", "end", "wx1", "o-1", "--reason", "floods"}).out,
            "wx1:o-1 has no session\n");
  const Ran json = ask({"session", "end", "wx1", "o-1", "--reason", "floods", "--json"});
  EXPECT_EQ(intMember(json.tree(), "ended"), 0);
}

TEST_F(CommandsTest, ApprovalIdThatIsNoneIsNotSent) {
  for (const char* const id : {"../reload", "a/b", "a?b", "a b"}) {
    EXPECT_EQ(ask({"approvals", "show", id}).code, ExitCode::kUsage) << id;
    EXPECT_EQ(ask({"approvals", "deny", id, "--reason", "x"}).code, ExitCode::kUsage) << id;
  }
}

std::string auditLine(const std::string& when, const std::string& reason, const std::string& id) {
  return R"({"who":{"address":"203.0.113.7"},"what":{"method":"GET","path":"/a"},"when":")" + when +
         R"(","request_id":")" + id + R"(","decision":"deny","reason":")" + reason +
         R"(","status":404})" + "\n";
}

TEST_F(CommandsTest, AuditQueryReadsFiltersAndLimits) {
  const std::string path =
      file("audit.jsonl", auditLine("2026-01-01T00:00:00.000Z", "route_not_found", "r1") +
                              auditLine("2026-01-02T00:00:00.000Z", "ip_denied", "r2") + "torn\n" +
                              auditLine("2026-01-03T00:00:00.000Z", "ip_denied", "r3"));
  const auto query = [&](std::vector<std::string> more) {
    more.insert(more.begin(), {"audit", "query", "--file", path});
    return run(more);
  };
  const Ran all = query({});
  EXPECT_EQ(all.code, ExitCode::kOk);
  EXPECT_THAT(all.out, testing::ContainsRegex("deny +route_not_found +404 +203.0.113.7 +GET /a"));
  EXPECT_THAT(all.err, HasSubstr("1 lines"));
  const Ran denied = query({"--reason", "ip_denied"});
  EXPECT_THAT(denied.out, Not(HasSubstr("r1")));
  EXPECT_THAT(denied.out, HasSubstr("r2"));
  const Ran last = query({"--limit", "1"});
  EXPECT_THAT(last.out, Not(HasSubstr("r2")));
  EXPECT_THAT(last.out, HasSubstr("r3"));
  const Ran since = query({"--since", "2026-01-02", "--until", "2026-01-03", "--json"});
  EXPECT_EQ(since.out, auditLine("2026-01-02T00:00:00.000Z", "ip_denied", "r2"));
  EXPECT_EQ(query({"--json", "--limit", "0"}).out, query({"--json"}).out);
  EXPECT_EQ(query({"--since", "yesterday"}).code, ExitCode::kUsage);
}

TEST_F(CommandsTest, AuditFileIsFoundInTheConfigurationOrAtTheRunningOne) {
  const std::string path =
      file("audit.jsonl", auditLine("2026-01-01T00:00:00.000Z", "ip_denied", "r1"));
  const std::string config =
      file("a.yaml", std::string(kMinimal) + "audit: {path: " + path + "}\n");
  EXPECT_THAT(run({"audit", "query", "-c", config}).out, HasSubstr("r1"));
  EXPECT_EQ(ask({"audit", "query"}).code, ExitCode::kFailure);  // nobody there yet
  house_.operations().told_status.audit_file = path;
  house_.open();
  EXPECT_THAT(ask({"audit", "query"}).out, HasSubstr("r1"));
}

TEST_F(CommandsTest, MissingAuditFileIsAFailure) {
  const Ran ran = run({"audit", "query", "--file", "/nonexistent/audit.jsonl"});
  EXPECT_EQ(ran.code, ExitCode::kFailure);
  EXPECT_THAT(ran.err, HasSubstr("/nonexistent/audit.jsonl"));
}

TEST_F(CommandsTest, NewKeyAndItsHashBelongTogetherAndAreNeverTheSameTwice) {
  const Json::Value made = run({"key", "new", "--json"}).tree();
  input_ = textMember(made, "key") + "\n";
  EXPECT_EQ(input_.size(), 4 + 64 + 1u);
  EXPECT_EQ(textMember(run({"key", "hash", "--json"}).tree(), "sha256"),
            textMember(made, "sha256"));
  EXPECT_EQ(run({"key", "hash", "--name", "ci"}).out,
            "- {name: ci, sha256: " + textMember(made, "sha256") + "}\n");
  EXPECT_NE(textMember(run({"key", "new", "--json"}).tree(), "key"), textMember(made, "key"));
  EXPECT_THAT(run({"key", "new", "--name", "ci"}).out, HasSubstr("- {name: ci, sha256: "));
}

TEST_F(CommandsTest, KeyThatCanBeGuessedIsNotHashed) {
  for (const std::size_t length : {0u, 15u, 513u}) {
    input_ = std::string(length, 'x');
    const Ran ran = run({"key", "hash"});
    EXPECT_EQ(ran.code, ExitCode::kUsage) << length;
    EXPECT_EQ(ran.out, "") << length;
  }
  input_ = std::string(16, 'x');
  EXPECT_EQ(run({"key", "hash"}).code, ExitCode::kOk);
}

constexpr std::string_view kRule = R"(return {
  id = "no", phase = "request",
  check = function(request) return deny("no") end,
}
)";

TEST_F(CommandsTest, RuleTestsPassFailOrDoNotLoad) {
  EXPECT_EQ(run({"rules", "test", "/nonexistent"}).code, ExitCode::kUsage);
  file("no.lua", "return {");
  EXPECT_EQ(run({"rules", "test", house_.directory().path()}).code, ExitCode::kUsage);
  file("no.lua", kRule);
  file("no_test.lua", "nonsense(");
  const Ran failed = run({"rules", "test", house_.directory().path()});
  EXPECT_EQ(failed.code, ExitCode::kGate) << failed.err;
  EXPECT_THAT(failed.out, HasSubstr("not ok"));
}

}  // namespace
}  // namespace edgehold
