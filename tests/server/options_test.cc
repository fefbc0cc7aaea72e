// SPDX-License-Identifier: Apache-2.0
// The command line: what each verb takes, and what a mistake is answered with.
#include "proxy/server/options.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

namespace edgehold {
namespace {

using testing::HasSubstr;
using testing::Not;

ParsedOptions parse(std::vector<std::string> arguments) { return parseOptions(arguments, "1.2.3"); }

struct Accepted {
  std::vector<std::string> arguments;
  Verb verb;
};

TEST(Options, EveryVerbIsFoundByItsWords) {
  const std::vector<Accepted> table = {
      {{"run", "-c", "a.yaml"}, Verb::kRun},
      {{"run", "--config", "a.yaml", "--core-dumps"}, Verb::kRun},
      {{"check", "-c", "a.yaml"}, Verb::kCheck},
      {{"check", "-c", "a.yaml", "--json"}, Verb::kCheck},
      {{"reload"}, Verb::kReload},
      {{"--admin", "/a.sock", "reload"}, Verb::kReload},
      {{"reload", "--admin", "/a.sock"}, Verb::kReload},
      {{"status"}, Verb::kStatus},
      {{"--json", "status"}, Verb::kStatus},
      {{"status", "-c", "a.yaml"}, Verb::kStatus},
      {{"version"}, Verb::kVersion},
      {{"rules", "test", "lua/rules"}, Verb::kRulesTest},
      {{"rules", "top"}, Verb::kRulesTop},
      {{"rules", "top", "--by", "memory"}, Verb::kRulesTop},
      {{"approvals", "list", "--state", "pending", "--limit", "5"}, Verb::kApprovalsList},
      {{"approvals", "show", "ID"}, Verb::kApprovalsShow},
      {{"approvals", "approve", "ID", "--reason", "yes"}, Verb::kApprovalsApprove},
      {{"approvals", "deny", "ID", "--reason", "no"}, Verb::kApprovalsDeny},
      {{"session", "end", "wx1", "o-1", "--reason", "floods"}, Verb::kSessionEnd},
      {{"audit", "query"}, Verb::kAuditQuery},
      {{"audit", "query", "--since", "1h", "--decision", "deny", "--limit", "0"},
       Verb::kAuditQuery},
      {{"key", "new", "--name", "ci"}, Verb::kKeyNew},
      {{"key", "hash"}, Verb::kKeyHash},
  };
  for (const Accepted& row : table) {
    const ParsedOptions parsed = parse(row.arguments);
    SCOPED_TRACE(testing::PrintToString(row.arguments) + parsed.err);
    ASSERT_TRUE(parsed.options.has_value());
    EXPECT_EQ(parsed.options->verb, row.verb);
  }
}

TEST(Options, MistakesAreUsageErrorsThatNameTheHelpToRead) {
  const std::vector<std::vector<std::string>> table = {
      {"fly"},
      {"run"},
      {"run", "-c"},
      {"check"},
      {"check", "-c", "a", "--fast"},
      {"reload", "now"},
      {"rules"},
      {"rules", "test"},
      {"rules", "test", "a", "b"},
      {"rules", "top", "--by", "colour"},
      {"approvals"},
      {"approvals", "list", "--limit", "0"},
      {"approvals", "list", "--limit", "many"},
      {"approvals", "show"},
      {"approvals", "approve", "ID"},
      {"approvals", "deny", "--reason", "no"},
      {"session"},
      {"session", "end", "wx1", "--reason", "floods"},
      {"session", "end", "wx1", "o-1"},
      {"session", "end", "wx1", "o-1", "o-2", "--reason", "floods"},
      {"audit", "query", "--limit", "-1"},
      {"version", "--admin", "/a.sock"},
      {"status", "check", "-c", "a.yaml"},
  };
  for (const auto& arguments : table) {
    const ParsedOptions parsed = parse(arguments);
    SCOPED_TRACE(testing::PrintToString(arguments));
    EXPECT_FALSE(parsed.options.has_value());
    EXPECT_EQ(parsed.exit_code, ExitCode::kUsage);
    EXPECT_THAT(parsed.err, HasSubstr("--help"));
    EXPECT_EQ(parsed.out, "");
  }
}

TEST(Options, NoVerbAtAllIsAUsageErrorWithTheWholeHelp) {
  const ParsedOptions parsed = parse({});
  EXPECT_FALSE(parsed.options.has_value());
  EXPECT_EQ(parsed.exit_code, ExitCode::kUsage);
  EXPECT_THAT(parsed.err, HasSubstr("EXIT CODES"));
}

TEST(Options, NearestVerbIsTold) {
  EXPECT_THAT(parse({"staus"}).err, HasSubstr("did you mean `status`?"));
  EXPECT_THAT(parse({"approvals", "aprove", "ID"}).err, HasSubstr("did you mean `approve`?"));
  EXPECT_THAT(parse({"approvals", "aprove"}).err, HasSubstr("edgehold approvals --help"));
}

TEST(Options, MissingReasonIsToldAsSuch) {
  const std::string err = parse({"approvals", "approve", "ID"}).err;
  EXPECT_THAT(err, HasSubstr("--reason is required"));
  EXPECT_THAT(err, Not(HasSubstr("unknown verb")));
}

TEST(Options, HelpOfEachVerbSaysItsExitCodes) {
  const std::vector<std::vector<std::string>> table = {{},
                                                       {"run"},
                                                       {"check"},
                                                       {"reload"},
                                                       {"status"},
                                                       {"version"},
                                                       {"rules", "test"},
                                                       {"approvals"},
                                                       {"approvals", "list"},
                                                       {"approvals", "show"},
                                                       {"approvals", "approve"},
                                                       {"approvals", "deny"},
                                                       {"session", "end"},
                                                       {"audit", "query"},
                                                       {"key", "new"},
                                                       {"key", "hash"}};
  for (auto arguments : table) {
    arguments.push_back("--help");
    const ParsedOptions parsed = parse(arguments);
    SCOPED_TRACE(testing::PrintToString(arguments));
    EXPECT_EQ(parsed.exit_code, ExitCode::kOk);
    EXPECT_THAT(parsed.out, HasSubstr("EXIT CODES"));
    EXPECT_EQ(parsed.err, "");
  }
}

TEST(Options, HelpFitsATerminal) {
  for (const char* const verb : {"run", "check", "reload", "status"}) {
    std::size_t column = 0;
    for (const char c : parse({verb, "--help"}).out) {
      column = c == '\n' ? 0 : column + 1;
      ASSERT_LE(column, 100u) << verb;
    }
  }
}

TEST(Options, VersionIsPrinted) {
  const ParsedOptions parsed = parse({"--version"});
  EXPECT_EQ(parsed.exit_code, ExitCode::kOk);
  EXPECT_EQ(parsed.out, "edgehold 1.2.3\n");
}

TEST(Options, ValuesArriveWhereTheyBelong) {
  const auto approve = parse({"--admin", "/a.sock", "approvals", "approve", "apr_1", "--reason",
                              "agreed", "--who", "ann", "--json"});
  ASSERT_TRUE(approve.options.has_value());
  EXPECT_EQ(approve.options->admin, "/a.sock");
  EXPECT_EQ(approve.options->approval_id, "apr_1");
  EXPECT_EQ(approve.options->reason, "agreed");
  EXPECT_EQ(approve.options->who, "ann");
  EXPECT_TRUE(approve.options->is_json);

  const auto query =
      parse({"audit",         "query", "--file",   "a.jsonl", "--until",  "2h", "--request-id", "r",
             "--approval-id", "a",     "--route",  "o",       "--action", "c",  "--principal",  "p",
             "--group",       "g",     "--sender", "s",       "--text",   "t",  "--reason",     "n",
             "--host",        "h"});
  ASSERT_TRUE(query.options.has_value());
  EXPECT_EQ(query.options->audit_file, "a.jsonl");
  EXPECT_EQ(query.options->until, "2h");
  const AuditQuery& audit = query.options->audit;
  EXPECT_EQ(audit.request_id + audit.approval_id + audit.route + audit.action, "raoc");
  EXPECT_EQ(audit.principal + audit.group + audit.sender + audit.text + audit.reason + audit.host,
            "pgstnh");
  EXPECT_FALSE(query.options->is_json);
}

}  // namespace
}  // namespace edgehold
