// SPDX-License-Identifier: Apache-2.0
// Reads and composes what openclaw_words.h declares.
// Thread: any (immutable).
#include "proxy/server/openclaw_words.h"

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

std::optional<std::string_view> textMember(JsonValue object, std::string_view key) {
  const auto value = object.member(key);
  return value ? value->asString() : std::nullopt;
}

bool hasType(JsonValue message, std::string_view type) {
  return textMember(message, "type") == type;
}

bool mayBeTriedAgain(Reason reason) {
  switch (reason) {
    case Reason::kRateLimited:
    case Reason::kOverloaded:
    case Reason::kDraining:
    case Reason::kStoreUnavailable:
    case Reason::kReadOnlyMode:
      return true;
    default:
      return false;
  }
}

std::uint64_t retryAfterMs(const Verdict& verdict) {
  constexpr std::uint64_t kMillisecondsDefault = 1000;
  if (verdict.reply() == nullptr) return kMillisecondsDefault;
  for (const auto& [name, value] : verdict.reply()->headers) {
    if (!equalsIgnoreCase(name, "Retry-After")) continue;
    if (const auto seconds = parseUnsigned(value)) return *seconds * 1000;
  }
  return kMillisecondsDefault;
}

}  // namespace

Result<OpenClawRequest> readOpenClawRequest(JsonValue message) {
  const auto id = textMember(message, "id");
  const auto method = textMember(message, "method");
  if (!hasType(message, "req") || !id || !method || method->empty()) {
    return fail(Reason::kEventMissing, "message: no request with `type`, `id` and `method`");
  }
  if (id->empty() || id->size() > limits::kFactBytesMax) {
    return fail(Reason::kEventMissing, "message: `id` is empty or too long");
  }
  return OpenClawRequest{*id, *method};
}

std::optional<OpenClawAnswer> readOpenClawAnswer(JsonValue message) {
  if (!hasType(message, "res")) return std::nullopt;
  const auto id = textMember(message, "id");
  if (!id) return std::nullopt;
  const auto ok = message.member("ok");
  return OpenClawAnswer{*id, ok && ok->asBool() == true};
}

std::string openClawRefusal(std::string_view id, const Verdict& verdict,
                            std::string_view request_id) {
  const ReasonRow& row = reasonRow(verdict.reason());
  const bool is_retryable = mayBeTriedAgain(verdict.reason());
  std::string text = R"({"type":"res","id":)";
  appendJsonString(text, id);
  text += R"(,"ok":false,"error":{"code":")";
  text += is_retryable ? "UNAVAILABLE" : "FORBIDDEN";
  text += R"(","message":)";
  appendJsonString(text, row.title);
  text += R"(,"retryable":)";
  text += is_retryable ? "true" : "false";
  if (is_retryable) {
    text += R"(,"retryAfterMs":)";
    appendNumber(text, retryAfterMs(verdict));
  }
  text += R"(,"details":{"reason":)";
  appendJsonString(text, row.code);
  text += R"(,"request_id":)";
  appendJsonString(text, request_id);
  text += "}}}";
  return text;
}

}  // namespace edgehold
