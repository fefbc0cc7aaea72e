// SPDX-License-Identifier: Apache-2.0
// What an activity of the Bot Framework says (microsoft/botframework-sdk, "activity"): both ways in
// which Teams sends one carry the same.
// Thread: one loop (owned by the call).
#pragma once

#include <string>

#include "filters/channels/channel.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "proxy/exchange/sample.h"

namespace edgehold {

inline ChannelEvent activityEvent(const JsonFacts& body) {
  ChannelEvent event;
  event.type = body.fact({"type"});
  event.id = body.id({"id"});
  event.group = body.fact({"conversation", "id"});
  event.sender = body.firstFact({{"from", "aadObjectId"}, {"from", "id"}});
  event.timestamp_ms = body.time({"timestamp"});
  return event;
}

inline std::string sampleActivity(const SampleWish& wish) {
  return R"({"type":"message","id":")" + randomHex(wish.random, 1) +
         R"(","channelId":"msteams","serviceUrl":"https://smba.trafficmanager.net/emea/",)"
         R"("text":"hello","from":{"id":"29:1"},"conversation":{"id":"19:1@thread.tacv2"}})";
}

}  // namespace edgehold
