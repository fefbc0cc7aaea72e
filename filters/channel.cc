// SPDX-License-Identifier: Apache-2.0
// channel {dialect: qq, name: my-bot, secrets: …, window: 5m, known_events: [...],
// unknown_events: refuse, failures_per_minute: 60, reply: upstream, forward: original}: who signed
// this. Verifies the callback by its dialect (channels/), refuses what is stale, unknown or reused,
// answers set-up handshakes, and fills the facts that the later filters live on.
// Thread: any (immutable).
#include "filters/channels/channel.h"

#include <algorithm>
#include <unordered_set>
#include <utility>
#include <vector>

#include "filters/channels/forwarded_body.h"
#include "filters/channels/single_use.h"
#include "filters/failure_budget.h"
#include "filters/filters.h"
#include "filters/inquiry.h"
#include "filters/value_source.h"
#include "proxy/base/loop.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using KnownEvents = std::unordered_set<std::string, StringHash, std::equal_to<>>;

// Parts that the filter adds to what its dialect is.
struct Terms {
  std::string name;
  std::string_view dialect;
  Duration window{};  // zero: no time is compared
  KnownEvents known;  // empty: any event passes
  FailureBudget failures;
  bool answers_itself = false;
  bool forwards_content = false;  // what the body decrypts to, in its place
};

class ChannelFilter final : public Filter {
 public:
  ChannelFilter(Terms terms, std::unique_ptr<const Channel> channel)
      : terms_(std::move(terms)),
        channel_(std::move(channel)),
        single_use_(std::string(terms_.dialect),
                    signatureLife() + channel_->traits().retry_horizon) {}

  FilterNeeds needs() const override { return {.request_body = FilterNeeds::Body::kWhole}; }

  std::optional<Result<SampleRequest>> sample(const SampleWish& wish) const override {
    if (wish.platform != terms_.dialect) return std::nullopt;
    if (wish.signing_key == nullptr || channel_->takesSigningKey()) return channel_->sample(wish);
    return Result<SampleRequest>(fail("`" + std::string(terms_.dialect) +
                                      "` signs with the secret that the route has: take the "
                                      "signing key away"));
  }

  Outcome onRequestHead(Exchange& exchange, Services& services) const override {
    if (auto refusal = terms_.failures.refuseGuesser(exchange, services)) {
      return *std::move(refusal);
    }
    const Method method = exchange.request.method;
    const bool is_allowed =
        method == Method::kPost || (method == Method::kGet && channel_->traits().takes_get);
    if (!is_allowed && restrictsMethods()) return Verdict::deny(Reason::kMethodNotAllowed);
    Result<void> checked = channel_->checkHead(exchange);
    if (checked) return Verdict::proceed();
    return channel_->refuse(std::move(checked).error());
  }

  Outcome onRequestBody(Exchange& exchange, Services& services) const override;

 private:
  // Refusals are verdicts, never errors: what `on_error` opens must not be open to forgeries.
  // Nothing when its twin is being judged in this moment, so that it must be asked again.
  std::optional<Verdict> judge(Result<Verified>&& verified, Exchange& exchange,
                               Services& services) const {
    if (!verified) {
      // Nobody proved anything wrong where there was nothing to verify with.
      const bool is_judged = verified.error().reason != Reason::kSecretUnavailable;
      if (is_judged) terms_.failures.charge(exchange, services);
      return channel_->refuse(std::move(verified).error());
    }
    if (auto stale = refuseStale(*verified, services)) return *std::move(stale);
    if (verified->text.data() != exchange.body.view().data()) exchange.content = verified->text;
    Result<Received> received = channel_->read(exchange, *verified, services);
    if (!received) return channel_->refuse(std::move(received).error());
    if (!received->handshake) {
      if (auto refusal = refuseEvents(*received, services)) return refusal;
    }
    const Result<SingleUse::Bound> bound = bind(*received, exchange, services);
    if (!bound) return channel_->refuse(bound.error()).byRule("single_use");
    if (*bound == SingleUse::Bound::kAskAgain) return std::nullopt;
    if (received->handshake) {
      return Verdict::respond(Reason::kAllowed, *std::move(received->handshake), "handshake");
    }
    accept(*received, *verified, exchange);
    return Verdict::proceed();
  }

  // The configured dialect is for any sender: `method_path` says there what may come.
  bool restrictsMethods() const { return channel_->traits().retry_horizon != 0s; }

