// SPDX-License-Identifier: Apache-2.0
// A rule set from text and a request to try it on.
// Thread: one loop.
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include <gtest/gtest.h>

#include "lua/runtime/rule_engine.h"
#include "proxy/base/json.h"
#include "tests/support/fake_random.h"

namespace edgehold {

// The wall budget of tests that are not about it: a busy machine must not fail them.
inline constexpr RuleBudgets kPatientBudgets{.wall = std::chrono::seconds(60)};

// Whole files, where a rule needs more than the inside of its check function.
struct RuleFiles {
  std::vector<RuleSource> sources;
};

class RuleFixture {
 public:
  // `bodies` are what stands inside `check = function(request) ... end`, one rule each.
  explicit RuleFixture(const std::vector<std::string>& bodies,
                       const RuleBudgets& budgets = kPatientBudgets) {
    std::vector<RuleSource> sources;
    for (std::size_t i = 0; i < bodies.size(); ++i) {
      const std::string number = std::to_string(i + 1);
      sources.push_back({"rules/r" + number + ".lua", "return { id = \"r" + number +
                                                          "\", check = function(request) " +
                                                          bodies[i] + "\nend }"});
    }
    open(RuleSet::fromSources(std::move(sources), budgets));
  }
  explicit RuleFixture(RuleFiles files, const RuleBudgets& budgets = kPatientBudgets) {
    open(RuleSet::fromSources(std::move(files.sources), budgets));
  }

  // A new exchange every time: what earlier calls left is not seen.
  Exchange& newExchange(std::string_view json = "{}") {
    exchange_ = std::make_unique<Exchange>();
    exchange_->request.method_token = "POST";
    exchange_->request.target.path = "/hook";
    exchange_->started_wall = WallTime(std::chrono::seconds(1'700'000'000));
    exchange_->body.append(json);
    exchange_->is_body_complete = true;
    return *exchange_;
  }
  Exchange& exchange() { return *exchange_; }

  Result<RuleVerdict> run() { return engine_->evaluate(*exchange_, pool_); }
  Result<RuleVerdict> run(std::string_view json) {
    newExchange(json);
    return run();
  }
  // "allow", "deny: reason", "hold: reason" or "reason_code: message".
  std::string say(std::string_view json = "{}") { return describe(run(json)); }
  std::string again() { return describe(run()); }
  std::string sayInSlices(std::string_view json = "{}") {
    RuleRun run = engine_->start(newExchange(json), pool_);
    std::optional<Result<RuleVerdict>> verdict;
    while (!verdict) verdict = run.goOn(RuleRun::Pace::kInSlices);
    return describe(*verdict);
  }

  RuleEngine& engine() { return *engine_; }
  JsonPool& pool() { return pool_; }
  const RuleSet& rules() const { return *rules_; }

 private:
  void open(Result<std::shared_ptr<const RuleSet>> rules) {
    if (!rules) {
      ADD_FAILURE() << rules.error().message;
      std::abort();
    }
    rules_ = *rules;
    engine_ = std::make_unique<RuleEngine>(*rules_, clock_);
  }
  static std::string describe(const Result<RuleVerdict>& verdict) {
    if (!verdict) {
      return std::string(reasonCode(verdict.error().reason)) + ": " + verdict.error().message;
    }
    switch (verdict->kind) {
      case RuleVerdict::Kind::kAllow:
        return "allow";
      case RuleVerdict::Kind::kDeny:
        return "deny: " + std::string(verdict->reason);
      case RuleVerdict::Kind::kHold:
        return "hold: " + std::string(verdict->reason);
      case RuleVerdict::Kind::kCut:
        return "cut: " + std::string(verdict->reason);
    }
    return "?";
  }

  SystemClock clock_;
  FakeRandom random_;
  JsonPool pool_{random_};
  std::unique_ptr<Exchange> exchange_;
  std::shared_ptr<const RuleSet> rules_;
  std::unique_ptr<RuleEngine> engine_;
};

}  // namespace edgehold
