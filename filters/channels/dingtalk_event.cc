// SPDX-License-Identifier: Apache-2.0
// DingTalk event subscription over HTTP (open-dingtalk/DingTalk-Callback-Crypto). Every event that
// is accepted, its set-up requests included, is answered with an encrypted `success` of our own:
// what the upstream says is not for the platform. What the data push of a suite brings is a batch:
// rows of `bizData`, each an event of its own.
// Thread: any (immutable).
#include "filters/channels/channel.h"
#include "filters/channels/event_batch.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/platform_cipher.h"
#include "filters/channels/replies.h"
#include "filters/channels/wechat_message.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// Neither a window nor how often it comes again is documented; what failed can be pulled for days.
const ChannelTraits kTraits = {.window = 3600s,
                               .retry_horizon = 24h,
                               .known_events = known_events::kDingtalkEvent,
                               .answers_itself = true};
// As the official sample takes them.
constexpr QueryForm kQuery = {.signature = "msg_signature",
                              .signature_or = "signature",
                              .timestamp_or = "timeStamp",
                              .unit = TimeUnit::kMilliseconds};
constexpr std::string_view kSuccess = "success";
// SYNC_HTTP_PUSH_HIGH and _MEDIUM.
constexpr std::string_view kPush = "SYNC_HTTP_PUSH_";

// A row is one state of one thing: `id` numbers the states, and the other four name the thing among
// all that are pushed (open.dingtalk.com, "data formats": they are its unique index). Numbers of
// two companies may be the same, so alone it names nothing.
std::string_view rowId(const JsonFacts& row, Exchange& exchange) {
  const std::string_view number = row.id({"id"});
  if (number.empty()) return hashFact(exchange, row.root());
  const std::string_view id =
      exchange.arena.join({row.fact({"subscribe_id"}), ":", row.fact({"corp_id"}), ":",
                           row.fact({"biz_type"}), ":", row.fact({"biz_id"}), ":", number});
  return id.size() <= limits::kFactBytesMax ? id : hashFact(exchange, id);
}

// `event` is the push: its rows differ in their ids only. Without any it stays one event.
Result<Received> readPush(const ChannelEvent& event, const JsonFacts& message, Exchange& exchange) {
  const auto rows = message.at({"bizData"});
  if (rows && rows->kind() != JsonKind::kArray) {
    return fail(Reason::kMalformedRequest, "`bizData` is no list");
  }
  EventBatch batch;
  if (!rows || rows->size() == 0) TRY(batch.add(event));
  if (rows) {
    for (const JsonValue row : rows->elements()) {
      if (row.kind() != JsonKind::kObject) {
        return fail(Reason::kMalformedRequest, "`bizData` holds what is no object");
      }
      ChannelEvent its = event;
      its.id = rowId(JsonFacts(row, exchange), exchange);
      TRY(batch.add(its));
    }
  }
  return batch.received(exchange);
}

class DingtalkEvents final : public Channel {
 public:
  DingtalkEvents(ConfigReader& config, const FilterBuild& build)
      : cipher_(PlatformCipher::read(config, build)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(cipher_.requireLive(exchange.started_wall));
    TRY(readSignedQuery(exchange.request.target.query, kQuery));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    TRY_ASSIGN(const SignedQuery query, readSignedQuery(exchange.request.target.query, kQuery));
    TRY_ASSIGN(
        const std::string_view encrypted,
        encryptedOf(exchange, services,
                    {.format = MessageFormat::kJson, .name = "encrypt", .names = {"encrypt"}}));
    return cipher_.open(query, encrypted, exchange.started_wall, exchange.arena);
  }

  Result<Received> read(Exchange& exchange, const Verified& verified,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts message, objectFacts(exchange, services));
    Received received;
    ChannelEvent& event = received.event;
    event.type = message.fact({"EventType"});
    event.id = message.id({"eventId"});
    if (event.id.empty()) event.id = hashFact(exchange, verified.text);
    event.group = message.fact({"ChatId"});
    event.sender = message.fact({"Operator"});
    event.timestamp_ms = message.time({"EventTime"});
    if (!event.timestamp_ms) event.timestamp_ms = message.time({"TimeStamp"});
    if (event.type.starts_with(kPush)) return readPush(event, message, exchange);
    TRY_ASSIGN(const auto answer, setUpAnswer(message, event.type));
    if (answer) received.handshake = reply(exchange, services.random, verified.key, *answer);
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    std::string text = wish.body;
    if (text.empty()) {
      text = R"({"EventType":"chat_add_member","EventTime":)" +
             std::to_string(unixMilliseconds(wish.now)) + R"(,"eventId":")" +
             randomHex(wish.random, 2) + R"(","ChatId":"SAMPLE","Operator":"SAMPLE"})";
    }
    TRY_ASSIGN(auto sealed, cipher_.sealSample(wish, text, kQuery.unit));
    SampleRequest request;
    request.query = std::move(sealed.query);
    request.headers = {{"Content-Type", "application/json"}};
    request.body = R"({"encrypt":")" + sealed.encrypted + "\"}";
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& exchange, Random& random) const override {
    return reply(exchange, random, exchange.acknowledger_key, kSuccess);
  }

 private:
  // What a set-up request wants to be told. Of a suite (an application for many companies) that is
  // its own word: sealed with the key that opens events, so it must be one that no event is.
  static Result<std::optional<std::string_view>> setUpAnswer(const JsonFacts& message,
                                                             std::string_view type) {
    if (type == "check_url") return std::optional(kSuccess);
    if (type != "check_create_suite_url" && type != "check_update_suite_url") {
      return std::optional<std::string_view>();
    }
    const std::string_view word = message.string({"Random"}).value_or("");
    if (!isPlainWord(word, 64)) return fail(Reason::kMalformedRequest, "`Random` is no plain word");
    return std::optional(word);
  }

  Reply reply(const Exchange& exchange, Random& random, std::size_t key,
              std::string_view text) const {
    const SealRandom fresh(random);
    const std::string time = std::to_string(unixMilliseconds(exchange.started_wall));
    const auto sealed = cipher_.seal(key, text, {fresh.random16, time, fresh.nonce});
    std::string body = R"({"msg_signature":")";
    body.append(sealed.signature).append(R"(","encrypt":")").append(sealed.encrypted);
    body.append(R"(","timeStamp":")").append(time).append(R"(","nonce":")").append(fresh.nonce);
    return jsonReply(body.append("\"}"));
  }

  const PlatformCipher cipher_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<DingtalkEvents>(config, build);
}

}  // namespace

ChannelDialect dingtalkEventDialect() { return {"dingtalk_event", make}; }

}  // namespace edgehold
