// SPDX-License-Identifier: Apache-2.0
// CLI11 behind options.h. It throws what it parses wrong: this file is the edge that catches it.
// Thread: main only.
#include "proxy/server/options.h"

#include <memory>
#include <string_view>
#include <utility>

#include <CLI/App.hpp>
#include <CLI/Config.hpp>
#include <CLI/Formatter.hpp>

#include "proxy/base/strings.h"
#include "proxy/server/options_help.h"

namespace edgehold {
namespace {

constexpr std::size_t kHelpColumn = 30;
constexpr std::string_view kVerbs = "Verbs";  // the heading of their list
constexpr std::size_t kListLimitMax = 1'000'000;

// The whole command line as CLI11 knows it. The options it fills live in here.
class CommandLine {
 public:
  explicit CommandLine(const std::string& version);
  CommandLine(const CommandLine&) = delete;
  CommandLine& operator=(const CommandLine&) = delete;

  ParsedOptions parse(const std::vector<std::string>& arguments);

 private:
  CLI::App* verb(CLI::App& parent, const std::string& name, std::string_view purpose, Verb verb);
  // A verb that only holds others.
  CLI::App* group(const std::string& name, const std::string& purpose);
  void addConfig(CLI::App& app, bool is_required);
  void addJson(CLI::App& app);
  void addAdmin(CLI::App& app);
  void addDowngrade(CLI::App& app);
  void addService();
  void addOperation();
  void addPolicy();
  void addRules();
  void addApprovals();
  void addDecision(CLI::App& parent, const std::string& name, const std::string& purpose,
                   Verb decision);
  void addSession();
  void addWord(CLI::App& app);
  void addAudit();
  void addChannel();
  void addSecrets();
  void addKeys();
  std::string explain(const CLI::ParseError& error, const std::vector<std::string>& arguments);

