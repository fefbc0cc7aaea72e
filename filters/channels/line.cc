// SPDX-License-Identifier: Apache-2.0
// LINE: several events in one body, signed by HMAC with the channel's secret (line/line-openapi,
// "webhook"). Its console verifies an address by a body without events.
// Thread: any (immutable).
#include <utility>

#include "filters/channels/body_mac_channel.h"
#include "filters/channels/event_batch.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/replies.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

// For how long a redelivery may come is not documented.
const ChannelTraits kTraits = {.retry_horizon = 24h, .known_events = known_events::kLine};

ChannelEvent eventOf(JsonValue element, Exchange& exchange) {
  const JsonFacts facts(element, exchange);
  ChannelEvent event;
  event.type = facts.fact({"type"});
  event.id = facts.id({"webhookEventId"});
  event.group = facts.firstFact({{"source", "groupId"}, {"source", "roomId"}});
  event.sender = facts.fact({"source", "userId"});
  event.timestamp_ms = facts.time({"timestamp"});
  return event;
}

class LineChannel final : public BodyMacChannel {
 public:
  explicit LineChannel(MacKeys keys)
      : BodyMacChannel({"X-Line-Signature", "", MacField::Form::kBase64}, std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    const auto events = body.root().member("events");
    if (!events || events->kind() != JsonKind::kArray) {
      return fail(Reason::kEventMissing, "no list `events`");
    }
    if (events->size() == 0) return verification();
    EventBatch batch;
    for (const JsonValue element : events->elements()) {
      TRY(batch.add(eventOf(element, exchange)));
    }
    return batch.received(exchange);
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  static Received verification() {
    Received received;
    received.event.type = "verify";
    received.handshake = emptyReply();
    return received;
  }
  std::string sampleBody(const SampleWish& wish) const override {
    return R"({"destination":"U0","events":[{"type":"message","webhookEventId":"01)" +
           randomHex(wish.random, 1) + R"(","timestamp":)" +
           std::to_string(unixMilliseconds(wish.now)) +
           R"(,"source":{"type":"user","userId":"U1"},)"
           R"("message":{"type":"text","id":"1","text":"hello"},"mode":"active"}]})";
  }
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<LineChannel>(readMacKeys(config, "secrets", build));
}

}  // namespace

ChannelDialect lineDialect() { return {"line", make}; }

}  // namespace edgehold
