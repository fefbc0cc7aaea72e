// SPDX-License-Identifier: Apache-2.0
// GitHub: HMAC-SHA256 over the raw body, JSON or a form with `payload=` (github/docs, "validating
// webhook deliveries"). The old SHA-1 field alone is no signature. What happened and the delivery's
// id stand in fields that nobody signed, so a delivery has a second name that is: its body's.
// Thread: any (immutable).
#include <string>
#include <utility>

#include "filters/channels/body_mac_channel.h"
#include "filters/channels/form_body.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/replies.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const FieldName kEventField("X-GitHub-Event");
const FieldName kDelivery("X-GitHub-Delivery");

// People may have a delivery of the last three days sent again.
const ChannelTraits kTraits = {.retry_horizon = 72h, .known_events = known_events::kGithub};

class GithubChannel final : public BodyMacChannel {
 public:
  explicit GithubChannel(MacKeys keys)
      : BodyMacChannel({"X-Hub-Signature-256", "sha256=", MacField::Form::kHex}, std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<Verified> verify(Exchange& exchange, Services& services) const override {
    TRY_ASSIGN(Verified verified, BodyMacChannel::verify(exchange, services));
    if (exchange.body.view().starts_with("payload=")) {
      TRY_ASSIGN(const auto payload, formPayload(exchange));
      if (payload) verified.text = *payload;
    }
    return verified;
  }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY(isFormBody(exchange));  // the upstream must read it as we do
    TRY_ASSIGN(const std::string_view family, word(exchange, kEventField, "_"));
    TRY_ASSIGN(const std::string_view delivery, word(exchange, kDelivery, "-"));
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    Received received;
    ChannelEvent& event = received.event;
    const std::string_view action = body.fact({"action"});
    event.family = family;
    event.type =
        action.empty() ? family : exchange.keepFact(exchange.arena.join({family, ".", action}));
    event.id = exchange.keepFact(delivery);
    event.group = body.firstFact({{"repository", "full_name"}, {"organization", "login"}});
    event.sender = body.fact({"sender", "login"});
    if (family == "ping") received.handshake = emptyReply();
    received.twin_id = hashFact(exchange, exchange.body.view());  // one MAC, however it is spelled
    return received;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    TRY_ASSIGN(SampleRequest request, BodyMacChannel::sample(wish));
    request.headers.emplace_back(kEventField.text(), "issues");
    request.headers.emplace_back(kDelivery.text(), randomHex(wish.random, 2));
    return request;
  }

 private:
  static Result<std::string_view> word(const Exchange& exchange, const FieldName& name,
                                       std::string_view more) {
    TRY_ASSIGN(const std::string_view text,
               singleField(exchange, name, Reason::kEventMissing, Reason::kMalformedRequest));
    if (isPlainWord(text, 64, more)) return text;
    return fail(Reason::kMalformedRequest, "`" + name.text() + "` has not the form of one");
  }
  std::string sampleBody(const SampleWish& wish) const override {
    return R"({"action":"opened","issue":{"number":1,"title":"hello","node_id":")" +
           randomHex(wish.random, 1) +
           R"("},"repository":{"full_name":"octo/hello"},"sender":{"login":"octocat"}})";
  }
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<GithubChannel>(readMacKeys(config, "secrets", build));
}

}  // namespace

ChannelDialect githubDialect() { return {"github", make}; }

}  // namespace edgehold