  Options options_;
  bool is_version_asked_ = false;
  std::string version_;
  CLI::App app_;
};

CommandLine::CommandLine(const std::string& version)
    : version_(version), app_(std::string(help::kProgram), "edgehold") {
  app_.footer(std::string(help::kProgramEnd));
  app_.get_formatter()->column_width(kHelpColumn);
  app_.get_formatter()->label("SUBCOMMAND", "VERB");
  app_.require_subcommand(0, 1);
  app_.set_help_flag("-h,--help", "Print this help");
  app_.add_flag("--version", is_version_asked_, "Print the version");
  addAdmin(app_);
  addJson(app_);
  addService();
  addOperation();
  addPolicy();
  addRules();
  addApprovals();
  addSession();
  addAudit();
  addChannel();
  addSecrets();
  addKeys();
}

CLI::App* CommandLine::verb(CLI::App& parent, const std::string& name, std::string_view purpose,
                            Verb verb) {
  CLI::App* const app = parent.add_subcommand(name, std::string(purpose));
  app->group(std::string(kVerbs));
  app->callback([this, verb] { options_.verb = verb; });
  return app;
}

CLI::App* CommandLine::group(const std::string& name, const std::string& purpose) {
  CLI::App* const app = app_.add_subcommand(name, purpose);
  app->group(std::string(kVerbs));
  app->require_subcommand(1);
  return app;
}

void CommandLine::addConfig(CLI::App& app, bool is_required) {
  app.add_option("-c,--config", options_.config_file, "The configuration file")
      ->required(is_required)
      ->type_name("FILE");
}

void CommandLine::addJson(CLI::App& app) {
  app.add_flag("--json", options_.is_json, "Print JSON for programs instead of text for people");
}

void CommandLine::addAdmin(CLI::App& app) {
  app.add_option("--admin", options_.admin, "Where a running edgehold is administered")
      ->type_name("SOCKET|ADDRESS");
}

void CommandLine::addService() {
  CLI::App* const run = verb(app_, "run", "Serve, in the foreground", Verb::kRun);
  addConfig(*run, /*is_required=*/true);
  run->add_flag("--core-dumps", options_.keeps_core_dumps,
                "Leave the limit of core dumps as it is (they hold secrets)");
  run->footer(std::string(help::kRunEnd));

  CLI::App* const check =
      verb(app_, "check", "Tell every mistake of a configuration", Verb::kCheck);
  addConfig(*check, /*is_required=*/true);
  addJson(*check);
  check->footer(std::string(help::kCheckEnd));
}

void CommandLine::addOperation() {
  CLI::App* const reload =
      verb(app_, "reload", "Make a running edgehold read its configuration again", Verb::kReload);
  reload->footer(std::string(help::kReloadEnd));
  addDowngrade(*reload);
  CLI::App* const status = verb(app_, "status", "Tell how a running edgehold is", Verb::kStatus);
  status->footer(std::string(help::kStatusEnd));
  for (CLI::App* const app : {reload, status}) {
    addConfig(*app, /*is_required=*/false);
    addAdmin(*app);
    addJson(*app);
  }
  CLI::App* const version = verb(app_, "version", "Print the version", Verb::kVersion);
  addJson(*version);
  version->footer(std::string(help::kVersionEnd));
}

void CommandLine::addDowngrade(CLI::App& app) {
  app.add_flag("--allow-downgrade", options_.allows_downgrade,
               "Take it even where it is weaker than the policy in force");
}

void CommandLine::addPolicy() {
  CLI::App* const policy = group("policy", "Look at earlier policies, and go back to one");
  policy->footer(std::string(help::kPolicyEnd));
  CLI::App* const history =
      verb(*policy, "history", "List the policies that were in force", Verb::kPolicyHistory);
  CLI::App* const diff =
      verb(*policy, "diff", "Show what changed between two of them", Verb::kPolicyDiff);
  diff->add_option("VERSION", options_.versions, "Older and newer (default: the last two)")
      ->expected(0, 2);
  CLI::App* const rollback =
      verb(*policy, "rollback", "Put a kept policy in force again", Verb::kPolicyRollback);
  rollback->add_option("VERSION", options_.versions, "The version, or its first digits")
      ->required()
      ->expected(1);
  addDowngrade(*rollback);
  for (CLI::App* const app : {history, diff, rollback}) {
    addConfig(*app, /*is_required=*/false);
    addAdmin(*app);
    addJson(*app);
    app->footer(std::string(help::kPolicyEnd));
  }
}

void CommandLine::addRules() {
  CLI::App* const rules = group("rules", "Work on Lua rules");
  CLI::App* const test = verb(*rules, "test", "Run the tests beside the rules", Verb::kRulesTest);
  test->add_option("DIR", options_.directory, "The folder of the rules")->required();
  addJson(*test);
  test->footer(std::string(help::kRulesTestEnd));
  CLI::App* const top =
      verb(*rules, "top", "Show what each rule costs a running edgehold", Verb::kRulesTop);
  top->add_option("--by", options_.rules_by, "Most of this first (default time)")
      ->check(CLI::IsMember({"time", "calls", "instructions", "memory"}))
      ->type_name("time|calls|instructions|memory");
  addConfig(*top, /*is_required=*/false);
  addAdmin(*top);
  addJson(*top);
  top->footer(std::string(help::kRulesTopEnd));
}

void CommandLine::addApprovals() {
  CLI::App* const approvals = group("approvals", "List and decide held requests");
  approvals->footer(std::string(help::kApprovalsEnd));
  CLI::App* const list = verb(*approvals, "list", "List holds", Verb::kApprovalsList);
  list->add_option("--state", options_.state, "Those in this state (default pending), or `any`")
      ->type_name("STATE");
  list->add_option("--limit", options_.limit, "At most so many (default 100)")
      ->check(CLI::Range(std::size_t{1}, kListLimitMax))
      ->type_name("N");
  CLI::App* const show = verb(*approvals, "show", "Show one hold whole", Verb::kApprovalsShow);
  show->add_option("ID", options_.approval_id, "The approval's id")->required();
  for (CLI::App* const app : {list, show}) {
    addConfig(*app, /*is_required=*/false);
    addAdmin(*app);
    addJson(*app);
    app->footer(std::string(help::kApprovalsEnd));
  }
  addDecision(*approvals, "approve", "Say yes: the request is checked again and sent",
              Verb::kApprovalsApprove);
  addDecision(*approvals, "deny", "Say no: the request is never sent", Verb::kApprovalsDeny);
}

void CommandLine::addDecision(CLI::App& parent, const std::string& name, const std::string& purpose,
                              Verb decision) {
  CLI::App* const app = verb(parent, name, purpose, decision);
  app->add_option("ID", options_.approval_id, "The approval's id")->required();
  addWord(*app);
  addConfig(*app, /*is_required=*/false);
  addAdmin(*app);
  addJson(*app);
  app->footer(std::string(help::kApprovalsEnd));
}

void CommandLine::addWord(CLI::App& app) {
  app.add_option("--reason", options_.reason, "Why, for the audit log")
      ->required()
      ->type_name("TEXT");
  app.add_option("--who", options_.who, "Who decided, when it is not who runs this")
      ->type_name("NAME");
}

void CommandLine::addSession() {
  CLI::App* const session = group("session", "Look after the sessions of mini programs");
  CLI::App* const end =
      verb(*session, "end", "End every session that a user has", Verb::kSessionEnd);
  end->add_option("APP", options_.app, "The mini program's `app_id`")->required();
  end->add_option("SUBJECT", options_.subject, "The user, as the platform names them")->required();
  addWord(*end);
  addConfig(*end, /*is_required=*/false);
  addAdmin(*end);
  addJson(*end);
  end->footer(std::string(help::kSessionEndEnd));
}

void CommandLine::addAudit() {
  CLI::App* const audit = group("audit", "Read the audit log");
  CLI::App* const query = verb(*audit, "query", "Search the audit log", Verb::kAuditQuery);
  addConfig(*query, /*is_required=*/false);
  addAdmin(*query);
  addJson(*query);
  query->add_option("--file", options_.audit_file, "The live audit file")->type_name("FILE");
  query->add_option("--since", options_.since, "Not older than this")->type_name("TIME");
  query->add_option("--until", options_.until, "Older than this")->type_name("TIME");
  AuditQuery& wanted = options_.audit;
  const std::vector<std::pair<std::string, std::string*>> texts = {
      {"--decision", &wanted.decision},     {"--reason", &wanted.reason},
      {"--request-id", &wanted.request_id}, {"--approval-id", &wanted.approval_id},
      {"--route", &wanted.route},           {"--action", &wanted.action},
      {"--principal", &wanted.principal},   {"--group", &wanted.group},
      {"--sender", &wanted.sender},         {"--host", &wanted.host},
  };
  for (const auto& [name, place] : texts) {
    query->add_option(name, *place, "Only records with exactly this")->type_name("TEXT");
  }
  query->add_option("--text", wanted.text, "Only records with this anywhere in the line")
      ->type_name("TEXT");
  query->add_option("--limit", options_.limit, "The last so many (default 100); 0: all")
      ->check(CLI::Range(std::size_t{0}, kListLimitMax))
      ->type_name("N");
  query->footer(std::string(help::kAuditQueryEnd));
}

void CommandLine::addChannel() {
  CLI::App* const channel = group("channel", "Try the channels of chat platforms");
  CLI::App* const sign =
      verb(*channel, "sign", "Make a request as a platform would sign it", Verb::kChannelSign);
  sign->add_option("PLATFORM", options_.platform, "The channel's dialect: qq, slack, wecom ...")
      ->required();
  addConfig(*sign, /*is_required=*/true);
  addJson(*sign);
  sign->add_option("--route", options_.route, "The route (default: the first of that dialect)")
      ->type_name("NAME");
  sign->add_option("--body", options_.body_file, "What to sign; `-` for standard input")
      ->type_name("FILE");
  sign->add_option("--signing-key", options_.signing_key_file,
                   "A private key (PEM), for platforms that sign with one")
      ->type_name("FILE");
  sign->add_option("--url", options_.url, "Where edgehold listens (default: as configured)")
      ->type_name("URL");
  sign->footer(std::string(help::kChannelSignEnd));
}

void CommandLine::addSecrets() {
  CLI::App* const secrets = group("secrets", "Look after secrets");
  CLI::App* const status =
      verb(*secrets, "status", "Tell how old each secret is", Verb::kSecretsStatus);
  addConfig(*status, /*is_required=*/true);
  addJson(*status);
  status->footer(std::string(help::kSecretsStatusEnd));
}

void CommandLine::addKeys() {
  CLI::App* const key = group("key", "Make API keys");
  CLI::App* const make = verb(*key, "new", "Make an API key and its hash", Verb::kKeyNew);
  CLI::App* const hash = verb(*key, "hash", "Hash the API key on standard input", Verb::kKeyHash);
  for (CLI::App* const app : {make, hash}) {
    app->add_option("--name", options_.key_name, "Whose key it is")->type_name("NAME");
    addJson(*app);
    app->footer(std::string(help::kKeyEnd));
  }
}

// CLI11 says `The following argument was not expected: staus`: it knows the verbs, we say which.
std::string CommandLine::explain(const CLI::ParseError& error,
                                 const std::vector<std::string>& arguments) {
  const CLI::App* at = &app_;
  std::string path = "edgehold";
  std::size_t index = 0;
  while (index < arguments.size() && !arguments[index].starts_with("-")) {
    const auto named = at->get_subcommands(
        [&](const CLI::App* app) { return app->get_name() == arguments[index]; });
    if (named.empty()) break;
    at = named.front();
    path += " " + arguments[index++];
  }
  std::string text = "edgehold: ";
  std::vector<std::string_view> names;
  for (const CLI::App* const verb : at->get_subcommands([](const CLI::App*) { return true; })) {
    names.push_back(verb->get_name());
  }
  const bool is_word = index < arguments.size() && !arguments[index].starts_with("-");
  if (!names.empty() && is_word) {
    text += "unknown verb `" + arguments[index] + "`";
    if (const auto nearest = nearestOf(arguments[index], names)) {
      text += "; did you mean `" + std::string(*nearest) + "`?";
    }
  } else {
    text += error.what();
  }
  return text + "\nSee `" + path + " --help`.\n";
}

ParsedOptions CommandLine::parse(const std::vector<std::string>& arguments) {
  try {
    // CLI11 takes them from the back.
    app_.parse(std::vector<std::string>(arguments.rbegin(), arguments.rend()));
  } catch (const CLI::CallForHelp&) {
    return {std::nullopt, ExitCode::kOk, app_.help(), {}};
  } catch (const CLI::ParseError& error) {
    return {std::nullopt, ExitCode::kUsage, {}, explain(error, arguments)};
  }
  if (is_version_asked_) return {std::nullopt, ExitCode::kOk, "edgehold " + version_ + "\n", {}};
  if (app_.get_subcommands().empty()) return {std::nullopt, ExitCode::kUsage, {}, app_.help()};
  return {std::move(options_), ExitCode::kOk, {}, {}};
}

}  // namespace

ParsedOptions parseOptions(const std::vector<std::string>& arguments, const std::string& version) {
  return CommandLine(version).parse(arguments);
}

}  // namespace edgehold
