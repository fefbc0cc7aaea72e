// SPDX-License-Identifier: Apache-2.0
// lua_rules {directory: rules, body: true, budgets: {instructions, memory, wall},
// quarantine: {after, for}}: the operator's own rules. A rule that fails is an error (deny, unless
// `on_error` says else); a hold becomes a wish that approval_hold grants. Asked again on a release:
// what it then wants held has been held. Rules that take long are waited for. Thread: any
// (immutable); the Lua states are the workers'.
#include <memory>
#include <optional>
#include <utility>

#include "filters/filters.h"
#include "filters/inquiry.h"
#include "filters/value_source.h"
#include "lua/runtime/rule_engine.h"
#include "proxy/base/limits.h"
#include "proxy/base/loop.h"
#include "proxy/state/counters.h"

namespace edgehold {
namespace {

// What rules remember: rates among the counters of the process, under each rule's own name.
class CounterMemory final : public RuleMemory {
 public:
  CounterMemory(Exchange& exchange, Services& services)
      : exchange_(exchange), counters_(services.counters), loop_(services.loop) {}

  Taken take(std::string_view rule, std::string_view key, const Rate& rate) override {
    // What is released now was counted when its request came.
    if (exchange_.is_release) return {true, rate.tokens};
    const std::string terms =
        std::to_string(rate.tokens) + "/" + std::to_string(rate.period.count());
    const CounterKey counter = counters_.key({"lua_rules", rule, terms, key});
    const GcraSpec spec = GcraSpec::per(rate.tokens, rate.period, rate.tokens);
    const Instant now = loop_.clock().now();
    const RateResult result = exchange_.is_shadow ? counters_.peekTokens(counter, spec, 1, now)
                                                  : counters_.takeTokens(counter, spec, 1, now);
    return {result.is_allowed, result.remaining};
  }

 private:
  Exchange& exchange_;
  Counters& counters_;
  Loop& loop_;
};

class LuaRules final : public Filter {
 public:
  LuaRules(std::shared_ptr<const RuleSet> rules, bool needs_body)
      : rules_(std::move(rules)), needs_body_(needs_body) {}

  FilterNeeds needs() const override {
    const bool sees_messages = rules_->asks(RuleEntry::kMessage);
    return {.request_body = bodyFor(needs_body_),
            .sse_events = rules_->asks(RuleEntry::kSseEvent),
            .ws_messages = sees_messages,
            .ws_answers = sees_messages,
            .on_release = true};
  }

  Outcome onMessage(Exchange& exchange, Services& services) const override {
    return ask(exchange, services);
  }
  // On the body even where none is needed: facts are complete only now.
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    return ask(exchange, services);
  }

  Result<Verdict> onSseEvent(Exchange& exchange, Services& services,
                             const SseEvent& event) const override {
    RuleEngine& engine = services.rules.engineFor(rules_);
    CounterMemory memory(exchange, services);
    const auto verdict = engine.evaluateEvent(exchange, event, services.json, &memory);
    if (!verdict) {
      exchange.failed_rule = engine.failedRule();
      return fail(verdict.error());
    }
    if (verdict->kind == RuleVerdict::Kind::kAllow) return Verdict::proceed();
    std::string why(verdict->reason);
    return verdict->kind == RuleVerdict::Kind::kCut
               ? Verdict::abort(Reason::kRuleDenied, std::move(why)).byRule(verdict->rule)
               : Verdict::deny(Reason::kRuleDenied, std::move(why)).byRule(verdict->rule);
  }

 private:
  Outcome ask(Exchange& exchange, Services& services) const;
  Inquiry::Answer goOn(RuleRun run, Exchange& exchange, Services& services) const;
  static Result<Verdict> judge(const Result<RuleVerdict>& verdict, const RuleEngine& engine,
                               Exchange& exchange);
  static Verdict judgeMessage(const RuleVerdict& verdict);
  static Verdict judgeRequest(const RuleVerdict& verdict, Exchange& exchange);

