// SPDX-License-Identifier: Apache-2.0
// One filter or a few, made from a configuration literal, and exchanges made from a plain
// description, on fake time and with real counters.
// Thread: main only.
#pragma once

#include <map>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "filters/registry.h"
#include "lua/runtime/rule_engine.h"
#include "proxy/base/json.h"
#include "proxy/crypto/secret.h"
#include "proxy/exchange/call_desk.h"
#include "proxy/exchange/filter_chain.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/exchange/hold_desk.h"
#include "proxy/http/message.h"
#include "proxy/state/memory_counters.h"
#include "proxy/state/memory_ledger.h"
#include "tests/support/config_literal.h"
#include "tests/support/fake_loop.h"
#include "tests/support/fake_random.h"

namespace edgehold {

// What a client sends, as a test says it.
struct RequestText {
  std::string method = "POST";
  std::string target = "/hook";
  std::vector<std::pair<std::string, std::string>> headers = {};
  std::string body = {};
  std::string host = "bot.example.org";
  std::string address = "192.0.2.1";
  std::string principal = {};               // of a verified certificate
  std::optional<BodyLength> declared = {};  // else what fits the body
};

// Secrets by reference, `${env:NAME}`.
class FakeSecrets final : public SecretSource {
 public:
  Result<SecretVersions> resolve(std::string_view reference) override {
    SecretVersions versions;
    if (!reference.starts_with("${")) return fail("a secret is a reference");
    const auto found = secrets.find(std::string(reference));
    if (found == secrets.end()) return versions;
    for (const std::string& text : found->second) {
      versions.push_back(std::make_shared<const SecretString>(text));
    }
    return versions;
  }
  std::map<std::string, std::vector<std::string>> secrets;
};

// Files in memory, by path.
class FakeFiles final : public PolicyFiles {
 public:
  std::string absolute(std::string_view path) const override { return std::string(path); }
  Result<std::string> read(std::string_view path, std::size_t bytes_max) override {
    const auto found = files.find(path);
    if (found == files.end()) return fail("`" + std::string(path) + "`: no such file");
    if (found->second.size() > bytes_max) return fail("too long");
    return found->second;
  }
  const ConfigNode* config(std::string_view path, ConfigErrors& errors) override {
    const auto found = files.find(path);
    if (found == files.end()) {
      errors.add({}, path, "no such file");
      return nullptr;
    }
    nodes_.push_back(std::make_unique<ConfigNode>(configLiteral(found->second)));
    return nodes_.back().get();
  }
  Result<std::vector<std::string>> list(std::string_view directory, std::string_view suffix,
                                        std::size_t names_max) override {
    std::vector<std::string> names;
    for (const auto& [path, text] : files) {
      if (!path.starts_with(std::string(directory) + "/") || !path.ends_with(suffix)) continue;
      names.push_back(path.substr(directory.size() + 1));
    }
    if (names.size() > names_max) return fail("too many files");
    return names;
  }
  std::map<std::string, std::string, std::less<>> files;

 private:
  std::vector<std::unique_ptr<ConfigNode>> nodes_;
};

// Keeps what it was asked to hold, and answers when the test says so.
class FakeHoldDesk final : public HoldDesk {
 public:
  struct Asked {
    std::chrono::seconds ttl{};
    std::string rule, reason, body;
    Resolver<Result<HoldTicket>> answer;
  };
  Async<Result<HoldTicket>> hold(const Exchange& exchange, const HoldTerms& terms, Loop&,
                                 Random&) override {
    auto [later, resolver] = Async<Result<HoldTicket>>::make();
    asked.push_back({terms.ttl, std::string(terms.rule), std::string(terms.reason),
                     std::string(exchange.body.view()), resolver});
    return std::move(later);
  }
  std::vector<Asked> asked;
};

// Keeps what was asked, and answers when the test says so; or at once, when it knows the answer.
class FakeCallDesk final : public CallDesk {
 public:
  struct Asked {
    CallRequest request;
    Resolver<Result<CallAnswer>> answer;
  };
  Async<Result<CallAnswer>> call(CallRequest request) override {
    auto [later, resolver] = Async<Result<CallAnswer>>::make();
    const auto known = answers.find(request.target.substr(0, request.target.find('?')));
    asked.push_back({std::move(request), resolver});
    if (known != answers.end()) resolver.resolve(known->second);
    return std::move(later);
  }
  std::vector<Asked> asked;
  std::map<std::string, Result<CallAnswer>> answers;  // by path
};

// One exchange on its way through the fixture's chain.
class Passage {
 public:
  Passage(const FilterChain& chain, Services& services, const RequestText& text)
      : chain_(chain), walk_(chain, exchange, services) {
    fill(text, services.loop);
  }

  // Head, every piece of the body, body. False when something is waited for.
  bool run() {
    runHead();
    if (isEnded()) return true;
    for (std::size_t at = 0; at < body_.size() && !isEnded(); at += kPieceBytes) {
      const std::string_view piece = std::string_view(body_).substr(at, kPieceBytes);
      exchange.decision.request_body_bytes += piece.size();
      verdict = walk_.chunk(piece);
    }
    if (isEnded()) return true;
    runBody();
    return is_over;
  }
  // As a message that a client sends on a WebSocket: the body is its payload.
  void runMessage() {
    exchange.message.emplace();
    exchange.request.method_token = "MESSAGE";
    exchange.body.append(body_);
    exchange.is_body_complete = true;
    is_over = false;
    walk_.message(done());
  }
  void runHead() { walk_.requestHead(done()); }
  void runBody() {
    if (chain_.bodyPlan().request_body == FilterNeeds::Body::kWhole) {
      exchange.body.append(body_);
      exchange.is_body_complete = true;
    }
    is_over = false;
    walk_.requestBody(done());
  }
  void commit(Instant now) {
    for (auto& settlement : exchange.settlements) settlement->commit(now);
    exchange.settlements.clear();
  }
  void release(Instant now) {
    for (auto& settlement : exchange.settlements) settlement->release(now);
    exchange.settlements.clear();
  }

