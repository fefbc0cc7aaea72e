// SPDX-License-Identifier: Apache-2.0
// rate_limit {limits: [{key: group | [group, sender], rate: 120/1m, burst: 20, name: …,
// count_only: false, required: false}]}: several budgets at once, and all must allow: tokens are
// taken from all of them or from none.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <utility>

#include "filters/filters.h"
#include "filters/rate_fields.h"
#include "filters/value_source.h"
#include "proxy/base/config_units.h"
#include "proxy/base/limits.h"
#include "proxy/base/loop.h"
#include "proxy/base/strings.h"
#include "proxy/state/counters.h"

namespace edgehold {
namespace {

constexpr std::size_t kKeyPartsMax = 4;
constexpr std::uint64_t kTokensMax = 1'000'000'000;

struct Limit {
  std::string name;
  std::string use;  // first piece of every key: stands for route, name and rate
  std::vector<ValueSource> parts;
  GcraSpec spec;
  std::uint64_t tokens = 0;
  std::string policy;  // as clients are told of it
  bool is_count_only = false;
  bool is_required = false;
};

class RateLimit final : public Filter {
 public:
  RateLimit(std::vector<Limit> limits, bool counts_messages)
      : limits_(std::move(limits)), counts_messages_(counts_messages) {
    for (const Limit& limit : limits_) {
      for (const ValueSource& part : limit.parts) {
        needs_body_ |= part.needsBody();
        is_in_head_ &= part.isInHead();
      }
    }
  }

  FilterNeeds needs() const override {
    return {.request_body = bodyFor(needs_body_), .ws_messages = counts_messages_};
  }

  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    return is_in_head_ ? judge(exchange, services) : Verdict::proceed();
  }
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    return is_in_head_ ? Verdict::proceed() : judge(exchange, services);
  }
  // Each message that a client sends is a request.
  Outcome onMessage(Exchange& exchange, Services& services) const override {
    return judge(exchange, services);
  }
  void onResponseHead(Exchange& exchange, ResponseHead& head) const override {
    if (exchange.rate_report) addRateFields(*exchange.rate_report, exchange.arena, head.headers);
  }

 private:
  // What is asked of the limits that apply.
  struct Asked {
    std::array<RateDemand, limits::kRateLimitsMax> demands;
    std::array<const Limit*, limits::kRateLimitsMax> limits;
    std::size_t count = 0;
  };

  Verdict judge(Exchange& exchange, Services& services) const;
  // Adds what is asked of `limit`, if it applies. A denial when a value is missing or cannot be
  // read.
  std::optional<Verdict> ask(const Limit& limit, Exchange& exchange, Services& services,
                             Asked& asked) const;
  Verdict deny(const Limit& limit, const RateResult& result) const;
  void pay(const Limit& limit, const RateResult& result, Exchange& exchange) const;

  const std::vector<Limit> limits_;
  const bool counts_messages_;
  bool needs_body_ = false;  // const after construction
  bool is_in_head_ = true;   // const after construction
};

RateReport reportOf(const Limit& limit, const RateResult& result) {
  RateReport report;
  report.limit = limit.tokens;
  report.remaining = std::min(result.remaining, limit.tokens);
  report.reset = std::chrono::ceil<std::chrono::seconds>(result.reset_after);
  report.policy = limit.policy;
  return report;
}

Verdict RateLimit::judge(Exchange& exchange, Services& services) const {
  Asked asked;
  for (const Limit& limit : limits_) {
    if (auto denial = ask(limit, exchange, services, asked)) return *std::move(denial);
  }
  std::array<RateResult, limits::kRateLimitsMax> results;
  const std::size_t refused =
      services.counters.takeAll(std::span(asked.demands).first(asked.count),
                                services.loop.clock().now(), std::span(results).first(asked.count));
  if (refused < asked.count) return deny(*asked.limits[refused], results[refused]);
  for (std::size_t i = 0; i < asked.count; ++i) pay(*asked.limits[i], results[i], exchange);
  return Verdict::proceed();
}

void RateLimit::pay(const Limit& limit, const RateResult& result, Exchange& exchange) const {
  if (limit.is_count_only) {
    if (result.is_allowed) return;
    exchange.decision.shadows.push_back({"rate_limit", Reason::kRateLimited, limit.name});
    return;
  }
  if (exchange.is_shadow) return;
  const RateReport report = reportOf(limit, result);
  std::optional<RateReport>& nearest = exchange.rate_report;
  // Nearest to its end: the smaller part of its budget is left.
  if (!nearest || report.remaining * nearest->limit < nearest->remaining * report.limit) {
    nearest = report;
  }
}

Verdict RateLimit::deny(const Limit& limit, const RateResult& result) const {
  Verdict verdict = Verdict::deny(Reason::kRateLimited).byRule(limit.name);
  Reply& reply = verdict.mutableReply();
  addRetryAfter(result.retry_after, reply);
  addRateFields(reportOf(limit, result), reply);
  return verdict;
}

