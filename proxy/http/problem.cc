// SPDX-License-Identifier: Apache-2.0
// The text behind problem.h: sizes first, then one allocation.
// Thread: any (immutable).
#include "proxy/http/problem.h"

#include "proxy/base/json_pen.h"

namespace edgehold {
namespace {

constexpr std::size_t kFixedBytesMax = 256;

void putMember(JsonPen& pen, std::string_view name, std::string_view value) {
  pen.put(name);
  pen.putString(value);
}

}  // namespace

std::string_view problemBody(Arena& arena, const Problem& problem) {
  const ReasonRow& row = reasonRow(problem.reason);
  const std::size_t text_bytes = row.title.size() + row.code.size() + problem.request_id.size() +
                                 problem.approval_id.size() + problem.status_url.size();
  const std::size_t room = kFixedBytesMax + JsonPen::stringBytesMax(text_bytes);
  char* const begin = arena.allocate(room);
  JsonPen pen({begin, room});
  putMember(pen, R"({"type":"about:blank","title":)", row.title);
  pen.put(",\"status\":");
  pen.putNumber(row.status);
  putMember(pen, R"(,"reason":)", row.code);
  if (!problem.request_id.empty()) putMember(pen, R"(,"request_id":)", problem.request_id);
  if (!problem.approval_id.empty()) putMember(pen, R"(,"approval_id":)", problem.approval_id);
  if (!problem.status_url.empty()) putMember(pen, R"(,"status_url":)", problem.status_url);
  if (problem.retry_after_seconds) {
    pen.put(",\"retry_after\":");
    pen.putNumber(*problem.retry_after_seconds);
  }
  pen.put("}");
  return {begin, pen.size()};
}

}  // namespace edgehold