  // From the first moment at which a signature can be valid to behind the last one: an event must
  // not be forgotten before.
  std::chrono::seconds signatureLife() const {
    if (terms_.window == 0ns) return 0s;
    return std::chrono::ceil<std::chrono::seconds>(2 * terms_.window) + 1s;
  }
  std::optional<Verdict> refuseStale(const Verified& verified, Services& services) const;
  std::optional<Verdict> refuseEvent(const ChannelEvent& event, Services& services) const;
  bool isForgotten(const ChannelEvent& event, Services& services) const;
  std::optional<Verdict> refuseEvents(const Received& received, Services& services) const;
  Result<SingleUse::Bound> bind(const Received& received, const Exchange& exchange,
                                Services& services) const;
  void accept(const Received& received, const Verified& verified, Exchange& exchange) const;

  const Terms terms_;
  const std::unique_ptr<const Channel> channel_;
  const SingleUse single_use_;
};

std::optional<Verdict> ChannelFilter::refuseStale(const Verified& verified,
                                                  Services& services) const {
  if (terms_.window == 0ns || !verified.signed_at_ms) return std::nullopt;
  const std::int64_t age_ms =
      unixMilliseconds(services.loop.clock().wallNow()) - *verified.signed_at_ms;
  const auto most = std::chrono::duration_cast<std::chrono::milliseconds>(terms_.window).count();
  if (age_ms <= most && -age_ms <= most) return std::nullopt;
  return channel_
      ->refuse(
          {Reason::kTimestampOutsideWindow, "the request is " + std::to_string(age_ms) + " ms old"})
      .byRule(age_ms > 0 ? "past" : "future");
}

// Where no time is signed that a window could judge, but events tell their own: what is older than
// its id is remembered for is no retry, and could be sent again and again.
bool ChannelFilter::isForgotten(const ChannelEvent& event, Services& services) const {
  if (terms_.window != 0ns || !restrictsMethods() || !event.timestamp_ms) return false;
  const std::chrono::milliseconds age(unixMilliseconds(services.loop.clock().wallNow()) -
                                      *event.timestamp_ms);
  return age > channel_->traits().retry_horizon;
}

// Facts are told to the upstream in fields, so they must be able to stand there.
std::optional<Verdict> ChannelFilter::refuseEvent(const ChannelEvent& event,
                                                  Services& services) const {
  if (isForgotten(event, services)) {
    return channel_->refuse({Reason::kTimestampOutsideWindow, "an event of long ago"})
        .byRule("past");
  }
  for (const std::string_view fact : {event.type, event.id, event.group, event.sender}) {
    if (isFieldValue(fact)) continue;
    return channel_->refuse({Reason::kMalformedRequest, "a control byte in a fact"});
  }
  const std::string_view type = event.family.empty() ? event.type : event.family;
  if (terms_.known.empty() || terms_.known.contains(type)) return std::nullopt;
  return channel_->refuse({type.empty() ? Reason::kEventMissing : Reason::kEventUnknown,
                           "event type " + quoteForMessage(type)});
}

std::optional<Verdict> ChannelFilter::refuseEvents(const Received& received,
                                                   Services& services) const {
  if (auto refusal = refuseEvent(received.event, services)) return refusal;
  for (const ChannelEvent& event : received.more) {
    if (auto refusal = refuseEvent(event, services)) return refusal;
  }
  return std::nullopt;
}

Result<SingleUse::Bound> ChannelFilter::bind(const Received& received, const Exchange& exchange,
                                             Services& services) const {
  if (received.credential.empty() || exchange.is_shadow) return SingleUse::Bound::kYes;
  return single_use_.bind(received.credential, exchange, services);
}

// The ids beside the first one's, each once: a batch may repeat itself.
void keepBatch(const Received& received, Facts& facts) {
  for (const ChannelEvent& event : received.more) {
    const bool is_new = !event.id.empty() && event.id != facts.event_id &&
                        std::find(facts.batch_ids.begin(), facts.batch_ids.end(), event.id) ==
                            facts.batch_ids.end();
    if (is_new) facts.batch_ids.push_back(event.id);
  }
}

// The event's own, which is older when it comes again; but where nobody signed the body, what was
// signed beside it.
std::optional<std::int64_t> timeOf(const Received& received, const Verified& verified) {
  const bool is_body_signed = received.credential.empty();
  if (!is_body_signed && verified.signed_at_ms) return verified.signed_at_ms;
  return received.event.timestamp_ms ? received.event.timestamp_ms : verified.signed_at_ms;
}

void ChannelFilter::accept(const Received& received, const Verified& verified,
                           Exchange& exchange) const {
  Facts& facts = exchange.facts;
  facts.principal = facts.channel = terms_.name;
  facts.event_id = received.event.id;
  facts.event_digest = received.digest;
  facts.twin_id = received.twin_id;
  facts.event_type = received.event.type;
  facts.group = received.event.group;
  facts.sender = received.event.sender;
  facts.timestamp_ms = timeOf(received, verified);
  facts.retry_horizon = std::max(channel_->traits().retry_horizon, signatureLife());
  keepBatch(received, facts);
  if (terms_.forwards_content && !exchange.content.empty() && !exchange.is_shadow) {
    forwardContent(exchange);
  }
  exchange.acknowledger = channel_.get();
  exchange.acknowledger_key = verified.key;
  exchange.is_acknowledged_here = terms_.answers_itself;
}

