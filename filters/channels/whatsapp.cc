// SPDX-License-Identifier: Apache-2.0
// WhatsApp's Cloud API (Meta, "webhooks"): many entries, changes, messages and states in one body,
// signed by HMAC with the app's secret over the bytes as they are sent, escapes included. The
// address is set up by a GET whose challenge is echoed to who knows the verify token.
// Thread: any (immutable).
#include <string>
#include <utility>

#include "filters/channels/body_mac_channel.h"
#include "filters/channels/event_batch.h"
#include "filters/channels/form.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/replies.h"
#include "filters/channels/static_token.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Deliveries are tried for up to seven days.
const ChannelTraits kTraits = {
    .retry_horizon = 7 * 24h, .known_events = known_events::kWhatsapp, .takes_get = true};

// What a subscription says in its query.
struct Subscription {
  std::string_view token, challenge;

  static Result<Subscription> read(Exchange& exchange) {
    TRY_ASSIGN(const std::string_view mode, parameter(exchange, "hub.mode"));
    if (mode != "subscribe") return fail(Reason::kMalformedRequest, "`hub.mode` is another");
    Subscription subscription;
    TRY_ASSIGN(subscription.token, parameter(exchange, "hub.verify_token"));
    TRY_ASSIGN(subscription.challenge, parameter(exchange, "hub.challenge"));
    const bool is_number =
        !subscription.challenge.empty() && subscription.challenge.size() <= 32 &&
        subscription.challenge.find_first_not_of("0123456789") == std::string_view::npos;
    if (is_number) return subscription;
    return fail(Reason::kMalformedRequest, "`hub.challenge` is no number");
  }

 private:
  static Result<std::string_view> parameter(Exchange& exchange, std::string_view name) {
    TRY_ASSIGN(const auto value, onlyDecoded(exchange.request.target.query, name, exchange.arena));
    if (value) return *value;
    return fail(Reason::kSignatureMissing, "no `" + std::string(name) + "`");
  }
};

// The events of one change: messages, states of what was sent, calls, or the change itself.
class ChangeReader {
 public:
  ChangeReader(JsonValue change, Exchange& exchange, EventBatch& batch)
      : exchange_(exchange), change_(change, exchange), batch_(batch) {
    field_ = change_.fact({"field"});
  }

  // `index`: of the change in the body, for those that have no id.
  Result<void> read(std::size_t index, const Verified& verified) {
    for (const std::string_view list : {"messages", "message_echoes"}) {
      TRY(addAll(list, [](const JsonFacts& one) { return one.id({"id"}); }));
    }
    TRY(addAll("statuses", [this](const JsonFacts& one) { return idWith(one, "status"); }));
    TRY(addAll("calls", [this](const JsonFacts& one) { return idWith(one, "event"); }));
    if (has_any_) return {};
    ChannelEvent event;
    event.type = field_;
    event.id = exchange_.arena.join(
        {hashFact(exchange_, verified.text), ":", exchange_.arena.copy(std::to_string(index))});
    return batch_.add(event);
  }

 private:
  template <class IdOf>
  Result<void> addAll(std::string_view list, IdOf id_of) {
    const auto elements = change_.at({"value", list});
    if (!elements) return {};
    for (const JsonValue element : elements->elements()) {
      const JsonFacts facts(element, exchange_);
      ChannelEvent event;
      event.type = field_;
      event.id = id_of(facts);
      event.sender = facts.firstFact({{"from"}, {"recipient_id"}});
      event.timestamp_ms = facts.time({"timestamp"});
      TRY(batch_.add(event));
      has_any_ = true;
    }
    return {};
  }
  // One message has several states, one call several events.
  std::string_view idWith(const JsonFacts& one, std::string_view more) const {
    const std::string_view id = one.id({"id"});
    if (id.empty()) return id;
    const std::string_view both = exchange_.arena.join({id, ":", one.fact({more})});
    return both.size() <= limits::kFactBytesMax ? both : hashFact(exchange_, both);
  }

  Exchange& exchange_;
  const JsonFacts change_;
  EventBatch& batch_;
  std::string_view field_;
  bool has_any_ = false;
};

class WhatsappChannel final : public BodyMacChannel {
 public:
  WhatsappChannel(MacKeys keys, StaticTokens verify_tokens)
      : BodyMacChannel({"X-Hub-Signature-256", "sha256=", MacField::Form::kHex}, std::move(keys)),
        verify_tokens_(std::move(verify_tokens)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    if (!isSubscription(exchange)) return BodyMacChannel::checkHead(exchange);
    return requireLive(verify_tokens_, exchange.started_wall);
  }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    if (!isSubscription(exchange)) return BodyMacChannel::verify(exchange, services);
    TRY_ASSIGN(const Subscription subscription, Subscription::read(exchange));
    const auto token = fittingToken(verify_tokens_, exchange.started_wall, subscription.token);
    if (!token) return fail(Reason::kSignatureInvalid);
    return Verified{exchange.body.view(), {}, *token};
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    if (isSubscription(exchange)) return answer(exchange);
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const auto entries = body.root().member("entry");
    if (!entries) return fail(Reason::kEventMissing, "no `entry`");
    EventBatch batch;
    std::size_t index = 0;
    for (const JsonValue entry : entries->elements()) {
      const auto changes = entry.member("changes");
      if (!changes) return fail(Reason::kEventMissing, "an entry without `changes`");
      for (const JsonValue change : changes->elements()) {
        TRY(ChangeReader(change, exchange, batch).read(index++, verified));
      }
    }
    return batch.received(exchange);
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  static bool isSubscription(const Exchange& exchange) {
    return exchange.request.method == Method::kGet;
  }
  static Result<Received> answer(Exchange& exchange) {
    TRY_ASSIGN(const Subscription subscription, Subscription::read(exchange));
    Received received;
    received.event.type = "subscribe";
    received.handshake = textReply(std::string(subscription.challenge));
    return received;
  }
  std::string sampleBody(const SampleWish& wish) const override {
    return R"({"object":"whatsapp_business_account","entry":[{"id":"1","changes":[{"field":)"
           R"("messages","value":{"messaging_product":"whatsapp","messages":[{"from":"15550100",)"
           R"("id":"wamid.)" +
           randomHex(wish.random, 1) + R"(","timestamp":")" +
           std::to_string(unixSeconds(wish.now)) +
           R"(","type":"text","text":{"body":"hello"}}]}}]}]})";
  }

  const StaticTokens verify_tokens_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  MacKeys keys = readMacKeys(config, "secrets", build);
  StaticTokens tokens;  // without one nothing can be subscribed, which is only done once
  if (config.has("verify_tokens")) {
    tokens = readTokens(config, "verify_tokens", build, {}, [](ByteView) { return true; });
  }
  return std::make_unique<WhatsappChannel>(std::move(keys), std::move(tokens));
}

}  // namespace

ChannelDialect whatsappDialect() { return {"whatsapp", make}; }

}  // namespace edgehold