  const std::shared_ptr<const RuleSet> rules_;
  const bool needs_body_;
};

Verdict LuaRules::judgeMessage(const RuleVerdict& verdict) {
  if (verdict.kind == RuleVerdict::Kind::kAllow) return Verdict::proceed();
  const bool is_hold = verdict.kind == RuleVerdict::Kind::kHold;
  const std::string_view why = is_hold ? ", which a message cannot wait for" : "";
  return Verdict::deny(Reason::kRuleDenied, std::string(verdict.reason).append(why))
      .byRule(verdict.rule);
}

Verdict LuaRules::judgeRequest(const RuleVerdict& verdict, Exchange& exchange) {
  switch (verdict.kind) {
    case RuleVerdict::Kind::kAllow:
      return Verdict::proceed();
    case RuleVerdict::Kind::kDeny:
    case RuleVerdict::Kind::kCut:  // of events alone
      return Verdict::deny(Reason::kRuleDenied, std::string(verdict.reason)).byRule(verdict.rule);
    case RuleVerdict::Kind::kHold:
      break;
  }
  if (exchange.is_release) return Verdict::proceed().byRule(verdict.rule);
  if (exchange.is_shadow) return Verdict::deny(Reason::kHeld).byRule(verdict.rule);
  exchange.hold_wish = HoldWish{verdict.rule, verdict.reason, verdict.ttl};
  return Verdict::proceed().byRule(verdict.rule);
}

Result<Verdict> LuaRules::judge(const Result<RuleVerdict>& verdict, const RuleEngine& engine,
                                Exchange& exchange) {
  if (!verdict) {
    exchange.failed_rule = engine.failedRule();
    return fail(verdict.error());
  }
  return exchange.message ? judgeMessage(*verdict) : judgeRequest(*verdict, exchange);
}

// Rules that take more than a slice: one slice in each turn, until they have answered.
Inquiry::Answer LuaRules::goOn(RuleRun run, Exchange& exchange, Services& services) const {
  struct Paused {
    std::shared_ptr<const RuleSet> rules;  // and with it the engine
    CounterMemory memory;
    RuleRun run;
  };
  const auto paused =
      std::make_shared<Paused>(Paused{rules_, CounterMemory(exchange, services), std::move(run)});
  paused->run.rememberIn(paused->memory);
  const auto ask = [paused, &exchange, &services]() -> std::optional<Result<Verdict>> {
    const auto verdict = paused->run.goOn(RuleRun::Pace::kInSlices);
    if (!verdict) return std::nullopt;
    return judge(*verdict, services.rules.engineFor(paused->rules), exchange);
  };
  return Inquiry::begin(services.loop, Duration::zero(), ask);
}

Outcome LuaRules::ask(Exchange& exchange, Services& services) const {
  RuleEngine& engine = services.rules.engineFor(rules_);
  CounterMemory memory(exchange, services);
  RuleRun run = engine.start(exchange, services.json, &memory);
  const auto verdict = run.goOn(RuleRun::Pace::kInSlices);
  if (!verdict) return goOn(std::move(run), exchange, services);
  Result<Verdict> judged = judge(*verdict, engine, exchange);
  if (!judged) return std::move(judged).error();
  return *std::move(judged);
}

RuleBudgets readBudgets(ConfigReader& config) {
  RuleBudgets budgets;
  auto reader = config.child("budgets");
  if (!reader) return budgets;
  budgets.instructions =
      reader->number("instructions", budgets.instructions, 1'000, limits::kRuleInstructionsMax);
  budgets.memory_bytes = reader->bytes("memory", budgets.memory_bytes, limits::kRuleMemoryBytesMax);
  if (budgets.memory_bytes < limits::kRuleMemoryBytesMin) {
    reader->reject("memory", "must be at least `64KiB`");
  }
  budgets.wall = reader->duration("wall", budgets.wall);
  if (budgets.wall <= Duration::zero() || budgets.wall > limits::kRuleWallMax) {
    reader->reject("wall", "must be more than 0 and at most `1s`");
  }
  reader->finish();
  return budgets;
}

RuleQuarantine readQuarantine(ConfigReader& config) {
  RuleQuarantine quarantine;
  auto reader = config.child("quarantine");
  if (!reader) return quarantine;
  quarantine.after = static_cast<std::uint32_t>(
      reader->number("after", quarantine.after, 1, limits::kRuleQuarantineAfterMax));
  quarantine.cooling = reader->duration("for", quarantine.cooling);
  if (quarantine.cooling <= Duration::zero() || quarantine.cooling > limits::kRuleQuarantineMax) {
    reader->reject("for", "must be more than 0 and at most `24h`");
  }
  reader->finish();
  return quarantine;
}

// Every rule file of the directory, through the policy's files: what acts is in its hash.
Result<std::vector<RuleSource>> readSources(const std::string& directory, PolicyFiles& files) {
  TRY_ASSIGN(const std::vector<std::string> names,
             files.list(directory, ".lua", limits::kRuleFilesMax));
  std::vector<RuleSource> sources;
  for (const std::string& name : names) {
    if (!RuleSet::isRuleFile(name)) continue;
    const std::string path = directory + "/" + name;
    TRY_ASSIGN(std::string text, files.read(path, limits::kRuleFileBytesMax));
    sources.push_back({path, std::move(text)});
  }
  return sources;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  const std::string directory = config.requiredText("directory");
  const RuleBudgets budgets = readBudgets(config);
  const RuleQuarantine quarantine = readQuarantine(config);
  const bool needs_body = config.boolean("body", true);
  if (needs_body) requireWholeBody(config, "body", build);
  config.finish();
  if (directory.empty()) return nullptr;
  Result<std::vector<RuleSource>> sources = readSources(directory, build.files);
  if (!sources) {
    config.reject("directory", sources.error().message);
    return nullptr;
  }
  if (sources->empty()) {
    config.reject("directory", "holds no rule file");
    return nullptr;
  }
  auto rules = RuleSet::fromSources(*std::move(sources), budgets, quarantine);
  if (!rules) {
    config.reject("directory", rules.error().message);
    return nullptr;
  }
  return std::make_unique<LuaRules>(*std::move(rules), needs_body);
}

}  // namespace

FilterType luaRulesType() { return {"lua_rules", FilterRank::kRules, make, /*may_repeat=*/true}; }

}  // namespace edgehold
