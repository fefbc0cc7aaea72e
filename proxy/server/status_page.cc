// SPDX-License-Identifier: Apache-2.0
// The status of a held request, behind status_page.h.
// Thread: any (the store synchronises).
#include "proxy/server/status_page.h"

#include <memory>
#include <utility>

#include "proxy/base/json_tree.h"
#include "proxy/base/strings.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::string_view kHoldsPath = "/.edgehold/holds/";
constexpr std::string_view kTokenParameter = "token=";
// How soon a client may ask again; approvals are people's work.
constexpr std::string_view kRetryAfterSeconds = "5";

Async<Verdict> immediate(Verdict verdict) {
  auto [async, resolver] = Async<Verdict>::make();
  resolver.resolve(std::move(verdict));
  return std::move(async);
}

Verdict methodNotAllowed() {
  Reply reply;
  reply.headers.emplace_back("Allow", "GET, HEAD");
  return Verdict::respond(Reason::kMethodNotAllowed, std::move(reply));
}

Verdict pendingVerdict(const std::string& id, const HoldFate& fate) {
  Json::Value body(Json::objectValue);
  body["approval_id"] = id;
  body["state"] = std::string(holdStateName(fate.state));
  body["expires_at"] = formatRfc3339(fate.expires);
  Reply reply;
  reply.status = 202;
  reply.headers.emplace_back("Retry-After", kRetryAfterSeconds);
  reply.headers.emplace_back("Cache-Control", "no-store");
  reply.content_type = "application/json";
  reply.body = writeJsonCompact(body);
  reply.has_body = true;
  return Verdict::respond(Reason::kHoldPending, std::move(reply));
}

Verdict verdictOf(const std::string& id, const HoldFate& fate) {
  if (!isSettled(fate.state)) return pendingVerdict(id, fate);
  Reply reply;
  reply.headers.emplace_back("Cache-Control", "no-store");
  if (fate.answer) {
    reply.status = fate.answer->status;
    reply.content_type = fate.answer->content_type;
    reply.body = fate.answer->body;
    reply.has_body = true;
    return Verdict::respond(Reason::kReleased, std::move(reply));
  }
  return Verdict::respond(fate.reason, std::move(reply));
}

}  // namespace

Async<Verdict> StatusPage::answer(const Exchange& exchange, Loop& loop) const {
  const RequestHead& request = exchange.request;
  const Target& target = request.target;
  const bool is_complete =
      target.path.starts_with(kHoldsPath) && target.query.starts_with(kTokenParameter);
  if (!is_complete) return immediate(Verdict::deny(Reason::kHoldNotFound));
  if (request.method != Method::kGet && request.method != Method::kHead) {
    return immediate(methodNotAllowed());
  }
  const std::string id(target.path.substr(kHoldsPath.size()));
  const std::string token(target.query.substr(kTokenParameter.size()));
  auto [async, resolver] = Async<Verdict>::make();
  auto lookup = std::make_shared<Async<Result<HoldFate>>>(holds_.findByToken(loop, id, token));
  lookup->then([id, lookup, resolver = resolver](const Result<HoldFate>& fate) {
    resolver.resolve(fate ? verdictOf(id, *fate)
                          : Verdict::deny(fate.error().reason, fate.error().message));
  });
  return std::move(async);
}

}  // namespace edgehold