std::optional<Verdict> RateLimit::ask(const Limit& limit, Exchange& exchange, Services& services,
                                      Asked& asked) const {
  std::array<ByteView, kKeyPartsMax + 1> pieces;
  pieces[0] = limit.use;
  std::size_t used = 1;
  for (const ValueSource& part : limit.parts) {
    const auto value = part.findKey(exchange, services);
    if (!value)
      return Verdict::deny(value.error().reason, value.error().message).byRule(limit.name);
    if (!*value) {
      if (!limit.is_required) return std::nullopt;
      return Verdict::deny(Reason::kEventMissing, "`" + part.text() + "` is missing")
          .byRule(limit.name);
    }
    pieces[used++] = **value;
  }
  asked.limits[asked.count] = &limit;
  asked.demands[asked.count++] = {services.counters.key(std::span(pieces).first(used)), limit.spec,
                                  !limit.is_count_only};
  return std::nullopt;
}

// `120/1m`: so many tokens in so much time.
void readRate(ConfigReader& config, Limit& limit) {
  const std::string text = config.requiredText("rate");
  const std::size_t slash = text.find('/');
  const auto tokens = parseUnsigned(std::string_view(text).substr(0, slash));
  if (slash == std::string::npos || !tokens || *tokens == 0 || *tokens > kTokensMax) {
    return config.reject("rate", "expected a count and a time such as `120/1m`");
  }
  const auto period = parseDuration(std::string_view(text).substr(slash + 1));
  if (!period || *period <= Duration::zero()) {
    return config.reject("rate", "expected a count and a time such as `120/1m`");
  }
  limit.tokens = *tokens;
  limit.policy = ratePolicyText(*tokens, *period);
  const std::uint64_t burst = config.number("burst", *tokens, 1, kTokensMax);
  limit.spec = GcraSpec::per(*tokens, *period, burst);
}

void readKey(ConfigReader& config, Limit& limit) {
  const std::vector<std::string> texts = config.texts("key");
  if (texts.empty() || texts.size() > kKeyPartsMax) {
    config.reject("key", "expected a value or a list of up to 4, such as `[group, sender]`");
  }
  static_assert(kKeyPartsMax == 4, "the message above says so");
  for (const std::string& text : texts) {
    Result<ValueSource> part = ValueSource::parse(text);
    if (!part) {
      config.reject("key", part.error().message);
      continue;
    }
    if (!limit.name.empty()) limit.name += '+';
    limit.name += text;
    limit.parts.push_back(*std::move(part));
  }
  if (limit.parts.size() > kKeyPartsMax) limit.parts.clear();
}

Limit readLimit(ConfigReader& config, const FilterBuild& build) {
  Limit limit;
  readKey(config, limit);
  limit.name = config.text("name", limit.name);
  readRate(config, limit);
  limit.is_count_only = config.boolean("count_only", false);
  limit.is_required = config.boolean("required", false);
  // With the rate in it: a budget that an operator changes starts afresh, one that stays goes on
  // over a reload, and two limits of one name but different rates do not disturb each other.
  const std::string use = "rate_limit\n" + std::string(build.route) + '\n' + limit.name + '\n' +
                          std::to_string(limit.spec.interval.count()) + '/' +
                          std::to_string(limit.spec.burst);
  // It is hashed again with every key: two words of it will do.
  const SipHash128 short_use = sipHash128(SipKey{}, use);
  limit.use.assign(reinterpret_cast<const char*>(&short_use), sizeof short_use);
  for (const ValueSource& part : limit.parts) {
    if (part.needsBody()) requireWholeBody(config, "key", build);
  }
  config.finish();
  return limit;
}

std::vector<Limit> readLimits(ConfigReader& config, const FilterBuild& build) {
  std::vector<Limit> limits;
  std::vector<ConfigReader> readers = config.children("limits");
  if (readers.empty()) config.reject("limits", "needs at least one limit");
  if (readers.size() > limits::kRateLimitsMax) {
    config.reject("limits", "more than 8 limits in one filter");
    while (readers.size() > limits::kRateLimitsMax) readers.pop_back();
  }
  for (ConfigReader& reader : readers) {
    limits.push_back(readLimit(reader, build));
    const auto same = [&](const Limit& other) { return other.name == limits.back().name; };
    if (std::any_of(limits.begin(), limits.end() - 1, same)) {
      reader.reject("name", "two limits are called `" + limits.back().name + "`");
    }
  }
  return limits;
}
static_assert(limits::kRateLimitsMax == 8, "the message above says so");

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  std::vector<Limit> limits = readLimits(config, build);
  config.finish();
  return std::make_unique<RateLimit>(std::move(limits), /*counts_messages=*/true);
}

// The same before everything else: only what the transport itself knows may be a key there.
std::unique_ptr<const Filter> makeSourceBudget(ConfigReader& config, const FilterBuild& build) {
  std::vector<Limit> limits = readLimits(config, build);
  for (const Limit& limit : limits) {
    for (const ValueSource& part : limit.parts) {
      if (part.kind() != ValueSource::Kind::kAddress) {
        config.reject("limits", "the only key here is `address`: nothing else is known yet");
      }
    }
  }
  config.finish();
  return std::make_unique<RateLimit>(std::move(limits), /*counts_messages=*/false);
}

}  // namespace

FilterType rateLimitType() {
  return {"rate_limit", FilterRank::kRateLimit, make, /*may_repeat=*/true};
}

FilterType sourceBudgetType() {
  return {"source_budget", FilterRank::kSourceBudget, makeSourceBudget};
}

}  // namespace edgehold
