// SPDX-License-Identifier: Apache-2.0
// JSON answers and problems for operators.
// Thread: main only.
#include "proxy/server/admin_answer.h"

#include <algorithm>

#include "proxy/base/limits.h"
#include "proxy/base/utf8.h"
#include "proxy/http/problem.h"

namespace edgehold {

namespace {

bool isPlain(std::string_view text) {
  return isUtf8(text) && std::none_of(text.begin(), text.end(), [](char c) {
           return static_cast<unsigned char>(c) < 0x20 || c == 0x7F;
         });
}

std::string boundOf(std::size_t bytes) { return "1 to " + std::to_string(bytes) + " bytes"; }

Result<void> checkMembers(const Json::Value& tree, std::initializer_list<std::string_view> others) {
  if (!tree.isObject()) return fail(Reason::kMalformedRequest, "expected a JSON object");
  for (const std::string& key : tree.getMemberNames()) {
    if (key == "reason" || key == "who") continue;
    if (std::find(others.begin(), others.end(), key) != others.end()) continue;
    std::string known;
    for (const std::string_view other : others) (known += other) += ", ";
    return fail(Reason::kMalformedRequest, "the body takes " + known + "reason and who");
  }
  return {};
}

}  // namespace

Result<OperatorWord> readOperatorWord(const Json::Value& tree, const std::string& caller,
                                      std::initializer_list<std::string_view> others) {
  TRY(checkMembers(tree, others));
  OperatorWord word{caller, stringMember(tree, "reason").value_or("")};
  if (word.reason.empty() || word.reason.size() > limits::kHoldRulingBytesMax) {
    return fail(Reason::kMalformedRequest,
                "reason: expected a text of " + boundOf(limits::kHoldRulingBytesMax));
  }
  if (anyMember(tree, "who") == nullptr) return word;
  const std::string who = stringMember(tree, "who").value_or("");
  if (who.empty() || who.size() > limits::kAdminWhoBytesMax || !isPlain(who)) {
    return fail(Reason::kMalformedRequest,
                "who: expected one line of " + boundOf(limits::kAdminWhoBytesMax));
  }
  word.by = who + " via " + caller;
  return word;
}

AdminAnswer adminJson(const Json::Value& tree) {
  return {200, "application/json", writeJsonCompact(tree), {}};
}

AdminAnswer adminProblem(Reason reason, std::string_view detail) {
  return adminProblem(reason, detail, Json::Value(Json::objectValue));
}

AdminAnswer adminProblem(Reason reason, std::string_view detail, Json::Value members) {
  const ReasonRow& row = reasonRow(reason);
  members["type"] = "about:blank";
  members["title"] = std::string(row.title);
  members["status"] = row.status;
  members["reason"] = std::string(row.code);
  if (!detail.empty()) members["detail"] = std::string(detail);
  return {row.status, kProblemContentType, writeJsonCompact(members), {}};
}

AdminAnswer adminWrongMethod(std::string_view allowed) {
  AdminAnswer answer = adminProblem(Reason::kMethodNotAllowed, {});
  answer.headers.emplace_back("Allow", allowed);
  return answer;
}

}  // namespace edgehold