// A twin's moment, and what the channel lacks before it.
Outcome ChannelFilter::onRequestBody(Exchange& exchange, Services& services) const {
  constexpr Duration kTwinInterval = 5ms;
  // Longer than a claim lives whose holder died. Then it is refused: not the walk, whose error
  // `on_error` may open.
  constexpr int kTwinTurns = 300;
  static_assert(kTwinTurns * kTwinInterval > SingleUse::kInFlight);
  Channel::Attempt attempt = channel_->attempt(exchange, services);
  auto* const preparation = std::get_if<Async<Channel::Prepared>>(&attempt);
  if (auto* const verified = std::get_if<Result<Verified>>(&attempt)) {
    if (auto verdict = judge(std::move(*verified), exchange, services)) return *std::move(verdict);
  }
  auto ask = [this, &exchange, &services,
              turns_left = kTwinTurns]() mutable -> std::optional<Result<Verdict>> {
    auto verdict = judge(channel_->verify(exchange, services), exchange, services);
    if (verdict) return *std::move(verdict);
    if (--turns_left > 0) return std::nullopt;
    return channel_->refuse({Reason::kStoreUnavailable, "a twin's fate"});
  };
  if (preparation == nullptr) return Inquiry::begin(services.loop, kTwinInterval, std::move(ask));
  return Inquiry::beginAfter(std::move(*preparation), services.loop, kTwinInterval, std::move(ask));
}

std::optional<ChannelDialect> findDialect(ConfigReader& config) {
  std::vector<ConfigChoice<const ChannelDialect*>> choices;
  for (const ChannelDialect& dialect : channelDialects())
    choices.push_back({dialect.name, &dialect});
  if (!config.has("dialect")) config.reject("dialect", "needs a dialect such as `hmac`");
  const auto* const chosen = config.choice<const ChannelDialect*>("dialect", nullptr, choices);
  if (chosen == nullptr) return std::nullopt;
  return *chosen;
}

KnownEvents readKnownEvents(ConfigReader& config, std::string_view documented) {
  KnownEvents known;
  while (!documented.empty()) {
    const std::size_t end = documented.find_first_of(" \n");
    const std::string_view word = documented.substr(0, end);
    if (!word.empty()) known.emplace(word);
    documented.remove_prefix(end == std::string_view::npos ? documented.size() : end + 1);
  }
  const bool passes_all =
      config.choice<bool>("unknown_events", known.empty() && !config.has("known_events"),
                          {{"refuse", false}, {"pass", true}});
  for (std::string& type : config.texts("known_events")) known.insert(std::move(type));
  if (passes_all) known.clear();
  return known;
}

// The keys that every dialect of a platform has. What the configured dialect leaves to other
// filters (`replay_window`, `event_types`, `source_budget`) it leaves to them.
Terms readTerms(ConfigReader& config, std::string name, const ChannelTraits& traits) {
  constexpr std::uint64_t kFailuresDefault = 60;
  Terms terms;
  terms.name = std::move(name);
  if (traits.retry_horizon == 0s) return terms;
  if (traits.window != 0s) {
    terms.window = config.duration("window", traits.window);
    if (terms.window <= 0ns) config.reject("window", "must be more than 0");
  }
  terms.known = readKnownEvents(config, traits.known_events);
  terms.failures = FailureBudget::read(config, "channel.failures", terms.name,
                                       traits.charges_failures ? kFailuresDefault : 0);
  terms.answers_itself = config.choice<bool>("reply", traits.answers_itself,
                                             {{"upstream", false}, {"platform", true}});
  terms.forwards_content =
      config.choice<bool>("forward", false, {{"original", false}, {"decrypted", true}});
  return terms;
}

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  const std::optional<ChannelDialect> dialect = findDialect(config);
  if (!dialect) return nullptr;  // which keys there are depends on it
  requireWholeBody(config, "dialect", build);
  std::string name = config.text("name", dialect->name);
  std::unique_ptr<const Channel> channel = dialect->make(config, build);
  Terms terms;
  if (channel != nullptr) terms = readTerms(config, std::move(name), channel->traits());
  terms.dialect = dialect->name;
  config.finish();
  if (channel == nullptr) return nullptr;
  return std::make_unique<ChannelFilter>(std::move(terms), std::move(channel));
}

}  // namespace

FilterType channelType() { return {"channel", FilterRank::kChannel, make}; }

}  // namespace edgehold
