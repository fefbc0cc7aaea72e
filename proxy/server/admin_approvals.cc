// SPDX-License-Identifier: Apache-2.0
// Holds as JSON, and rulings on them, behind admin_approvals.h.
// Thread: main only.
#include "proxy/server/admin_approvals.h"

#include <algorithm>
#include <optional>
#include <string>
#include <vector>

#include "proxy/base/base64.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"
#include "proxy/delivery/hold_store.h"
#include "proxy/observe/audit_record.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

constexpr std::size_t kIdBytesMax = 128;

using Answer = Async<AdminAnswer>;

Answer now(AdminAnswer answer) {
  auto [async, resolver] = Answer::make();
  resolver.resolve(std::move(answer));
  return std::move(async);
}

Answer problemNow(Reason reason, std::string_view detail) {
  return now(adminProblem(reason, detail));
}

AdminAnswer problemOf(const Error& error) { return adminProblem(error.reason, error.message); }

// /approvals/ID[/RULING]
struct Place {
  std::string id;      // empty: the list
  std::string ruling;  // empty: the hold itself
};

bool isId(std::string_view text) {
  return !text.empty() && text.size() <= kIdBytesMax &&
         std::all_of(text.begin(), text.end(), [](char c) {
           const char lower = asciiLower(c);
           return isDigit(c) || (lower >= 'a' && lower <= 'z') || c == '_' || c == '-';
         });
}

std::optional<Place> placeOf(std::string_view path) {
  const std::vector<std::string_view> parts = split(path, '/');  // "", "approvals", ID, ruling
  if (parts.size() == 2) return Place{};
  if (parts.size() > 4 || !isId(parts[2])) return std::nullopt;
  Place place{std::string(parts[2]), {}};
  if (parts.size() == 3) return place;
  place.ruling = parts[3];
  if (place.ruling != "approve" && place.ruling != "deny") return std::nullopt;
  return place;
}

// What is not set is left out.
void put(Json::Value& tree, const char* key, const std::string& text) {
  if (!text.empty()) tree[key] = text;
}

void putTime(Json::Value& tree, const char* key, std::int64_t unix_milliseconds) {
  if (unix_milliseconds == 0) return;
  tree[key] = formatRfc3339(wallTimeFromMilliseconds(unix_milliseconds));
}

Json::Value treeOf(const HoldEntry& entry) {
  const HoldSummary& summary = entry.summary;
  Json::Value tree(Json::objectValue);
  tree["approval_id"] = entry.approval_id;
  tree["state"] = std::string(holdStateName(entry.state));
  tree["method"] = summary.method;
  tree["target"] = summary.target;
  tree["body_bytes"] = Json::UInt64{summary.body_bytes};
  put(tree, "request_id", summary.request_id);
  put(tree, "route", summary.route);
  put(tree, "action", summary.action);
  put(tree, "principal", summary.principal);
  put(tree, "group", summary.group);
  put(tree, "sender", summary.sender);
  put(tree, "client_address", summary.client_address);
  put(tree, "rule", summary.rule);
  put(tree, "reason", summary.reason);
  put(tree, "policy_version", summary.policy_version);
  put(tree, "digest", summary.digest);
  putTime(tree, "held_at", summary.held_at_ms);
  putTime(tree, "expires_at", summary.expires_at_ms);
  put(tree, "decided_by", summary.decided_by);
  put(tree, "decided_reason", summary.decided_reason);
  putTime(tree, "decided_at", summary.decided_at_ms);
  put(tree, "outcome", summary.outcome);
  if (summary.answer_status != 0) tree["answer_status"] = summary.answer_status;
  return tree;
}

Json::Value treeOf(const HoldDetails& details) {
  Json::Value tree = treeOf(details.entry);
  tree["is_forgotten"] = details.is_forgotten;
  if (details.is_forgotten) return tree;
  Json::Value headers(Json::arrayValue);
  for (const auto& [name, value] : details.headers) {
    Json::Value header(Json::arrayValue);
    header.append(name);
    header.append(value);
    headers.append(std::move(header));
  }
  tree["headers"] = std::move(headers);
  // What is approved is the very bytes: text as it is, anything else so that nothing is lost.
  if (isUtf8(details.body)) {
    tree["body"] = details.body;
  } else {
    tree["body_base64"] = base64Encode(details.body, Base64::kStandard);
  }
  return tree;
}

