// SPDX-License-Identifier: Apache-2.0
// A request of an operator and its answer, whole, as the admin paths see them.
// Thread: main only.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "proxy/base/json_tree.h"
#include "proxy/base/reason.h"
#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace edgehold {

struct AdminRequest {
  Method method = Method::kOther;
  std::string path;  // canonical
  std::string query;
  std::string body;
  std::string caller;  // who the transport says it is: `uid:0 (root)`, `tcp:127.0.0.1:4711`
};

// Who did it and why, for the record. `by` is what the transport proves, with the name that the
// caller gave before it (`ann via uid:0 (root)`), so that the name proves nothing by itself.
struct OperatorWord {
  std::string by;
  std::string reason;
};
// From `reason`, which must be there, and `who`, which may. Another member than these and `others`
// is a mistake. Errors: kMalformedRequest.
Result<OperatorWord> readOperatorWord(const Json::Value& tree, const std::string& caller,
                                      std::initializer_list<std::string_view> others = {});

struct AdminAnswer {
  std::uint16_t status = 200;
  std::string_view content_type;  // a literal
  std::string body;
  std::vector<std::pair<std::string_view, std::string>> headers;
};

AdminAnswer adminJson(const Json::Value& tree);

// problem+json (RFC 9457). Operators are trusted: `detail` tells them why; empty: nothing to add.
AdminAnswer adminProblem(Reason reason, std::string_view detail);
// The same with members of its own.
AdminAnswer adminProblem(Reason reason, std::string_view detail, Json::Value members);
// 405, with what is allowed (RFC 9110 15.5.6).
AdminAnswer adminWrongMethod(std::string_view allowed);

}  // namespace edgehold
