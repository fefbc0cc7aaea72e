// SPDX-License-Identifier: Apache-2.0
// Own answers, behind reply.h.
// Thread: one loop.
#include "proxy/server/reply.h"

#include <optional>

#include "proxy/base/strings.h"
#include "proxy/http/problem.h"

namespace edgehold {
namespace {

// When a refusal that names no time is worth repeating (RFC 9110 10.2.3).
constexpr std::uint64_t kRetryAfterSeconds = 1;

// Date, Retry-After, Content-Type, X-Request-Id, Strict-Transport-Security.
constexpr std::size_t kUsualFields = 5;

bool tellsRetry(std::uint16_t status) { return status == 429 || status == 503; }

std::optional<std::string_view> find(const Reply* reply, std::string_view name) {
  if (reply == nullptr) return std::nullopt;
  for (const auto& [key, value] : reply->headers) {
    if (equalsIgnoreCase(key, name)) return value;
  }
  return std::nullopt;
}

std::string_view numberText(Arena& arena, std::uint64_t number) {
  char* const digits = arena.allocate(kNumberBytesMax);
  return {digits, static_cast<std::size_t>(writeNumber(digits, number) - digits)};
}

std::string_view problemOf(Exchange& exchange, const Verdict& verdict,
                           std::optional<std::uint64_t> retry_after) {
  Problem problem;
  problem.reason = verdict.reason();
  problem.request_id = exchange.request_id;
  problem.retry_after_seconds = retry_after;
  return problemBody(exchange.arena, problem);
}

}  // namespace

OwnReply makeReply(Exchange& exchange, const Verdict& verdict, std::string_view date) {
  const Reply* const reply = verdict.reply();
  OwnReply own;
  own.head.status = verdict.status();
  Headers& headers = own.head.headers;
  headers.reserve(kUsualFields + (reply != nullptr ? reply->headers.size() : 0));
  headers.add(Header{"Date", exchange.arena.copy(date), HeaderId::kDate});
  std::optional<std::uint64_t> retry_after;
  if (tellsRetry(own.head.status)) {
    const auto given = find(reply, "Retry-After");
    retry_after = given ? parseUnsigned(*given).value_or(kRetryAfterSeconds) : kRetryAfterSeconds;
    if (!given) headers.add("Retry-After", numberText(exchange.arena, *retry_after));
  }
  if (reply != nullptr) {
    for (const auto& [name, value] : reply->headers) headers.add(name, value);
  }
  if (reply != nullptr && reply->has_body) {
    own.body = reply->body;
    if (!reply->content_type.empty()) headers.add("Content-Type", reply->content_type);
  } else {
    own.body = problemOf(exchange, verdict, retry_after);
    headers.add(Header{"Content-Type", kProblemContentType, HeaderId::kContentType});
  }
  headers.add(Header{"X-Request-Id", exchange.request_id, HeaderId::kXRequestId});
  own.head.body = BodyLength::known(own.body.size());
  return own;
}

}  // namespace edgehold
