// SPDX-License-Identifier: Apache-2.0
// lua_rules {directory: rules, body: true, budgets: {instructions, memory, wall}}: the operator's
// own rules. A rule that fails is an error (deny, unless `on_error` says else); a hold becomes a
// wish that approval_hold grants. Asked again on a release: what it then wants held has been held.
// Thread: any (immutable); the Lua states are the workers'.
#include <utility>

#include "filters/filters.h"
#include "filters/value_source.h"
#include "lua/runtime/rule_engine.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

class LuaRules final : public Filter {
 public:
  LuaRules(std::shared_ptr<const RuleSet> rules, bool needs_body)
      : rules_(std::move(rules)), needs_body_(needs_body) {}

  FilterNeeds needs() const override {
    return {.request_body = bodyFor(needs_body_), .on_release = true};
  }

  // On the body even where none is needed: facts are complete only now.
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    RuleEngine& engine = services.rules.engineFor(rules_);
    Result<RuleVerdict> verdict = engine.evaluate(exchange, services.json);
    if (!verdict) {
      exchange.failed_rule = engine.failedRule();
      return std::move(verdict).error();
    }
    switch (verdict->kind) {
      case RuleVerdict::Kind::kAllow:
        return Verdict::proceed();
      case RuleVerdict::Kind::kDeny:
        return Verdict::deny(Reason::kRuleDenied, std::string(verdict->reason))
            .byRule(verdict->rule);
      case RuleVerdict::Kind::kHold:
        break;
    }
    if (exchange.is_release) return Verdict::proceed().byRule(verdict->rule);
    if (exchange.is_shadow) return Verdict::deny(Reason::kHeld).byRule(verdict->rule);
    exchange.hold_wish = HoldWish{verdict->rule, verdict->reason, verdict->ttl};
    return Verdict::proceed().byRule(verdict->rule);
  }

 private:
  const std::shared_ptr<const RuleSet> rules_;
  const bool needs_body_;
};

RuleBudgets readBudgets(ConfigReader& config) {
  constexpr std::uint64_t kInstructionsCeiling = 100'000'000;
  constexpr std::size_t kMemoryCeiling = 256 * 1024 * 1024;
  constexpr Duration kWallCeiling = std::chrono::seconds(1);
  RuleBudgets budgets;
  auto reader = config.child("budgets");
  if (!reader) return budgets;
  budgets.instructions =
      reader->number("instructions", budgets.instructions, 1'000, kInstructionsCeiling);
  budgets.memory_bytes = reader->bytes("memory", budgets.memory_bytes, kMemoryCeiling);
  budgets.wall = reader->duration("wall", budgets.wall);
  if (budgets.wall <= Duration::zero() || budgets.wall > kWallCeiling) {
    reader->reject("wall",
                   "must be more than 0 and at most `1s`: a worker serves nobody meanwhile");
  }
  reader->finish();
  return budgets;
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
  auto rules = RuleSet::fromSources(*std::move(sources), budgets);
  if (!rules) {
    config.reject("directory", rules.error().message);
    return nullptr;
  }
  return std::make_unique<LuaRules>(*std::move(rules), needs_body);
}

}  // namespace

FilterType luaRulesType() { return {"lua_rules", FilterRank::kRules, make, /*may_repeat=*/true}; }

}  // namespace edgehold
