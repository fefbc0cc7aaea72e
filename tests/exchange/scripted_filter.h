// SPDX-License-Identifier: Apache-2.0
// Filters that say what a test tells them to, and write down that they were asked.
// Thread: main only.
#pragma once

#include <functional>
#include <memory>
#include <string>
#include <utility>
#include <vector>

#include "proxy/base/json.h"
#include "proxy/exchange/filter_chain.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_random.h"

namespace edgehold {

using Calls = std::vector<std::string>;

// What one filter of a test does; every hook writes `<name>.<hook>` into `calls`.
struct Script {
  std::function<Outcome(Exchange&)> head = {};
  std::function<Verdict(Exchange&, std::string_view)> chunk = {};
  std::function<Outcome(Exchange&)> body = {};
  std::function<Outcome(Exchange&)> message = {};
  FilterNeeds needs = {};
  std::function<Result<Verdict>(Exchange&, const SseEvent&)> event = {};
};

class ScriptedFilter final : public Filter {
 public:
  ScriptedFilter(std::string name, Script script, Calls& calls)
      : name_(std::move(name)), script_(std::move(script)), calls_(calls) {}

  FilterNeeds needs() const override { return script_.needs; }
  Outcome onRequestHead(Exchange& exchange, Services&) const override {
    note("head");
    return script_.head ? script_.head(exchange) : Outcome(Verdict::proceed());
  }
  Verdict onChunk(Exchange& exchange, std::string_view chunk) const override {
    note("chunk");
    return script_.chunk ? script_.chunk(exchange, chunk) : Verdict::proceed();
  }
  Outcome onRequestBody(Exchange& exchange, Services&) const override {
    note("body");
    return script_.body ? script_.body(exchange) : Outcome(Verdict::proceed());
  }
  Outcome onMessage(Exchange& exchange, Services&) const override {
    note("message");
    return script_.message ? script_.message(exchange) : Outcome(Verdict::proceed());
  }
  Result<Verdict> onSseEvent(Exchange& exchange, Services&, const SseEvent& event) const override {
    note("event");
    return script_.event ? script_.event(exchange, event) : Result<Verdict>(Verdict::proceed());
  }
  void onResponseHead(Exchange&, ResponseHead&) const override { note("response"); }
  void onDone(const Exchange&, Services&) const override { note("done"); }

 private:
  void note(std::string_view hook) const { calls_.push_back(name_ + "." + std::string(hook)); }

  std::string name_;
  Script script_;
  Calls& calls_;
};

// A chain of scripted filters and one walk over it. No service but the loop may be asked.
class WalkFixture {
 public:
  WalkFixture& add(std::string name, Script script, FilterMode mode = FilterMode::kEnforce,
                   OnError on_error = OnError::kDeny) {
    ChainEntry entry;
    entry.filter = std::make_unique<ScriptedFilter>(name, std::move(script), calls);
    entry.name = std::move(name);
    entry.mode = mode;
    entry.on_error = on_error;
    entries_.push_back(std::move(entry));
    return *this;
  }
  ChainWalk& walk() {
    if (walk_ == nullptr) {
      chain_ = std::make_unique<FilterChain>(std::move(entries_));
      walk_ = std::make_unique<ChainWalk>(*chain_, exchange, services_);
    }
    return *walk_;
  }
  const FilterChain& chain() { return walk(), *chain_; }
  void runHead() { walk().requestHead(done()); }
  void runBody() { walk().requestBody(done()); }
  void runMessage(MessageFacts::Direction direction) {
    exchange.message.emplace().direction = direction;
    walk().message(done());
  }
  void destroyWalk() { walk_.reset(); }
  Services& services() { return services_; }

  bool hasEnded() const { return ends > 0; }
  // REQUIRES: the last phase ended with a verdict.
  Reason reason() const { return ended->reason(); }

  FakeLoop loop;
  Exchange exchange;
  Calls calls;
  int ends = 0;  // phases that ended
  std::optional<Verdict> ended;
  std::function<void()> at_end;  // runs inside Done

 private:
  ChainWalk::Done done() {
    return [this](std::optional<Verdict> verdict) {
      ++ends;
      ended = std::move(verdict);
      if (at_end) at_end();
    };
  }
  // The walk itself only uses the loop; a filter of these tests that used more would crash.
  template <class T>
  static T& absent() {
    static char nothing[64] = {};
    return *reinterpret_cast<T*>(nothing);
  }

  FakeRandom random_;
  JsonPool json_{random_};
  Services services_{loop,
                     random_,
                     json_,
                     absent<Counters>(),
                     absent<Ledger>(),
                     absent<RuleEngines>(),
                     absent<HoldDesk>()};
  std::vector<ChainEntry> entries_;
  std::unique_ptr<FilterChain> chain_;
  std::unique_ptr<ChainWalk> walk_;
};

// Scripts that say one thing in the head phase.
inline Script saying(Reason reason) {
  return {.head = [reason](Exchange&) -> Outcome { return Verdict::deny(reason, "why not"); }};
}
inline Script failing(Reason reason) {
  return {.head = [reason](Exchange&) -> Outcome { return Error{reason, "it broke"}; }};
}

}  // namespace edgehold
