// SPDX-License-Identifier: Apache-2.0
// What became of a held request, behind status_page.h.
// Thread: any (the store synchronises).
#include "proxy/server/status_page.h"

#include <optional>
#include <string>
#include <utility>

#include "proxy/base/json.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/http/problem.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::string_view kHolds = "/.edgehold/holds/";
constexpr std::string_view kToken = "token=";
constexpr std::size_t kNameBytesMax = 128;  // of the id and of the token
constexpr std::string_view kPollSeconds = "5";

struct Asked {
  std::string id;
  std::string token;
};

bool isName(std::string_view text) {
  return !text.empty() && text.size() <= kNameBytesMax &&
         text.find_first_of("/&=%") == std::string_view::npos;
}

std::optional<Asked> askedFor(const Target& target) {
  if (!target.path.starts_with(kHolds) || !target.query.starts_with(kToken)) return std::nullopt;
  const std::string_view id = target.path.substr(kHolds.size());
  const std::string_view token = target.query.substr(kToken.size());
  if (!isName(id) || !isName(token)) return std::nullopt;
  return Asked{std::string(id), std::string(token)};
}

// The URL is a capability: nobody keeps it or passes it on.
void addPrivacy(Reply& reply) {
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.headers.emplace_back("Referrer-Policy", "no-referrer");
}

Verdict refusal(Reason reason, std::string why = {}) {
  Reply reply;
  addPrivacy(reply);
  return Verdict::respond(reason, std::move(reply), std::move(why));
}

void appendMember(std::string& json, std::string_view key, std::string_view text) {
  json += json.empty() ? '{' : ',';
  appendJsonString(json, key);
  json += ':';
  appendJsonString(json, text);
}

Verdict pending(const std::string& id, const std::string& request_id, WallTime expires) {
  const ReasonRow& row = reasonRow(Reason::kHoldPending);
  Reply reply;
  addPrivacy(reply);
  reply.headers.emplace_back("Retry-After", kPollSeconds);
  reply.content_type = kProblemContentType;
  reply.has_body = true;
  appendMember(reply.body, "title", row.title);
  reply.body += ",\"status\":" + std::to_string(row.status);
  appendMember(reply.body, "reason", row.code);
  appendMember(reply.body, "request_id", request_id);
  appendMember(reply.body, "approval_id", id);
  appendMember(reply.body, "state", holdStateName(HoldState::kPending));
  appendMember(reply.body, "expires_at", formatRfc3339(expires));
  reply.body += '}';
  return Verdict::respond(Reason::kHoldPending, std::move(reply));
}

Verdict stored(StoredAnswer answer) {
  Reply reply;
  addPrivacy(reply);
  // A whole answer and the beginning of a long one must not look the same.
  if (answer.is_cut) reply.headers.emplace_back("Edgehold-Body", "cut");
  reply.status = answer.status;
  reply.content_type = std::move(answer.content_type);
  reply.body = std::move(answer.body);
  reply.has_body = true;
  return Verdict::respond(Reason::kAllowed, std::move(reply));
}

Verdict verdictOn(Result<HoldFate> fate, const std::string& id, const std::string& request_id) {
  if (!fate) return refusal(fate.error().reason, std::move(fate.error().message));
  if (!isSettled(fate->state)) return pending(id, request_id, fate->expires);
  if (fate->state != HoldState::kDone) return refusal(fate->reason);
  if (!fate->answer) return refusal(Reason::kHoldOutcomeUnknown, "done, but no answer was kept");
  return stored(std::move(*fate->answer));
}

Async<Verdict> now(Verdict verdict) {
  auto [async, resolver] = Async<Verdict>::make();
  resolver.resolve(std::move(verdict));
  return std::move(async);
}

}  // namespace

Async<Verdict> StatusPage::answer(const Exchange& exchange, Loop& loop) const {
  const RequestHead& request = exchange.request;
  if (!request.target.path.starts_with(kHolds)) return now(refusal(Reason::kRouteNotFound));
  if (request.method != Method::kGet && request.method != Method::kHead) {
    Reply reply;
    reply.headers.emplace_back("Allow", "GET, HEAD");
    return now(Verdict::respond(Reason::kMethodNotAllowed, std::move(reply)));
  }
  const auto asked = askedFor(request.target);
  if (!asked) return now(refusal(Reason::kHoldNotFound));
  auto [async, resolver] = Async<Verdict>::make();
  holds_.findByToken(loop, asked->id, asked->token)
      .detach([resolver = resolver, id = asked->id,
               request_id = std::string(exchange.request_id)](Result<HoldFate> fate) {
        resolver.resolve(verdictOn(std::move(fate), id, request_id));
      });
  return std::move(async);
}

}  // namespace edgehold
