// SPDX-License-Identifier: Apache-2.0
// QQ bots: webhooks signed by Ed25519 with a key made from the bot's secret (tencent-connect/
// bot-docs, "sign"; tencent-connect/botgo). Its set-up request (op 13) asks for a signature over
// text of its own: a signing oracle with the key that verifies events, so only text that can never
// be an event is signed, and what comes with that very signature is of the time its head tells.
// Thread: any (immutable).
#include <array>
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/credentials.h"
#include "filters/channels/ed25519_head.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/replies.h"
#include "filters/grammar.h"
#include "proxy/crypto/ed25519.h"
#include "proxy/crypto/secret.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Undocumented by the platform: 300 s either way, and a push may come twice within its deadline.
const ChannelTraits kTraits = {
    .window = 300s, .retry_horizon = 1h, .known_events = known_events::kQq};

enum class Op : std::int64_t { kDispatch = 0, kHeartbeat = 1, kValidation = 13 };

// What op 13 wants to have signed. `{` and `"` cannot be in it, so no event can.
struct Challenge {
  std::string_view token;
  std::string time;  // seconds or milliseconds, as it is written
  std::string signedText() const { return std::string(time).append(token); }
};

Result<Challenge> readChallenge(const JsonFacts& body) {
  Challenge challenge{body.string({"d", "plain_token"}).value_or(""),
                      std::string(body.string({"d", "event_ts"}).value_or(""))};
  if (const auto number = body.number({"d", "event_ts"})) challenge.time = std::to_string(*number);
  const bool is_time = isEpochTime(challenge.time, 10) || isEpochTime(challenge.time, 13);
  if (is_time && isPlainWord(challenge.token, 64, "_-")) return challenge;
  return fail(Reason::kMalformedRequest, "`plain_token` or `event_ts` has no form to be signed");
}

// The secret, repeated and cut to the size of a seed.
std::optional<Ed25519Key> keyFrom(ByteView secret) {
  std::array<char, kEd25519KeyBytes> seed{};
  for (std::size_t i = 0; i < seed.size(); ++i) seed[i] = secret[i % secret.size()];
  auto key = Ed25519Key::fromSeed({seed.data(), seed.size()});
  wipe(seed.data(), seed.size());
  return key;
}

