// SPDX-License-Identifier: Apache-2.0
// Slack: events as JSON, interactions as a form with `payload=`, slash commands as a plain form;
// all signed alike (docs.slack.dev, "verifying requests"; slackapi/bolt-js). The `token` in the
// body is the one that it used before: it authenticates nobody. Thread: any (immutable).
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/form_body.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/mac_field.h"
#include "filters/channels/replies.h"
#include "filters/grammar.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const MacField kSignature("X-Slack-Signature", "v0=", MacField::Form::kHex);
const FieldName kTimestamp("X-Slack-Request-Timestamp");

// An event comes three times more, at once, after a minute and after five.
const ChannelTraits kTraits = {
    .window = 300s, .retry_horizon = 1h, .known_events = known_events::kSlack};

std::array<ByteView, 4> signedPieces(std::string_view time, ByteView body) {
  return {"v0:", time, ":", body};  // the time is digits: no border can move
}

// What a body says: itself, or what its form carries.
Result<std::string_view> textOf(Exchange& exchange) {
  TRY_ASSIGN(const bool is_form, isFormBody(exchange));
  if (!is_form) return exchange.body.view();
  TRY_ASSIGN(const auto payload, formPayload(exchange));
  if (payload) return *payload;
  return formAsJson(exchange);
}

class SlackChannel final : public Channel {
 public:
  explicit SlackChannel(MacKeys keys) : keys_(std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(keys_, exchange.started_wall));
    TRY(kSignature.read(exchange));
    TRY(readTime(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const Mac mac, kSignature.read(exchange));
    TRY_ASSIGN(const std::string_view time, readTime(exchange));
    const auto key = fittingMac(keys_, exchange, signedPieces(time, exchange.body.view()), mac);
    if (!key) return fail(Reason::kSignatureInvalid);
    TRY_ASSIGN(const std::string_view text, textOf(exchange));
    return Verified{text, parseTimestamp(time, TimeUnit::kSeconds), *key};
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const std::string_view type = body.fact({"type"});
    if (type == "url_verification") return challenge(body);
    if (type == "event_callback") return event(body);
    if (type.empty() && body.has({"command"})) return slashCommand(body);
    if (type.empty() && body.fact({"ssl_check"}) == "1") return certificateCheck();
    return interaction(body, type, hashFact(exchange, verified.text));
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const HmacKey* const key = firstLive(keys_, wish.now);
    if (key == nullptr) return fail("no secret has resolved");
    SampleRequest request;
    request.body = wish.body;
    if (request.body.empty()) {
      request.body = R"({"type":"event_callback","event_id":"Ev)" + randomHex(wish.random, 1) +
                     R"(","team_id":"T1","event":{"type":"app_mention","user":"U1",)"
                     R"("channel":"C1","text":"hello"}})";
    }
    const std::string time = std::to_string(unixSeconds(wish.now));
    request.headers = {
        {"Content-Type",
         request.body.starts_with('{') ? "application/json" : "application/x-www-form-urlencoded"},
        {kTimestamp.text(), time},
        {kSignature.name().text(), kSignature.write(*key, signedPieces(time, request.body))}};
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  static Result<std::string_view> readTime(const Exchange& exchange) {
    return timestampField(exchange, kTimestamp, 10);
  }

  static Result<Received> challenge(const JsonFacts& body) {
    const std::string_view text = body.string({"challenge"}).value_or("");
    if (!isPlainWord(text, 256, "_-")) {
      return fail(Reason::kMalformedRequest, "`challenge` has no form to be echoed");
    }
    Received received;
    received.event.type = "url_verification";
    received.handshake = textReply(std::string(text));
    return received;
  }

  static Result<Received> event(const JsonFacts& body) {
    Received received;
    received.event.type = body.fact({"event", "type"});
    received.event.id = body.id({"event_id"});
    received.event.group = body.firstFact(
        {{"event", "channel"}, {"event", "channel", "id"}, {"event", "item", "channel"}});
    received.event.sender = body.firstFact({{"event", "user"}, {"event", "user", "id"}});
    received.event.timestamp_ms = body.time({"event_time"});
    return received;
  }

  static Result<Received> slashCommand(const JsonFacts& body) {
    Received received;
    received.event.type = "slash_command";
    received.event.id = body.id({"trigger_id"});
    received.event.group = body.fact({"channel_id"});
    received.event.sender = body.fact({"user_id"});
    return received;
  }

  // Slack asks the address of slash commands from time to time, whether its certificate is good.
  static Received certificateCheck() {
    Received received;
    received.event.type = "ssl_check";
    received.handshake = emptyReply();
    return received;
  }

  // Buttons, dialogs, shortcuts; and `app_rate_limited`, which is about no event.
  static Result<Received> interaction(const JsonFacts& body, std::string_view type,
                                      std::string_view hash) {
    Received received;
    received.event.type = type;
    received.event.id = body.id({"trigger_id"});
    if (received.event.id.empty()) received.event.id = hash;
    received.event.group = body.firstFact({{"channel", "id"}, {"container", "channel_id"}});
    received.event.sender = body.fact({"user", "id"});
    received.event.timestamp_ms = body.time({"action_ts"});
    return received;
  }

  const MacKeys keys_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<SlackChannel>(readMacKeys(config, "secrets", build));
}

}  // namespace

ChannelDialect slackDialect() { return {"slack", make}; }

}  // namespace edgehold
