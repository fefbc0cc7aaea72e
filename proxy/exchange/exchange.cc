// SPDX-License-Identifier: Apache-2.0
// The two things an exchange does itself: it parses its body once and keeps facts bounded.
// Thread: one loop (owned by the exchange).
#include "proxy/exchange/exchange.h"

#include "proxy/base/limits.h"
#include "proxy/base/log.h"
#include "proxy/exchange/other_reading.h"

namespace edgehold {
namespace {

constexpr bool isContinuation(char byte) {
  return (static_cast<unsigned char>(byte) & 0xC0) == 0x80;
}

// The longest prefix of at most `bytes_max` bytes that does not end inside a character.
std::string_view cutAtCharacter(std::string_view text, std::size_t bytes_max) {
  if (text.size() <= bytes_max) return text;
  std::size_t end = bytes_max;
  // A character has at most three continuation bytes (RFC 3629 3); more is not UTF-8 anyway.
  for (int steps = 0; steps < 3 && end > 0 && isContinuation(text[end]); ++steps) --end;
  return text.substr(0, end);
}

// What was decrypted, and what came in a frame, is not what the fields of the request are about.
Result<JsonDocument> parseJson(const Exchange& exchange, JsonPool& pool) {
  if (!exchange.content.empty()) return pool.parse(exchange.content);
  const ByteView body = exchange.body.view();
  if (!exchange.message) {
    const std::string_view trouble = otherReading(exchange.request.headers, body);
    if (!trouble.empty()) return fail(Reason::kJsonInvalid, std::string(trouble));
  }
  return pool.parse(body);
}

}  // namespace

// Not in the class: `Exchange()` would fill the arena with zeros before it makes the rest.
Exchange::Exchange() = default;

const Result<JsonDocument>& Exchange::json(JsonPool& pool) {
  CHECK(is_body_complete);
  if (!json_.has_value()) json_.emplace(parseJson(*this, pool));
  return *json_;
}

std::string_view Exchange::keepFact(std::string_view text) {
  return arena.copy(cutAtCharacter(text, limits::kFactBytesMax));
}

}  // namespace edgehold
