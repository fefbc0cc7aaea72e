// SPDX-License-Identifier: Apache-2.0
// Outgoing webhooks of Teams (MicrosoftDocs/msteams-docs, "create an outgoing webhook"):
// `Authorization: HMAC …` over the raw body, with the bytes that the security token stands for. The
// answer of the upstream is what the team reads, within five seconds.
// Thread: any (immutable).
#include <utility>

#include "filters/channels/body_mac_channel.h"
#include "filters/channels/replies.h"
#include "filters/channels/teams_activity.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const ChannelTraits kTraits = {.retry_horizon = 1h, .known_events = known_events::kTeams};

class TeamsOutgoingChannel final : public BodyMacChannel {
 public:
  explicit TeamsOutgoingChannel(MacKeys keys)
      : BodyMacChannel({"Authorization", "HMAC ", MacField::Form::kBase64}, std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    Received received;
    received.event = activityEvent(body);
    received.digest = received.event.group;  // ids are of one conversation
    return received;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  std::string sampleBody(const SampleWish& wish) const override { return sampleActivity(wish); }
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<TeamsOutgoingChannel>(
      readKeys<HmacKey>(config, "secrets", build, "is no security token in base64",
                        [](ByteView token) { return macKeyFromBase64(token); }));
}

}  // namespace

ChannelDialect teamsOutgoingDialect() { return {"teams_outgoing", make}; }

}  // namespace edgehold
