// SPDX-License-Identifier: Apache-2.0
// Walks to facts and bounds them.
// Thread: one loop (owned by the call).
#include "filters/channels/json_facts.h"

#include <bit>

#include "filters/channels/head_fields.h"
#include "filters/grammar.h"
#include "filters/value_source.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/digest.h"
#include "proxy/observe/civil_time.h"

namespace edgehold {
namespace {

// A text by its length, so that no two neighbours say what two others say.
void digestText(Digest& digest, char kind, std::string_view text) {
  const std::string head = kind + std::to_string(text.size()) + ":";
  digest.update(head);
  digest.update(text);
}

// Depth is bounded by the parser's.
void digestValue(Digest& digest, JsonValue value) {
  switch (value.kind()) {
    case JsonKind::kNull:
      return digest.update("n");
    case JsonKind::kBool:
      return digest.update(*value.asBool() ? "t" : "f");
    case JsonKind::kString:
      return digestText(digest, 's', *value.asString());
    case JsonKind::kNumber:
      if (const auto whole = value.asInt()) return digestText(digest, 'i', std::to_string(*whole));
      if (const auto whole = value.asUnsigned()) {
        return digestText(digest, 'i', std::to_string(*whole));
      }
      return digestText(digest, 'd',
                        std::to_string(std::bit_cast<std::uint64_t>(*value.asDouble())));
    case JsonKind::kArray:
      digest.update("[");
      for (const JsonValue element : value.elements()) digestValue(digest, element);
      return digest.update("]");
    case JsonKind::kObject:
      digest.update("{");
      for (const JsonMember& member : value.members()) {
        digestText(digest, 'k', member.key);
        digestValue(digest, member.value);
      }
      return digest.update("}");
  }
}

}  // namespace

std::optional<JsonValue> JsonFacts::at(JsonPath path) const {
  std::optional<JsonValue> value = root_;
  for (const std::string_view key : path) {
    if (value->kind() == JsonKind::kArray) value = value->element(0);  // the first of a batch
    if (value) value = value->member(key);
    if (!value) return std::nullopt;
  }
  return value;
}

std::optional<std::string_view> JsonFacts::string(JsonPath path) const {
  const auto value = at(path);
  return value ? value->asString() : std::nullopt;
}

std::optional<std::int64_t> JsonFacts::number(JsonPath path) const {
  const auto value = at(path);
  return value ? value->asInt() : std::nullopt;
}

std::optional<std::int64_t> JsonFacts::time(JsonPath path) const {
  const std::string_view written = text(path);
  if (const auto time = parseRfc3339(written)) return unixMilliseconds(*time);
  const std::string_view digits = written.substr(0, written.find('.'));
  if (isEpochTime(digits, 10)) return parseTimestamp(digits, TimeUnit::kSeconds);
  if (isEpochTime(digits, 13)) return parseTimestamp(digits, TimeUnit::kMilliseconds);
  if (isEpochTime(digits, 16)) {
    return parseTimestamp(digits.substr(0, 13), TimeUnit::kMilliseconds);
  }
  return std::nullopt;
}

std::string_view JsonFacts::text(JsonPath path) const {
  const auto value = at(path);
  const auto text = value ? textOf(*value, exchange_.arena) : std::nullopt;
  return text ? trimBlanks(*text) : std::string_view();
}

std::string_view JsonFacts::fact(JsonPath path) const { return exchange_.keepFact(text(path)); }

std::string_view JsonFacts::firstFact(std::initializer_list<JsonPath> paths) const {
  for (const JsonPath& path : paths) {
    if (const std::string_view found = fact(path); !found.empty()) return found;
  }
  return {};
}

std::string_view JsonFacts::id(JsonPath path) const {
  const std::string_view found = text(path);
  if (found.size() > limits::kFactBytesMax) return hashFact(exchange_, found);
  return exchange_.arena.copy(found);
}

Result<JsonFacts> objectFacts(Exchange& exchange, Services& services) {
  const auto& document = exchange.json(services.json);
  if (!document) return fail(document.error());
  if (document->root().kind() == JsonKind::kObject) return JsonFacts(document->root(), exchange);
  return fail(Reason::kMalformedRequest, "the body is no JSON object");
}

std::string_view hashFact(Exchange& exchange, ByteView bytes) {
  return exchange.arena.copy(hexEncode(digestOf(DigestKind::kSha256, bytes).view()));
}

std::string_view hashFact(Exchange& exchange, JsonValue value) {
  Digest digest(DigestKind::kSha256);
  digestValue(digest, value);
  return exchange.arena.copy(hexEncode(digest.finish().view()));
}

}  // namespace edgehold
