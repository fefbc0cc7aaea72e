// SPDX-License-Identifier: Apache-2.0
// Summaries to JSON and back.
// Thread: any (values).
#include "proxy/delivery/hold_summary.h"

#include "proxy/base/json.h"
#include "proxy/base/json_tree.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/observe/redact.h"

namespace edgehold {
namespace {

template <class Summary, class Text, class Number>
void eachMember(Summary& summary, Text text, Number number) {
  text("request_id", summary.request_id);
  text("method", summary.method);
  text("target", summary.target);
  text("route", summary.route);
  text("action", summary.action);
  text("principal", summary.principal);
  text("group", summary.group);
  text("sender", summary.sender);
  text("client_address", summary.client_address);
  text("rule", summary.rule);
  text("reason", summary.reason);
  text("policy_version", summary.policy_version);
  text("digest", summary.digest);
  number("held_at_ms", summary.held_at_ms);
  number("expires_at_ms", summary.expires_at_ms);
  number("body_bytes", summary.body_bytes);
  text("decided_by", summary.decided_by);
  text("decided_reason", summary.decided_reason);
  number("decided_at_ms", summary.decided_at_ms);
  text("outcome", summary.outcome);
  number("answer_status", summary.answer_status);
}

// The target may be long; what an approver needs is its front.
std::string cut(std::string text) {
  if (text.size() > limits::kAuditPathBytesMax) text.resize(limits::kAuditPathBytesMax);
  return text;
}

}  // namespace

HoldSummary summaryOf(const HoldRecord& record, std::int64_t expires_at_ms) {
  const StoredRequest& request = record.request;
  const std::string_view target = request.target;
  const std::size_t question = std::min(target.find('?'), target.size());
  const std::string_view query = target.substr(std::min(question + 1, target.size()));
  HoldSummary summary;
  summary.request_id = request.request_id;
  summary.method = request.method;
  summary.target = cut(shownTarget(target.substr(0, question), query));
  summary.route = request.route;
  summary.action = request.action;
  summary.principal = request.principal;
  summary.group = request.group;
  summary.sender = request.sender;
  summary.client_address = request.client_address;
  summary.rule = request.rule;
  summary.reason = cut(request.reason);
  summary.policy_version = request.policy_version;
  summary.digest =
      hexEncode({reinterpret_cast<const char*>(record.digest.data()), record.digest.size()});
  summary.held_at_ms = request.held_at_ms;
  summary.expires_at_ms = expires_at_ms;
  summary.body_bytes = request.body.size();
  return summary;
}

std::string writeHoldSummary(const HoldSummary& summary) {
  std::string out;
  const auto key = [&out](std::string_view name) {
    out.append(out.empty() ? "{\"" : ",\"").append(name).append("\":");
  };
  eachMember(
      summary,
      [&](std::string_view name, const std::string& value) {
        key(name);
        appendJsonString(out, value);
      },
      [&](std::string_view name, auto value) {
        key(name);
        out.append(std::to_string(value));
      });
  out.push_back('}');
  return out;
}

Result<HoldSummary> parseHoldSummary(std::string_view text) {
  TRY_ASSIGN(const Json::Value tree, parseJsonTree(text));
  HoldSummary summary;
  bool is_whole = true;
  eachMember(
      summary,
      [&](std::string_view name, std::string& value) {
        auto member = stringMember(tree, name);
        is_whole &= member.has_value();
        if (member) value = std::move(*member);
      },
      [&]<class Number>(std::string_view name, Number& value) {
        const auto member = intMember(tree, name);
        const bool fits = member && *member >= 0 &&
                          static_cast<std::uint64_t>(*member) <=
                              static_cast<std::uint64_t>(std::numeric_limits<Number>::max());
        is_whole &= fits;
        if (fits) value = static_cast<Number>(*member);
      });
  if (!is_whole) return fail("hold summary: malformed");
  return summary;
}

}  // namespace edgehold
