// SPDX-License-Identifier: Apache-2.0
// Finds values without copying them.
// Thread: any (immutable).
#include "filters/value_source.h"

#include <array>
#include <charconv>
#include <cstring>
#include <utility>

#include "filters/grammar.h"
#include "proxy/base/subscriber.h"

namespace edgehold {
namespace {

using Kind = ValueSource::Kind;
using Found = Result<std::optional<std::string_view>>;

constexpr std::array<std::pair<std::string_view, Kind>, 9> kNamed = {{
    {"address", Kind::kAddress},
    {"principal_or_address", Kind::kPrincipalOrAddress},
    {"principal", Kind::kPrincipal},
    {"channel", Kind::kChannel},
    {"event_id", Kind::kEventId},
    {"event_type", Kind::kEventType},
    {"group", Kind::kGroup},
    {"sender", Kind::kSender},
    {"action", Kind::kAction},
}};
constexpr std::string_view kHeaderPrefix = "header:";
constexpr std::string_view kJsonPrefix = "json:";

std::string_view subscriberBytes(Exchange& exchange) {
  const Subscriber subscriber(exchange.client.address);
  char* const bytes = exchange.arena.allocate(sizeof(subscriber));
  std::memcpy(bytes, &subscriber, sizeof(subscriber));
  return {bytes, sizeof(subscriber)};
}

std::optional<std::string_view> unlessEmpty(std::string_view text) {
  if (text.empty()) return std::nullopt;
  return text;
}

}  // namespace

std::optional<std::string_view> textOf(JsonValue value, Arena& arena) {
  if (const auto text = value.asString()) return text;
  constexpr std::size_t kDigitsMax = 20;  // of 64 bits, with a sign
  const auto write = [&arena](auto number) {
    char* const digits = arena.allocate(kDigitsMax);
    char* const end = std::to_chars(digits, digits + kDigitsMax, number).ptr;
    return std::string_view(digits, static_cast<std::size_t>(end - digits));
  };
  if (!value.isInteger()) return std::nullopt;
  if (const auto number = value.asInt()) return write(*number);
  if (const auto number = value.asUnsigned()) return write(*number);
  return std::nullopt;
}

Result<ValueSource> ValueSource::parse(std::string_view text) {
  for (const auto& [name, kind] : kNamed) {
    if (text == name) return ValueSource(kind, text);
  }
  if (text.starts_with(kHeaderPrefix)) {
    ValueSource source(Kind::kHeader, text);
    source.header_ = FieldName(std::string(text.substr(kHeaderPrefix.size())));
    if (!isFieldName(source.header_.text())) return fail("`" + source.text_ + "` names no header");
    return source;
  }
  if (text.starts_with(kJsonPrefix)) {
    ValueSource source(Kind::kJson, text);
    TRY_ASSIGN(source.pointer_, JsonPointer::compile(text.substr(kJsonPrefix.size())));
    return source;
  }
  return fail(
      "expected `address`, `principal`, `principal_or_address`, `channel`, `event_id`, "
      "`event_type`, `group`, `sender`, `action`, `header:NAME` or `json:/POINTER`");
}

Found ValueSource::find(Exchange& exchange, Services& services) const {
  switch (kind_) {
    case Kind::kAddress:
      return subscriberBytes(exchange);
    case Kind::kPrincipalOrAddress:
      if (!exchange.facts.principal.empty()) return exchange.facts.principal;
      return subscriberBytes(exchange);
    case Kind::kHeader:
      return findHeader(exchange);
    case Kind::kJson:
      return findJson(exchange, services);
    default:
      return unlessEmpty(fact(exchange.facts));
  }
}

Found ValueSource::findKey(Exchange& exchange, Services& services) const {
  Found found = find(exchange, services);
  const bool has_body = exchange.is_body_complete && !exchange.body.empty();
  if (kind_ != Kind::kJson || !found || *found || !has_body) return found;
  const std::optional<JsonValue> value = pointer_->find(exchange.json(services.json)->root());
  const bool is_absent =
      !value || value->kind() == JsonKind::kNull || value->kind() == JsonKind::kString;
  if (is_absent) return found;
  return fail(Reason::kEventMissing, "`" + text_ + "` is no text or whole number");
}

std::string_view ValueSource::fact(const Facts& facts) const {
  switch (kind_) {
    case Kind::kPrincipal:
      return facts.principal;
    case Kind::kChannel:
      return facts.channel;
    case Kind::kEventId:
      return facts.event_id;
    case Kind::kEventType:
      return facts.event_type;
    case Kind::kGroup:
      return facts.group;
    case Kind::kSender:
      return facts.sender;
    case Kind::kAction:
      return facts.action;
    default:
      return {};
  }
}

Found ValueSource::findHeader(const Exchange& exchange) const {
  const FieldName::Found found = header_.find(exchange.request.headers);
  if (found.count > 1) {
    return fail(Reason::kMalformedRequest, "`" + header_.text() + "` comes more than once");
  }
  return unlessEmpty(found.value);
}

Found ValueSource::findJson(Exchange& exchange, Services& services) const {
  if (!exchange.is_body_complete || exchange.body.empty()) return std::nullopt;
  const Result<JsonDocument>& document = exchange.json(services.json);
  if (!document) return fail(document.error());
  const std::optional<JsonValue> value = pointer_->find(document->root());
  if (!value) return std::nullopt;
  const auto text = textOf(*value, exchange.arena);
  return text ? unlessEmpty(*text) : std::nullopt;
}

std::optional<ValueSource> readPointer(ConfigReader& config, std::string_view key) {
  if (!config.has(key)) return std::nullopt;
  Result<ValueSource> source = ValueSource::parse(std::string(kJsonPrefix) + config.text(key));
  if (source) return *std::move(source);
  config.reject(key, source.error().message);
  return std::nullopt;
}

void requireWholeBody(ConfigReader& config, std::string_view key, const FilterBuild& build) {
  if (build.is_whole_body_allowed) return;
  config.reject(key, "needs the whole body, which this route does not collect");
}

}  // namespace edgehold