  bool isEnded() const { return verdict.has_value(); }
  bool isAllowed() const { return is_over && !verdict.has_value(); }
  // kAllowed when everybody let it pass.
  Reason reason() const { return verdict ? verdict->reason() : Reason::kAllowed; }
  const std::string& rule() const { return exchange.decision.rule; }
  // The value of a field of the reply, or nothing.
  std::string replyHeader(std::string_view name) const {
    if (!verdict || verdict->reply() == nullptr) return {};
    for (const auto& [field, value] : verdict->reply()->headers) {
      if (field == name) return value;
    }
    return {};
  }
  // The reason that a shadow gave, or kAllowed.
  Reason shadowReason() const {
    const auto& shadows = exchange.decision.shadows;
    return shadows.empty() ? Reason::kAllowed : shadows.front().reason;
  }

  Exchange exchange;
  std::optional<Verdict> verdict;
  bool is_over = false;  // the phase that was run last has ended

 private:
  static constexpr std::size_t kPieceBytes = 1000;

  ChainWalk::Done done() {
    return [this](std::optional<Verdict> given) {
      is_over = true;
      verdict = std::move(given);
    };
  }
  void fill(const RequestText& text, Loop& loop) {
    Arena& arena = exchange.arena;
    RequestHead& request = exchange.request;
    body_ = text.body;
    exchange.request_id = "0123456789abcdef0123456789abcdef";
    exchange.started = loop.clock().now();
    exchange.started_wall = loop.clock().wallNow();
    exchange.client.address = IpAddress::parse(text.address).value();
    exchange.client.peer.ip = exchange.client.address;
    exchange.client.principal = exchange.arena.copy(text.principal);
    request.method_token = arena.copy(text.method);
    request.method = methodOf(request.method_token);
    request.target.text = arena.copy(text.target);
    const std::size_t mark = request.target.text.find('?');
    request.target.path = request.target.text.substr(0, mark);
    request.target.has_query = mark != std::string_view::npos;
    if (request.target.has_query) request.target.query = request.target.text.substr(mark + 1);
    request.authority = arena.copy(text.host);
    request.headers.add("Host", request.authority);
    for (const auto& [name, value] : text.headers) {
      request.headers.add(arena.copy(name), arena.copy(value));
    }
    request.body = text.declared.value_or(text.body.empty() ? BodyLength::none()
                                                            : BodyLength::known(text.body.size()));
  }

  const FilterChain& chain_;
  ChainWalk walk_;
  std::string body_;
};

class ExchangeFixture {
 public:
  ExchangeFixture() { addFilters(registry); }

  // A filter of `type`. Mistakes of the configuration are in `mistakes` and it is not added.
  ExchangeFixture& add(std::string_view type, std::string_view config,
                       FilterMode mode = FilterMode::kEnforce, OnError on_error = OnError::kDeny) {
    const FilterType* const known = registry.find(type);
    CHECK(known != nullptr) << type;
    nodes_.push_back(std::make_unique<ConfigNode>(configLiteral(config)));
    ConfigErrors errors;
    ConfigReader reader(*nodes_.back(), std::string(type), errors);
    auto filter = known->make(reader, FilterBuild{.secrets = secrets,
                                                  .files = files,
                                                  .route = route,
                                                  .is_whole_body_allowed = is_whole_body_allowed,
                                                  .upstreams = upstreams});
    mistakes = errors.messages();
    if (!mistakes.empty() || filter == nullptr) return *this;
    entries_.push_back({std::string(type), std::move(filter), mode, on_error, {}});
    return *this;
  }
  // A new exchange through what was added so far; nothing can be added after the first.
  std::unique_ptr<Passage> passage(const RequestText& text = {}) {
    return std::make_unique<Passage>(chain(), services, text);
  }
  // The same, run to its end or to where it waits.
  std::unique_ptr<Passage> send(const RequestText& text = {}) {
    auto passage = this->passage(text);
    passage->run();
    return passage;
  }
  const FilterChain& chain() {
    if (chain_ == nullptr) chain_ = std::make_unique<FilterChain>(std::move(entries_));
    return *chain_;
  }
  // True when the last add() failed with a message that holds `part`.
  bool hasMistake(std::string_view part) const {
    for (const std::string& mistake : mistakes) {
      if (mistake.find(part) != std::string::npos) return true;
    }
    return false;
  }

  FilterRegistry registry;
  FakeSecrets secrets;
  FakeFiles files;
  std::string route = "bot";
  bool is_whole_body_allowed = true;
  std::vector<std::string> upstreams = {"platform"};
  std::vector<std::string> mistakes;

  FakeLoop loop;
  FakeRandom random;
  JsonPool json{random};
  MemoryCounters counters{SipKey{1, 2}, {.entries_max = 4096, .shards = 2}};
  SystemClock rule_clock;
  RuleWatch rule_watch;
  RuleEngines rules{rule_clock, rule_watch};
  FakeHoldDesk holds;
  FakeCallDesk calls;
  MemoryLedger ledger;
  Services services{loop, random, json, counters, ledger, rules, holds, &calls};

 private:
  std::vector<std::unique_ptr<ConfigNode>> nodes_;
  std::vector<ChainEntry> entries_;
  std::unique_ptr<FilterChain> chain_;
};

}  // namespace edgehold
