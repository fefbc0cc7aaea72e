// SPDX-License-Identifier: Apache-2.0
// What a chat platform's callback dialect is: who signed it, what it says, how the platform wants
// to be answered. One file per platform implements it (channels/README.md says how); filters/
// channel.cc drives it and is the only one who does.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <memory>
#include <optional>
#include <span>
#include <string_view>
#include <utility>
#include <variant>

#include "proxy/base/async.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/exchange/sample.h"
#include "proxy/exchange/services.h"
#include "proxy/exchange/verdict.h"

namespace edgehold {

// What is the same for every callback of a platform. The driver keeps to it.
struct ChannelTraits {
  // How far the signed time may be from ours, both ways; zero when no time is signed, or when it
  // is another filter's business. Operators may change it (`window`).
  std::chrono::seconds window{0};
  // For how long after the first try the platform may send an event again: so long its id is
  // remembered, at least.
  std::chrono::seconds retry_horizon{0};
  // The event types there are, between blanks (known_events.h); none: any is let through.
  std::string_view known_events;
  bool takes_get = false;  // a set-up handshake comes as GET
  // Verifications that fail are charged to the client's address. Not where the platform itself
  // sends forgeries to see them refused.
  bool charges_failures = true;
  // What the upstream answered is not what the platform wants to hear: once the upstream accepted,
  // acknowledge() answers.
  bool answers_itself = false;
};

// What the signature proved.
struct Verified {
  std::string_view text;  // what the platform said: the body, or what it decrypts to; lives in the
                          // exchange
  std::optional<std::int64_t> signed_at_ms;  // the time that was signed, Unix milliseconds
  std::size_t key = 0;                       // which of the dialect's keys fits
};

// Bounded texts that live in the exchange; empty: the platform did not say.
struct ChannelEvent {
  std::string_view type;
  std::string_view family;  // what of `type` stands in the list of known events; empty: all of it
  std::string_view id;
  std::string_view group;
  std::string_view sender;
  std::optional<std::int64_t> timestamp_ms;
};

// What a verified callback is.
struct Received {
  ChannelEvent event;
  std::span<const ChannelEvent> more = {};  // of a batch, beside the first
  // For platforms that give one id to several events: of the content, so that they can be told
  // apart. An event that comes again has the same id and the same digest.
  std::string_view digest = {};
  // A second name of the same event, for platforms that do not sign its id: what was seen under
  // either name is a duplicate.
  std::string_view twin_id = {};
  // Set where the signature does not cover the body: it may come again with the same body only, and
  // that of a handshake with none. What two secrets of a dialect sign differs in it: a MAC does by
  // itself; what only stands beside a token says whose it is. So it is the same in every channel
  // and route that has the secret, which take one body between them.
  std::string_view credential = {};
  // Set for a handshake of the platform's set-up, which the edge answers itself: nothing is
  // forwarded, and the event is not looked at.
  std::optional<Reply> handshake = {};
};

class Channel : public Acknowledger {
 public:
  struct Prepared {};

  virtual const ChannelTraits& traits() const = 0;

  // What can be refused before a byte of the body is read: missing fields, wrong forms, no live
  // secret (kSecretUnavailable). Cheap: no cryptography. The method is one that the traits allow.
  virtual Result<void> checkHead(const Exchange& exchange) const = 0;

  // Verifies the raw bytes, with every live secret in constant time, and decrypts them; parses no
  // more of them than that takes. Errors: kSignatureMissing, kSignatureInvalid, kTimestampMissing,
  // kMalformedRequest, kJsonInvalid; kSecretUnavailable for what attempt() could not get. REQUIRES:
  // the body is whole.
  virtual Result<Verified> verify(Exchange& exchange, Services& services) const = 0;

  // verify(); or, where that lacks what somebody else has (public keys that a platform publishes),
  // the wait for it: verify() is called when it is over, however it ended. Most lack nothing.
  using Attempt = std::variant<Result<Verified>, Async<Prepared>>;
  virtual Attempt attempt(Exchange& exchange, Services& services) const {
    return verify(exchange, services);
  }

  // Reads what was verified. Freshness and duplicates are other people's business. Errors:
  // kJsonInvalid, kMalformedRequest, kEventMissing, kSignatureInvalid (a token in the body).
  virtual Result<Received> read(Exchange& exchange, const Verified& verified,
                                Services& services) const = 0;

  // An event as the platform would send it, with the first live secret; of a dialect that verifies
  // by public keys with the wish's key, which fits one of them. Errors say what an operator must
  // do.
  virtual Result<SampleRequest> sample(const SampleWish& wish) const = 0;
  virtual bool takesSigningKey() const { return false; }

  // How the platform is refused. Most need nothing special.
  virtual Verdict refuse(Error error) const {
    return Verdict::deny(error.reason, std::move(error.message));
  }
  // How it is told that an event was accepted (a duplicate; accepted now, delivered later).
  std::optional<Reply> acknowledge(const Exchange& /*exchange*/,
                                   Random& /*random*/) const override {
    return std::nullopt;
  }
};

// A dialect: what operators write in `dialect:`, and how it is made. The maker reads its own keys
// and leaves finish() to the filter; mistakes go to config, it may then return null.
struct ChannelDialect {
  std::string_view name;
  std::unique_ptr<const Channel> (*make)(ConfigReader& config, const FilterBuild& build);
};

// Every dialect there is (dialects.cc).
std::span<const ChannelDialect> channelDialects();

// Each is defined in the file of its platform.
ChannelDialect dingtalkEventDialect();
ChannelDialect dingtalkRobotDialect();
ChannelDialect discordDialect();
ChannelDialect feishuDialect();
ChannelDialect githubDialect();
ChannelDialect hmacDialect();
ChannelDialect lineDialect();
ChannelDialect qqDialect();
ChannelDialect slackDialect();
ChannelDialect standardWebhooksDialect();
ChannelDialect stripeDialect();
ChannelDialect teamsDialect();
ChannelDialect teamsOutgoingDialect();
ChannelDialect telegramDialect();
ChannelDialect wechatDialect();
ChannelDialect wecomBotDialect();
ChannelDialect wecomDialect();
ChannelDialect whatsappDialect();

}  // namespace edgehold
