// SPDX-License-Identifier: Apache-2.0
// Telegram bots (core.telegram.org/bots/api, setWebhook): a token that never changes stands in a
// field, and nothing is signed. Whoever learned it could send anything for ever, so an update's id
// counts with its first body only. Not every `date` is that of the update.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/replies.h"
#include "filters/channels/static_token.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const FieldName kToken("X-Telegram-Bot-Api-Secret-Token");
constexpr std::string_view kUpdateId = "update_id";

// Updates are kept for a day at most until they are taken.
const ChannelTraits kTraits = {.retry_horizon = 24h, .known_events = known_events::kTelegram};

bool isToken(std::string_view text) { return isPlainWord(text, 256, "_-"); }

class TelegramChannel final : public Channel {
 public:
  explicit TelegramChannel(StaticTokens tokens) : tokens_(std::move(tokens)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(tokens_, exchange.started_wall));
    TRY(readToken(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const std::string_view given, readToken(exchange));
    const auto token = fittingToken(tokens_, exchange.started_wall, given);
    if (!token) return fail(Reason::kSignatureInvalid);
    return Verified{exchange.body.view(), {}, *token};
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const auto update = body.number({kUpdateId});
    if (!update || *update < 0) return fail(Reason::kEventMissing, "no `update_id`");
    TRY_ASSIGN(const std::string_view type, kindOf(body.root(), exchange));
    Received received;
    ChannelEvent& event = received.event;
    event.type = type;
    event.id = body.id({kUpdateId});
    received.credential = credentialOf(exchange, tokens_[verified.key].key, event.id);
    event.group = groupOf(body, type);
    event.sender = body.firstFact({{type, "from", "id"},
                                   {type, "user", "id"},
                                   {type, "sender_chat", "id"},
                                   {type, "actor_chat", "id"}});
    if (!isDated(type)) return received;
    event.timestamp_ms = body.time({type, "edit_date"});
    if (!event.timestamp_ms) event.timestamp_ms = body.time({type, "date"});
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const StaticToken* const token = firstLive(tokens_, wish.now);
    if (token == nullptr) return fail("no secret has resolved");
    SampleRequest request;
    request.body = wish.body;
    if (request.body.empty()) {
      request.body = R"({"update_id":)" + std::to_string(wish.random.next() >> 33) +
                     R"(,"message":{"message_id":1,"date":)" +
                     std::to_string(unixSeconds(wish.now)) +
                     R"(,"from":{"id":1},"chat":{"id":1,"type":"private"},"text":"hello"}})";
    }
    request.headers = {{"Content-Type", "application/json"},
                       {kToken.text(), std::string(token->text->reveal())}};
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  static Result<std::string_view> readToken(const Exchange& exchange) {
    TRY_ASSIGN(const std::string_view token, signatureField(exchange, kToken));
    if (isToken(token)) return token;
    return fail(Reason::kSignatureInvalid, "the token has not the form of one");
  }

  // Updates are numbered by each bot for itself: the token tells bots apart.
  static std::string_view credentialOf(Exchange& exchange, const StaticToken& token,
                                       std::string_view id) {
    return exchange.arena.join({token.digest.view(), id});
  }

  // An update is its id and one member more, which names what happened.
  static Result<std::string_view> kindOf(JsonValue root, Exchange& exchange) {
    std::string_view kind;
    for (const JsonMember& member : root.members()) {
      if (member.key == kUpdateId) continue;
      if (!kind.empty()) return fail(Reason::kMalformedRequest, "an update of two kinds");
      kind = member.key;
    }
    if (kind.empty()) return fail(Reason::kEventMissing, "an update of no kind");
    return exchange.keepFact(kind);
  }

  // Messages, and what becomes of members and reactions. The date of a `business_connection` is
  // when it was made, whatever happens to it now.
  static bool isDated(std::string_view kind) {
    constexpr std::array<std::string_view, 12> kDated = {
        "message",          "edited_message",
        "channel_post",     "edited_channel_post",
        "business_message", "edited_business_message",
        "guest_message",    "my_chat_member",
        "chat_member",      "chat_join_request",
        "message_reaction", "message_reaction_count"};
    return std::find(kDated.begin(), kDated.end(), kind) != kDated.end();
  }

  static std::string_view groupOf(const JsonFacts& body, std::string_view type) {
    const bool has_chat = body.has({type, "chat"});
    const auto kind = has_chat ? body.string({type, "chat", "type"})
                               : body.string({type, "message", "chat", "type"});
    if (kind == "private") return {};
    return has_chat ? body.fact({type, "chat", "id"}) : body.fact({type, "message", "chat", "id"});
  }

  const StaticTokens tokens_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<TelegramChannel>(
      readTokens(config, "secrets", build, "is no token: 1 to 256 of A-Z a-z 0-9 _ -", isToken));
}

}  // namespace

ChannelDialect telegramDialect() { return {"telegram", make}; }

}  // namespace edgehold