Result<void> takeParameter(std::string_view parameter, HoldListQuery& query) {
  const std::size_t equals = parameter.find('=');
  const std::string_view name = parameter.substr(0, equals);
  const std::string_view value =
      equals == std::string_view::npos ? std::string_view() : parameter.substr(equals + 1);
  if (name == "state") {
    query.state = holdStateFromName(value);
    if (query.state) return {};
    return fail(Reason::kMalformedRequest, "state: there is no such state");
  }
  if (name == "limit") {
    query.limit = static_cast<std::size_t>(parseUnsigned(value).value_or(0));
    if (query.limit > 0 && query.limit <= limits::kLedgerListMax) return {};
    return fail(Reason::kMalformedRequest,
                "limit: expected 1 to " + std::to_string(limits::kLedgerListMax));
  }
  if (name == "after" && isId(value)) {
    query.after_id = value;
    return {};
  }
  return fail(Reason::kMalformedRequest, "the query takes state, limit and after");
}

Result<HoldListQuery> listQueryOf(std::string_view text) {
  HoldListQuery query;
  if (text.empty()) return query;
  for (const std::string_view parameter : split(text, '&')) TRY(takeParameter(parameter, query));
  return query;
}

Answer list(const AdminRequest& request, HoldStore& holds, Loop& loop) {
  const auto query = listQueryOf(request.query);
  if (!query) return now(problemOf(query.error()));
  auto [async, resolver] = Answer::make();
  holds.list(loop, *query)
      .detach([resolver = resolver](const Result<std::vector<HoldEntry>>& entries) {
        if (!entries) return resolver.resolve(problemOf(entries.error()));
        Json::Value tree(Json::objectValue);
        tree["approvals"] = Json::Value(Json::arrayValue);
        for (const HoldEntry& entry : *entries) tree["approvals"].append(treeOf(entry));
        resolver.resolve(adminJson(tree));
      });
  return std::move(async);
}

Answer show(const std::string& id, HoldStore& holds, Loop& loop) {
  auto [async, resolver] = Answer::make();
  holds.show(loop, id).detach([resolver = resolver](const Result<HoldDetails>& details) {
    resolver.resolve(details ? adminJson(treeOf(*details)) : problemOf(details.error()));
  });
  return std::move(async);
}

Result<HoldRuling> rulingOf(const AdminRequest& request) {
  TRY_ASSIGN(const Json::Value tree, parseJsonTree(request.body));
  TRY_ASSIGN(OperatorWord word, readOperatorWord(tree, request.caller));
  return HoldRuling{std::move(word.by), std::move(word.reason)};
}

// A ruling and what is recorded of it.
struct Act {
  std::string id;
  bool is_approval = false;
  HoldRuling ruling;

  OperatorAct recordOf(const Result<HoldEntry>& decided) const {
    OperatorAct act;
    act.who = ruling.by;
    act.act = is_approval ? "approval.approve" : "approval.deny";
    act.target = id;
    act.why = ruling.reason;
    act.outcome = decided ? "taken" : "refused";
    if (decided) act.request_id = decided->summary.request_id;
    act.reason =
        decided ? (is_approval ? Reason::kAllowed : Reason::kHoldDenied) : decided.error().reason;
    return act;
  }
};

AdminAnswer answerTo(const Act& act, const Result<HoldEntry>& decided,
                     const AdminApprovals::Record& record) {
  const auto recorded = record(act.recordOf(decided));
  if (!decided) return problemOf(decided.error());
  if (recorded) return adminJson(treeOf(*decided));
  return adminProblem(Reason::kStoreUnavailable,
                      "it is " + std::string(holdStateName(decided->state)) +
                          ", but the audit log could not be written: " + recorded.error().message);
}

Answer decide(const AdminRequest& request, const Place& place, HoldStore& holds, Loop& loop,
              AdminApprovals::Record record) {
  auto ruling = rulingOf(request);
  if (!ruling) return now(problemOf(ruling.error()));
  Act act{place.id, place.ruling == "approve", *ruling};
  auto [async, resolver] = Answer::make();
  auto decided = place.ruling == "approve" ? holds.approve(loop, place.id, std::move(*ruling))
                                           : holds.deny(loop, place.id, std::move(*ruling));
  std::move(decided).detach([resolver = resolver, act = std::move(act),
                             record = std::move(record)](const Result<HoldEntry>& entry) {
    resolver.resolve(answerTo(act, entry, record));
  });
  return std::move(async);
}

}  // namespace

Async<AdminAnswer> AdminApprovals::answer(const AdminRequest& request, HoldStore& holds, Loop& loop,
                                          Record record) {
  const auto place = placeOf(request.path);
  if (!place) return problemNow(Reason::kRouteNotFound, "no such admin path");
  const bool is_read = request.method == Method::kGet || request.method == Method::kHead;
  if (!place->ruling.empty()) {
    if (request.method != Method::kPost) return now(adminWrongMethod("POST"));
    return decide(request, *place, holds, loop, std::move(record));
  }
  if (!is_read) return now(adminWrongMethod("GET, HEAD"));
  return place->id.empty() ? list(request, holds, loop) : show(place->id, holds, loop);
}

}  // namespace edgehold
