// SPDX-License-Identifier: Apache-2.0
// DingTalk robots that get their messages over HTTP (open.dingtalk.com, "receive message"). What is
// signed is the time and nothing else, so a signature is good for one body. The message brings the
// address to which its answer goes, and nobody signed that: it must be the platform's own.
// Thread: any (immutable).
#include <array>

#include "filters/channels/channel.h"
#include "filters/channels/credentials.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/mac_field.h"
#include "filters/channels/replies.h"
#include "filters/grammar.h"
#include "proxy/crypto/hmac.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const FieldName kTimestampField("timestamp");
const MacField kSignatureField("sign", "", MacField::Form::kBase64);
constexpr std::string_view kAnswersTo = "https://oapi.dingtalk.com/";

// One hour, by the document. No retries are known.
const ChannelTraits kTraits = {
    .window = 3600s, .retry_horizon = 2h, .known_events = known_events::kDingtalkRobot};

// Key and text are the same secret.
struct RobotKey {
  HmacKey key;
  SecretString secret;
};

std::optional<RobotKey> keyFrom(ByteView secret) {
  return RobotKey{HmacKey(DigestKind::kSha256, secret), SecretString(secret)};
}

class DingtalkRobot final : public Channel {
 public:
  explicit DingtalkRobot(Credentials<RobotKey> keys) : keys_(std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(keys_, exchange.started_wall));
    TRY(readHead(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const Head head, readHead(exchange));
    const auto key = fittingKey(keys_, exchange.started_wall, [&](const RobotKey& one) {
      const std::array<ByteView, 3> pieces = {head.time, "\n", one.secret.reveal()};
      return one.key.verify(pieces, {head.mac.data(), head.mac.size()});
    });
    if (!key) return fail(Reason::kSignatureInvalid);
    return Verified{exchange.body.view(), parseTimestamp(head.time, TimeUnit::kMilliseconds), *key};
  }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts message, objectFacts(exchange, services));
    if (message.has({"sessionWebhook"}) &&
        !message.string({"sessionWebhook"}).value_or("").starts_with(kAnswersTo)) {
      return fail(Reason::kMalformedRequest, "`sessionWebhook` is not an address of DingTalk");
    }
    Received received;
    ChannelEvent& event = received.event;
    event.type = message.fact({"msgtype"});
    event.id = message.id({"msgId"});
    if (event.id.empty()) event.id = hashFact(exchange, exchange.body.view());
    if (message.fact({"conversationType"}) == "2") event.group = message.fact({"conversationId"});
    event.sender = message.firstFact({{"senderStaffId"}, {"senderId"}});
    event.timestamp_ms = message.time({"createAt"});
    TRY_ASSIGN(received.credential, signatureField(exchange, kSignatureField.name()));
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const RobotKey* const key = firstLive(keys_, wish.now);
    if (key == nullptr) return fail("no secret has resolved");
    const std::string time = std::to_string(unixMilliseconds(wish.now));
    const std::array<ByteView, 3> pieces = {time, "\n", key->secret.reveal()};
    SampleRequest request;
    request.headers = {{"Content-Type", "application/json"},
                       {kTimestampField.text(), time},
                       {kSignatureField.name().text(), kSignatureField.write(key->key, pieces)}};
    request.body = wish.body;
    if (request.body.empty()) {
      request.body = R"({"msgId":")" + randomHex(wish.random, 2) + R"(","createAt":)" + time +
                     R"(,"conversationType":"2","conversationId":"SAMPLE","senderId":"SAMPLE",)" +
                     R"("msgtype":"text","text":{"content":"hello"}})";
    }
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();  // a body would be a message to the group
  }

 private:
  struct Head {
    std::string_view time;
    Mac mac;
  };
  static Result<Head> readHead(const Exchange& exchange) {
    Head head;
    TRY_ASSIGN(head.mac, kSignatureField.read(exchange));
    TRY_ASSIGN(head.time, timestampField(exchange, kTimestampField, 13));
    return head;
  }

  const Credentials<RobotKey> keys_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<DingtalkRobot>(
      readKeys<RobotKey>(config, "secrets", build, "is no secret of a robot", keyFrom));
}

}  // namespace

ChannelDialect dingtalkRobotDialect() { return {"dingtalk_robot", make}; }

}  // namespace edgehold
