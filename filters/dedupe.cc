// SPDX-License-Identifier: Apache-2.0
// dedupe {id: event_id, window: 10m, in_flight: 1h, wait: 4s, duplicate_status: 200,
// scope: route+channel, required: true}: an event is forwarded once. Two-phase: claimed on the way
// in, committed when it was accepted, released when it failed, so that a retry after a failure is
// no duplicate. A twin of one in flight waits for the first one's fate, for `wait` at most. An
// event with two names is a duplicate under either; a batch of events is one when all of them are,
// else it is forwarded whole, and the upstream is told which had come before. Thread: any
// (immutable).
#include <algorithm>
#include <utility>

#include "filters/filters.h"
#include "filters/inquiry.h"
#include "filters/value_source.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/base/loop.h"
#include "proxy/base/recycled.h"
#include "proxy/state/counters.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using State = ClaimResult::State;

constexpr Duration kPollInterval = 25ms;
constexpr Duration kWaitMax = limits::kFilterTimeout - 500ms;  // we answer before the walk gives up

// The claim of one exchange until its end is known.
class Claim final : public Settlement, public Recycled<Claim> {
 public:
  struct Terms {
    CounterKey key;
    std::uint64_t token = 0;
    Duration window{};
  };
  Claim(Counters& counters, Terms terms) : counters_(counters), terms_(terms) {}

  void commit(Instant now) override {
    const Result<bool> committed = counters_.commit(terms_.key, terms_.token, now, terms_.window);
    if (committed) return;
    LogEvery(1000, WARNING) << "dedupe: a retry may pass again: " << committed.error().message;
  }
  void release(Instant /*now*/) override { counters_.release(terms_.key, terms_.token); }

 private:
  Counters& counters_;  // outlives every exchange
  const Terms terms_;
};

class Dedupe final : public Filter {
 public:
  enum class Scope : std::uint8_t { kRoute, kChannel, kBoth };
  struct Parts {
    ValueSource id;
    Duration window{};
    Duration in_flight{};
    Duration wait{};
    std::uint16_t duplicate_status = 200;
    Scope scope = Scope::kBoth;
    bool is_required = true;
    std::string route;
  };
  explicit Dedupe(Parts parts) : parts_(std::move(parts)) {}

  FilterNeeds needs() const override {
    return {.request_body = bodyFor(parts_.id.needsBody()),
            .event = parts_.is_required && !parts_.id.isInHead()};
  }

  // Never on the head: only what is verified and known may claim an id.
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    const auto id = parts_.id.findKey(exchange, services);
    if (!id) return Verdict::deny(id.error().reason, id.error().message);
    if (!*id) {
      return parts_.is_required ? Verdict::deny(Reason::kEventMissing, "no event id")
                                : Verdict::proceed();
    }
    const Result<State> state = claimAll(**id, exchange, services);
    if (!state) return state.error();
    if (*state == State::kInFlight && !exchange.is_shadow) {
      return waitForTwin(**id, exchange, services);
    }
    return judge(*state, exchange, services);
  }

 private:
  // A shadow claims too, or it could not tell duplicates; under keys of its own, so that its claims
  // block nobody.
  CounterKey keyOf(const Exchange& exchange, const Counters& counters, std::string_view id) const {
    const bool by_route = parts_.scope != Scope::kChannel;
    const bool by_channel = parts_.scope != Scope::kRoute;
    return counters.key({exchange.is_shadow ? "dedupe.shadow" : "dedupe", parts_.id.text(),
                         by_route ? std::string_view(parts_.route) : std::string_view(),
                         by_channel ? exchange.facts.channel : std::string_view(),
                         exchange.facts.principal, id, digestOf(exchange.facts)});
  }
  // Beside the platform's id only: what operators chose instead names the event by itself.
  std::string_view digestOf(const Facts& facts) const {
    return parts_.id.kind() == ValueSource::Kind::kEventId ? facts.event_digest
                                                           : std::string_view();
  }
  // Never shorter than the sender may send it again, or than what it signed is good for.
  Duration windowOf(const Facts& facts) const {
    return std::max<Duration>(parts_.window, facts.retry_horizon);
  }
  Result<State> claim(std::string_view id, Exchange& exchange, Services& services) const;
  Result<State> claimNames(std::string_view id, Exchange& exchange, Services& services) const;
  Result<State> claimAll(std::string_view id, Exchange& exchange, Services& services) const;
  Verdict judge(State state, Exchange& exchange, Services& services) const {
    return state == State::kClaimed ? Verdict::proceed() : duplicate(exchange, services);
  }
  Verdict duplicate(const Exchange& exchange, Services& services) const;
  Inquiry::Answer waitForTwin(std::string_view id, Exchange& exchange, Services& services) const;

  const Parts parts_;
};

// Claims one id; a claim that is ours is settled with the exchange.
Result<State> Dedupe::claim(std::string_view id, Exchange& exchange, Services& services) const {
  const CounterKey key = keyOf(exchange, services.counters, id);
  TRY_ASSIGN(const ClaimResult claim,
             services.counters.claim(key, services.loop.clock().now(), parts_.in_flight));
  if (claim.state == State::kClaimed) {
    exchange.settlements.push_back(std::make_unique<Claim>(
        services.counters, Claim::Terms{key, claim.token, windowOf(exchange.facts)}));
  }
  return claim.state;
}

