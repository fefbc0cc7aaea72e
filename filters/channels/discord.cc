// SPDX-License-Identifier: Apache-2.0
// Discord: interactions and webhook events, both signed by Ed25519 with the application's key
// (discord/discord-api-docs, "receiving and responding", "webhook events"). It tests endpoints with
// wrong signatures and takes those off that do not answer 401 each time, so failures charge nobody.
// Thread: any (immutable).
#include <array>
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/ed25519_head.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/replies.h"
#include "filters/channels/sample_key.h"
#include "filters/grammar.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Events are sent again for up to ten minutes, interactions never. The window is ours.
const ChannelTraits kTraits = {.window = 300s,
                               .retry_horizon = 1h,
                               .known_events = known_events::kDiscord,
                               .charges_failures = false};

// Of a webhook event; 1 is one, and has an `event`.
constexpr std::int64_t kEventPing = 0;
// Of an interaction, from 1 on.
constexpr std::string_view kPing = "PING";
constexpr std::array<std::string_view, 5> kInteractions = {
    kPing, "APPLICATION_COMMAND", "MESSAGE_COMPONENT", "APPLICATION_COMMAND_AUTOCOMPLETE",
    "MODAL_SUBMIT"};

// 204 comes with a Content-Type: the documentation insists.
Reply noContent() { return exactReply(204, "application/json", {}); }

Received ping(Reply reply) {
  Received received;
  received.event.type = kPing;
  received.handshake = std::move(reply);
  return received;
}

class DiscordChannel final : public Channel {
 public:
  explicit DiscordChannel(Credentials<Ed25519Key> keys) : keys_(std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(keys_, exchange.started_wall));
    TRY(Ed25519Head::read(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const Ed25519Head head, Ed25519Head::read(exchange));
    const ByteView body = exchange.body.view();
    const std::array<ByteView, 2> pieces = {head.time, body};
    const auto key = head.fitting(keys_, exchange, pieces);
    if (!key) return fail(Reason::kSignatureInvalid);
    return Verified{body, parseTimestamp(head.time, TimeUnit::kSeconds), *key};
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const auto type = body.number({"type"});
    if (!type) return fail(Reason::kEventMissing, "no `type`");
    if (type == kEventPing) return ping(noContent());
    if (type == 1 && body.has({"event"})) {
      return webhookEvent(body, hashFact(exchange, verified.text));
    }
    return interaction(body, *type);
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    SampleRequest request;
    request.body = wish.body;
    if (request.body.empty()) {
      request.body = R"({"id":")" + randomHex(wish.random, 1) +
                     R"(","type":2,"guild_id":"SAMPLE","data":{"name":"sample"},)" +
                     R"("member":{"user":{"id":"SAMPLE"}}})";
    }
    const std::string time = std::to_string(unixSeconds(wish.now));
    TRY_ASSIGN(const std::string signature,
               signSample(
                   wish, keys_, [](ByteView key) { return hexEncode(key); }, time + request.body));
    request.headers = {{"Content-Type", "application/json"},
                       {Ed25519Head::signatureName().text(), hexEncode(signature)},
                       {Ed25519Head::timestampName().text(), time}};
    return request;
  }
  bool takesSigningKey() const override { return true; }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return noContent();
  }

 private:
  static Result<Received> interaction(const JsonFacts& body, std::int64_t type) {
    if (type < 1 || type > static_cast<std::int64_t>(kInteractions.size())) {
      return fail(Reason::kEventUnknown, "interaction " + std::to_string(type));
    }
    const std::string_view name = kInteractions[static_cast<std::size_t>(type - 1)];
    if (name == kPing) return ping(jsonReply(R"({"type":1})"));
    Received received;
    received.event.type = name;
    received.event.id = body.id({"id"});
    received.event.group = body.fact({"guild_id"});
    received.event.sender = body.firstFact({{"member", "user", "id"}, {"user", "id"}});
    return received;
  }

  // They have no id of their own.
  static Result<Received> webhookEvent(const JsonFacts& body, std::string_view hash) {
    Received received;
    received.event.type = body.fact({"event", "type"});
    received.event.id = hash;
    received.event.sender =
        body.firstFact({{"event", "data", "user", "id"}, {"event", "data", "user_id"}});
    received.event.timestamp_ms = body.time({"event", "timestamp"});
    return received;
  }

  const Credentials<Ed25519Key> keys_;
};

std::optional<Ed25519Key> keyFrom(std::string_view hex) {
  std::array<char, kEd25519KeyBytes> bytes{};
  if (!decodeHexInto(hex, bytes)) return std::nullopt;
  return Ed25519Key::fromPublic({bytes.data(), bytes.size()});
}

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& /*build*/) {
  return std::make_unique<DiscordChannel>(readPublicKeys<Ed25519Key>(
      config, "public_keys", "is no public key: 64 hexadecimal digits", keyFrom));
}

}  // namespace

ChannelDialect discordDialect() { return {"discord", make}; }

}  // namespace edgehold