class QqChannel final : public Channel {
 public:
  QqChannel(Credentials<Ed25519Key> keys, WallTime setup_until)
      : keys_(std::move(keys)), setup_until_(setup_until) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(keys_, exchange.started_wall));
    if (isSetUp(exchange)) return {};
    TRY(Ed25519Head::read(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    if (isSetUp(exchange)) return verifySetUp(exchange, services);
    TRY_ASSIGN(const Ed25519Head head, Ed25519Head::read(exchange));
    const ByteView body = exchange.body.view();
    const std::array<ByteView, 2> pieces = {head.time, body};
    if (const auto key = head.fitting(keys_, exchange, pieces)) {
      return Verified{body, parseTimestamp(head.time, TimeUnit::kSeconds), *key};
    }
    return verifyValidation(exchange, services, head);
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const auto op = body.number({"op"});
    if (!op) return fail(Reason::kEventMissing, "no `op`");
    switch (Op{*op}) {
      case Op::kDispatch:
        return readEvent(body, exchange, verified);
      case Op::kHeartbeat:  // as the official SDK answers it
        return heartbeat(body);
      case Op::kValidation:
        return answerValidation(body, verified);
    }
    return fail(Reason::kEventUnknown, "op " + std::to_string(*op));
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const Ed25519Key* const key = firstLive(keys_, wish.now);
    if (key == nullptr) return fail("no secret has resolved");
    SampleRequest request;
    request.body = wish.body;
    if (request.body.empty()) {
      request.body = R"({"op":0,"id":"C2C_MESSAGE_CREATE:)" + randomHex(wish.random, 2) +
                     R"(","d":{"id":"m1","content":"hello","author":{"user_openid":"SAMPLE"}},)" +
                     R"("t":"C2C_MESSAGE_CREATE"})";
    }
    const std::string time = std::to_string(unixSeconds(wish.now));
    const auto signature = key->sign(time + request.body);
    if (!signature) return fail("cannot sign");
    request.headers = {{"Content-Type", "application/json"},
                       {"X-Signature-Timestamp", time},
                       {"X-Signature-Ed25519", hexEncode({signature->data(), signature->size()})}};
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return jsonReply(R"({"op":12,"d":0})");
  }

 private:
  // Unsigned, while an operator says that the bot's address is being set up. No event passes so.
  bool isSetUp(const Exchange& exchange) const {
    return exchange.started_wall < setup_until_ &&
           Ed25519Head::signatureName().find(exchange.request.headers).count == 0;
  }
  Result<Verified> verifySetUp(Exchange& exchange, Services& services) const {
    TRY(validationOf(exchange, services));
    const auto newest =
        fittingKey(keys_, exchange.started_wall, [](const Ed25519Key&) { return true; });
    return Verified{exchange.body.view(), unixMilliseconds(exchange.started_wall), *newest};
  }

  // Some are sent with the very signature that they ask for (bot-docs issue 245).
  Result<Verified> verifyValidation(Exchange& exchange, Services& services,
                                    const Ed25519Head& head) const {
    const auto challenge = validationOf(exchange, services);
    if (!challenge || challenge->time != head.time) return fail(Reason::kSignatureInvalid);
    const std::array<ByteView, 2> pieces = {challenge->time, challenge->token};
    const auto key = head.fitting(keys_, exchange, pieces);
    if (!key) return fail(Reason::kSignatureInvalid);
    return Verified{exchange.body.view(), parseTimestamp(head.time, TimeUnit::kSeconds), *key};
  }
  static Result<Challenge> validationOf(Exchange& exchange, Services& services) {
    constexpr std::size_t kBytesMax = 1024;  // read before it is verified, so little
    if (exchange.body.size() > kBytesMax) return fail(Reason::kSignatureMissing);
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    if (body.number({"op"}) != static_cast<std::int64_t>(Op::kValidation)) {
      return fail(Reason::kSignatureMissing, "only op 13 may come unsigned");
    }
    return readChallenge(body);
  }

  Result<Received> answerValidation(const JsonFacts& body, const Verified& verified) const {
    TRY_ASSIGN(const Challenge challenge, readChallenge(body));
    const auto signature = keys_[verified.key].key.sign(challenge.signedText());
    if (!signature) return fail(Reason::kFilterFailed, "cannot sign");
    std::string text = R"({"plain_token":")";
    text.append(challenge.token).append(R"(","signature":")");
    text.append(hexEncode({signature->data(), signature->size()})).append("\"}");
    Received received;
    received.event.type = "op13";
    received.handshake = jsonReply(std::move(text));
    return received;
  }
  static Result<Received> heartbeat(const JsonFacts& body) {
    const auto sequence = body.number({"d"});
    Received received;
    received.event.type = "op1";
    received.handshake = jsonReply(
        R"({"op":11,"d":)" + (sequence ? std::to_string(*sequence) : std::string("null")) + "}");
    return received;
  }

  static Result<Received> readEvent(const JsonFacts& body, Exchange& exchange,
                                    const Verified& verified) {
    Received received;
    ChannelEvent& event = received.event;
    event.type = body.fact({"t"});
    event.id = body.id({"id"});
    if (event.id.empty()) event.id = body.id({"d", "id"});
    if (event.id.empty()) event.id = hashFact(exchange, verified.text);
    event.group = body.firstFact({{"d", "group_openid"}, {"d", "channel_id"}, {"d", "guild_id"}});
    event.sender = body.firstFact({{"d", "author", "member_openid"},
                                   {"d", "author", "user_openid"},
                                   {"d", "author", "id"},
                                   {"d", "op_member_openid"},
                                   {"d", "group_member_openid"},
                                   {"d", "user_openid"},
                                   {"d", "openid"}});
    event.timestamp_ms = body.time({"d", "timestamp"});
    return received;
  }

  const Credentials<Ed25519Key> keys_;
  const WallTime setup_until_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  auto keys = readKeys<Ed25519Key>(config, "secrets", build, "is no secret of a bot", keyFrom);
  const WallTime setup_until = readInstant(config, "setup_until", WallTime::min());
  return std::make_unique<QqChannel>(std::move(keys), setup_until);
}

}  // namespace

ChannelDialect qqDialect() { return {"qq", make}; }

}  // namespace edgehold