// What the request's own event and the rest of its batch are called. kClaimed: something is new.
Result<State> Dedupe::claimNames(std::string_view id, Exchange& exchange,
                                 Services& services) const {
  TRY_ASSIGN(State state, claim(id, exchange, services));
  if (state == State::kClaimed && !exchange.facts.twin_id.empty()) {
    TRY_ASSIGN(state, claim(exchange.facts.twin_id, exchange, services));
  }
  if (exchange.facts.batch_ids.empty()) return state;
  std::string seen(state == State::kCommitted ? id : std::string_view());
  for (const std::string_view other : exchange.facts.batch_ids) {
    if (state == State::kInFlight) return state;
    TRY_ASSIGN(const State its, claim(other, exchange, services));
    const bool is_told =
        its == State::kCommitted && seen.size() + other.size() < limits::kSeenIdsBytesMax;
    if (is_told) seen.append(seen.empty() ? "" : ",").append(other);
    if (its != State::kCommitted) state = its;
  }
  if (state == State::kClaimed) exchange.facts.seen_ids = exchange.arena.copy(seen);
  return state;
}

// All that is new is claimed, or nothing: who has to wait, or failed, holds nobody else up.
Result<State> Dedupe::claimAll(std::string_view id, Exchange& exchange, Services& services) const {
  auto& settlements = exchange.settlements;
  const std::size_t before = settlements.size();
  Result<State> state = claimNames(id, exchange, services);
  if (state && *state == State::kClaimed) return state;
  for (; settlements.size() > before; settlements.pop_back()) {
    settlements.back()->release(services.loop.clock().now());
  }
  return state;
}

// A success: the platform must stop sending it.
Verdict Dedupe::duplicate(const Exchange& exchange, Services& services) const {
  std::optional<Reply> reply;
  if (exchange.acknowledger != nullptr) {
    reply = exchange.acknowledger->acknowledge(exchange, services.random);
  }
  if (!reply) {
    reply.emplace();
    reply->status = parts_.duplicate_status;
    reply->content_type = "application/json";
    reply->body = R"({"reason":"duplicate"})";
    reply->has_body = parts_.duplicate_status != 204;
  }
  return Verdict::respond(Reason::kDuplicate, *std::move(reply));
}

// No success: nobody knows yet how the first one ends, so the sender must ask again.
Verdict stillInFlight() {
  Reply reply;
  reply.status = 409;
  reply.headers.emplace_back("Retry-After", "5");
  return Verdict::respond(Reason::kDuplicate, std::move(reply), "its twin is still in flight");
}

// The claim of another is released, committed, or still in flight when the wait is over.
Inquiry::Answer Dedupe::waitForTwin(std::string_view id, Exchange& exchange,
                                    Services& services) const {
  const Instant until = services.loop.clock().now() + parts_.wait;
  const auto ask = [this, id = exchange.arena.copy(id), &exchange, &services,
                    until]() -> std::optional<Result<Verdict>> {
    const Result<State> state = claimAll(id, exchange, services);
    if (!state) return fail(state.error());
    if (*state != State::kInFlight) return judge(*state, exchange, services);
    if (services.loop.clock().now() < until) return std::nullopt;
    return stillInFlight();
  };
  return Inquiry::begin(services.loop, kPollInterval, ask);
}

Duration readDuration(ConfigReader& config, std::string_view key, Duration otherwise,
                      Duration most) {
  const Duration value = config.duration(key, otherwise);
  if (value > 0ns && value <= most) return value;
  config.reject(
      key, "must be more than 0 and at most " +
               std::to_string(std::chrono::duration_cast<std::chrono::milliseconds>(most).count()) +
               "ms");
  return otherwise;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  constexpr Duration kWindowMax = std::chrono::hours(24 * 30);
  using Scope = Dedupe::Scope;
  Result<ValueSource> id = ValueSource::parse(config.text("id", "event_id"));
  if (!id) {
    config.reject("id", id.error().message);
    config.finish();
    return nullptr;
  }
  if (id->needsBody()) requireWholeBody(config, "id", build);
  Dedupe::Parts parts{.id = *std::move(id), .route = std::string(build.route)};
  parts.window = readDuration(config, "window", 10min, kWindowMax);
  // Every exchange settles its claims; this is for one that cannot. Its claim must not run out
  // while an upstream is at work.
  parts.in_flight = readDuration(config, "in_flight", limits::kTotalTimeout, kWindowMax);
  parts.wait = readDuration(config, "wait", 4s, kWaitMax);
  parts.duplicate_status =
      static_cast<std::uint16_t>(config.number("duplicate_status", 200, 200, 299));
  parts.scope = config.choice<Scope>(
      "scope", Scope::kBoth,
      {{"route", Scope::kRoute}, {"channel", Scope::kChannel}, {"route+channel", Scope::kBoth}});
  parts.is_required = config.boolean("required", true);
  config.finish();
  return std::make_unique<Dedupe>(std::move(parts));
}

}  // namespace

FilterType dedupeType() { return {"dedupe", FilterRank::kDedupe, make}; }

}  // namespace edgehold
