// SPDX-License-Identifier: Apache-2.0
// GitHub: HMAC-SHA256 over the raw body, JSON or a form with `payload=` (github/docs, "validating
// webhook deliveries"). The old SHA-1 field alone is no signature. What happened and the delivery's
// id stand in fields that nobody signed, so a delivery has a second name that is: its body's; and
// what happened must be what such a body tells, as far as that is known.
// Thread: any (immutable).
#include <algorithm>
#include <iterator>
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

// People may have a delivery of the last three days sent again; as no time is signed, whoever saw
// one could do so for ever, so its body is remembered for longer.
const ChannelTraits kTraits = {.retry_horizon = 720h, .known_events = known_events::kGithub};

// What every body of a family has: members; `a|b`, either; `!a`, never that. Families that are not
// here may have any (docs.github.com, "webhook events and payloads").
struct FamilyBody {
  std::string_view family, members;
};
constexpr FamilyBody kBodies[] = {
    {"check_run", "check_run"},
    {"check_suite", "check_suite"},
    {"code_scanning_alert", "alert"},
    {"commit_comment", "comment !issue !pull_request !discussion"},
    {"create", "ref ref_type"},
    {"delete", "ref ref_type"},
    {"dependabot_alert", "alert"},
    {"deployment", "deployment !deployment_status"},
    {"deployment_status", "deployment deployment_status"},
    {"discussion", "discussion !comment"},
    {"discussion_comment", "discussion comment"},
    {"fork", "forkee"},
    {"gollum", "pages"},
    {"installation", "installation"},
    {"issue_comment", "issue comment"},
    {"issues", "issue !comment"},
    {"label", "label !issue !pull_request !discussion"},
    {"milestone", "milestone !issue !pull_request"},
    {"ping", "zen"},
    {"pull_request", "pull_request !review !comment !thread"},
    {"pull_request_review", "pull_request review"},
    {"pull_request_review_comment", "pull_request comment"},
    {"pull_request_review_thread", "pull_request thread"},
    {"push", "ref commits|after"},
    {"release", "release"},
    {"star", "starred_at"},
    {"status", "sha state"},
    {"workflow_job", "workflow_job"},
    {"workflow_run", "workflow_run"},
};

bool hasMember(const JsonFacts& body, std::string_view wanted) {
  if (wanted.starts_with('!')) return !body.has({wanted.substr(1)});
  const std::size_t bar = wanted.find('|');
  if (bar == std::string_view::npos) return body.has({wanted});
  return body.has({wanted.substr(0, bar)}) || body.has({wanted.substr(bar + 1)});
}

// The family's name is not signed, the body is.
Result<void> requireBodyOf(std::string_view family, const JsonFacts& body) {
  const auto* const known = std::find_if(std::begin(kBodies), std::end(kBodies),
                                         [&](const auto& one) { return one.family == family; });
  if (known == std::end(kBodies)) return {};
  for (std::string_view rest = known->members; !rest.empty();) {
    const std::string_view wanted = rest.substr(0, rest.find(' '));
    rest.remove_prefix(std::min(rest.size(), wanted.size() + 1));
    if (!hasMember(body, wanted)) {
      return fail(Reason::kSignatureInvalid, "the signed body is of another event");
    }
  }
  return {};
}

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
    TRY(requireBodyOf(family, body));
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
