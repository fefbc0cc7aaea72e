// SPDX-License-Identifier: Apache-2.0
// approval_hold {actions: [mass_send, …], ttl: 15m}: what must wait
// for a person. Leaves the exact request at the hold desk and answers 202 once it is durable. A
// held event counts as accepted: the driver commits what dedupe has claimed.
// Thread: any (immutable).
#include <algorithm>
#include <utility>

#include "filters/filters.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/base/strings.h"
#include "proxy/exchange/hold_desk.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;

constexpr std::chrono::seconds kTtlMax = std::chrono::hours(24 * 7);
constexpr std::string_view kPollSeconds = "5";

class ApprovalHold final : public Filter {
 public:
  struct Parts {
    std::vector<std::string> actions;
    std::chrono::seconds ttl = 15min;
  };
  explicit ApprovalHold(Parts parts) : parts_(std::move(parts)) {}

  FilterNeeds needs() const override {
    return {.request_body = FilterNeeds::Body::kWhole, .ws_messages = true};
  }

  // Nobody would be there to be answered when it is released.
  Outcome onMessage(Exchange& exchange, Services&) const override {
    return isWanted(exchange) ? cannotWait(exchange) : Verdict::proceed();
  }
  Outcome onRequestBody(Exchange& exchange, Services& services) const override {
    if (!isWanted(exchange)) return Verdict::proceed();
    if (exchange.request.wants_upgrade) return cannotWait(exchange);
    const HoldTerms terms = termsOf(exchange);
    if (exchange.is_shadow) {
      exchange.hold_wish.reset();  // answered: it would have been held
      return Verdict::deny(Reason::kHeld).byRule(terms.rule);
    }
    return services.holds.hold(exchange, terms, services.loop, services.random)
        .map<Result<Verdict>>([this, &exchange, &services, rule = std::string(terms.rule)](
                                  Result<HoldTicket> ticket) -> Result<Verdict> {
          if (!ticket) return fail(std::move(ticket).error());
          exchange.approval_id = exchange.arena.copy(ticket->approval_id);
          return answer(exchange, *ticket, services.random).byRule(rule);
        });
  }

 private:
  bool isWanted(const Exchange& exchange) const {
    return exchange.hold_wish || std::find(parts_.actions.begin(), parts_.actions.end(),
                                           exchange.facts.action) != parts_.actions.end();
  }
  // A message, or a request to upgrade, is refused where another request would be held.
  Verdict cannotWait(Exchange& exchange) const {
    const HoldTerms terms = termsOf(exchange);
    exchange.hold_wish.reset();
    return Verdict::deny(Reason::kActionDenied, "needs an approval, and cannot wait for it")
        .byRule(terms.rule);
  }
  // Views live in the exchange, the rule set or here.
  HoldTerms termsOf(const Exchange& exchange) const {
    if (!exchange.hold_wish) return {parts_.ttl, exchange.decision.rule, exchange.facts.action};
    const HoldWish& wish = *exchange.hold_wish;
    const std::chrono::seconds ttl = std::clamp(wish.ttl.value_or(parts_.ttl), 1s, kTtlMax);
    return {ttl, wish.rule, wish.reason};
  }

  // A platform is told its own success: it would show anything else to people, and the status is
  // not for it to look up.
  Verdict answer(const Exchange& exchange, const HoldTicket& ticket, Random& random) const {
    if (exchange.acknowledger != nullptr) {
      auto reply = exchange.acknowledger->acknowledge(exchange, random);
      if (reply) return Verdict::respond(Reason::kHeld, *std::move(reply));
    }
    const std::string status_url =
        "/.edgehold/holds/" + ticket.approval_id + "?token=" + ticket.status_token;
    Reply reply;
    reply.status = 202;
    reply.headers.emplace_back("Location", status_url);
    reply.headers.emplace_back("Retry-After", kPollSeconds);
    reply.headers.emplace_back("Cache-Control", "no-store");  // the URL is a capability
    reply.content_type = "application/json";
    reply.has_body = true;
    std::string& body = reply.body;
    body = R"({"reason":"held","approval_id":)";
    appendJsonString(body, ticket.approval_id);
    body += R"(,"status_url":)";
    appendJsonString(body, status_url);
    body += R"(,"expires_at":)";
    appendJsonString(body, formatRfc3339(ticket.expires));
    body += R"(,"request_id":)";
    appendJsonString(body, exchange.request_id);
    body += '}';
    return Verdict::respond(Reason::kHeld, std::move(reply));
  }

  const Parts parts_;
};

std::unique_ptr<const Filter> make(ConfigReader& config, const FilterBuild& build) {
  ApprovalHold::Parts parts;
  parts.actions = config.texts("actions");
  const Duration ttl = config.duration("ttl", parts.ttl);
  if (ttl < 1s || ttl > kTtlMax) config.reject("ttl", "must be from `1s` to `7d`");
  parts.ttl = std::chrono::duration_cast<std::chrono::seconds>(ttl);
  requireWholeBody(config, "actions", build);
  config.finish();
  return std::make_unique<ApprovalHold>(std::move(parts));
}

}  // namespace

FilterType approvalHoldType() { return {"approval_hold", FilterRank::kApprovalHold, make}; }

}  // namespace edgehold
