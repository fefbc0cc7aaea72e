// SPDX-License-Identifier: Apache-2.0
// Stripe: one field `t=…,v1=…[,v1=…]`, HMAC-SHA256 over time, dot and body (docs.stripe.com,
// "webhooks"; stripe-node). The key is the text of the secret, `whsec_` and all. `v0` is of tests
// and says nothing; while a secret is rolled there are two `v1`. One that fits is enough, whatever
// the others are.
// Thread: any (immutable).
#include <algorithm>
#include <array>
#include <string>
#include <utility>

#include "filters/channels/channel.h"
#include "filters/channels/head_fields.h"
#include "filters/channels/json_facts.h"
#include "filters/channels/known_events.h"
#include "filters/channels/mac_field.h"
#include "filters/channels/replies.h"
#include "filters/grammar.h"
#include "proxy/base/limits.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

const FieldName kSignature("Stripe-Signature");

// Three days of retries, each signed anew.
const ChannelTraits kTraits = {
    .window = 300s, .retry_horizon = 72h, .known_events = known_events::kStripe};

struct SignedHead {
  std::string_view time;
  std::array<Mac, limits::kSignaturesMax> macs;
  std::size_t count = 0;

  static Result<SignedHead> read(const Exchange& exchange) {
    TRY_ASSIGN(std::string_view rest, signatureField(exchange, kSignature));
    SignedHead head;
    for (std::size_t items = 0; !rest.empty();) {
      std::string_view item = rest.substr(0, rest.find(','));
      rest.remove_prefix(std::min(rest.size(), item.size() + 1));
      item.remove_prefix(std::min(item.size(), item.find_first_not_of(' ')));
      if (item.empty()) continue;
      if (items++ >= limits::kSignaturesMax) return malformed("of too many parts");
      TRY(head.add(item));
    }
    if (head.time.empty()) return fail(Reason::kTimestampMissing, "no `t`");
    if (!head.has_ours_) return fail(Reason::kSignatureMissing, "no `v1`");
    if (head.count == 0) return malformed("of no `v1` that is a SHA-256 MAC");
    return head;
  }

 private:
  bool has_ours_ = false;  // a `v1`, malformed or not

  static tl::unexpected<Error> malformed(const char* how) {
    return fail(Reason::kSignatureInvalid, "`Stripe-Signature` is " + std::string(how));
  }
  Result<void> add(std::string_view item) {
    const std::size_t equals_sign = item.find('=');
    if (equals_sign == std::string_view::npos) return {};  // passed over
    const std::string_view name = item.substr(0, equals_sign);
    const std::string_view value = item.substr(equals_sign + 1);
    if (name == "t") {
      if (!time.empty()) return malformed("of two times");
      if (!isEpochTime(value, 10)) return fail(Reason::kTimestampMissing, "`t` is not 10 digits");
      time = value;
    } else if (name == "v1") {
      has_ours_ = true;
      if (decodeHexInto(value, macs[count])) ++count;
    }
    return {};
  }
};

std::array<ByteView, 3> signedPieces(std::string_view time, ByteView body) {
  return {time, ".", body};
}

class StripeChannel final : public Channel {
 public:
  explicit StripeChannel(MacKeys keys) : keys_(std::move(keys)) {}

  const ChannelTraits& traits() const override { return kTraits; }

  Result<void> checkHead(const Exchange& exchange) const override {
    TRY(requireLive(keys_, exchange.started_wall));
    TRY(SignedHead::read(exchange));
    return {};
  }

  Result<Verified> verify(Exchange& exchange, Services& /*services*/) const override {
    TRY_ASSIGN(const SignedHead head, SignedHead::read(exchange));
    const ByteView body = exchange.body.view();
    std::optional<std::size_t> found;
    for (std::size_t i = 0; i < head.count; ++i) {  // all of them, whichever fits
      const auto key = fittingMac(keys_, exchange, signedPieces(head.time, body), head.macs[i]);
      if (key && !found) found = key;
    }
    if (!found) return fail(Reason::kSignatureInvalid);
    return Verified{body, parseTimestamp(head.time, TimeUnit::kSeconds), *found};
  }

  Result<Received> read(Exchange& exchange, const Verified& /*verified*/,
                        Services& services) const override {
    TRY_ASSIGN(const JsonFacts body, objectFacts(exchange, services));
    Received received;
    received.event.type = body.fact({"type"});
    received.event.id = body.id({"id"});
    received.event.group = body.fact({"account"});  // of a platform's customer
    received.event.timestamp_ms = body.time({"created"});
    return received;
  }

  Result<SampleRequest> sample(const SampleWish& wish) const override {
    const HmacKey* const key = firstLive(keys_, wish.now);
    if (key == nullptr) return fail("no secret has resolved");
    SampleRequest request;
    request.body = wish.body;
    const std::string time = std::to_string(unixSeconds(wish.now));
    if (request.body.empty()) {
      request.body = R"({"id":"evt_)" + randomHex(wish.random, 1) +
                     R"(","object":"event","type":"checkout.session.completed","created":)" + time +
                     R"(,"data":{"object":{"id":"cs_1"}}})";
    }
    const DigestBytes mac = key->sign(signedPieces(time, request.body));
    request.headers = {{"Content-Type", "application/json"},
                       {kSignature.text(), "t=" + time + ",v1=" + hexEncode(mac.view())}};
    return request;
  }

  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return emptyReply();
  }

 private:
  const MacKeys keys_;
};

std::unique_ptr<const Channel> make(ConfigReader& config, const FilterBuild& build) {
  return std::make_unique<StripeChannel>(readMacKeys(config, "secrets", build));
}

}  // namespace

ChannelDialect stripeDialect() { return {"stripe", make}; }

}  // namespace edgehold
