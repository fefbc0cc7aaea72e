// SPDX-License-Identifier: Apache-2.0
// JSON answers and problems for operators.
// Thread: main only.
#include "proxy/server/admin_answer.h"

#include "proxy/http/problem.h"

namespace edgehold {

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
