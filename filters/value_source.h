// SPDX-License-Identifier: Apache-2.0
// Where in a request a value is found, as operators write it: a fact (`group`), `address`,
// `principal_or_address`, `header:X-Name` or `json:/pointer`.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>

#include "filters/field_name.h"
#include "proxy/base/config_reader.h"
#include "proxy/base/json.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/filter_registry.h"
#include "proxy/exchange/services.h"

namespace edgehold {

// Text as it stands, or an integer in decimal (platforms number their groups); nothing for the
// other kinds. The view dies with the document or the exchange.
std::optional<std::string_view> textOf(JsonValue value, Arena& arena);

class ValueSource {
 public:
  enum class Kind : std::uint8_t {
    kAddress,  // the bytes of a Subscriber
    kPrincipalOrAddress,
    kPrincipal,
    kChannel,
    kEventId,
    kEventType,
    kGroup,
    kSender,
    kAction,
    kHeader,
    kJson,
  };

  // The error lists what may be written.
  static Result<ValueSource> parse(std::string_view text);

  // Nothing when it is absent or empty. Errors are the client's: kJsonInvalid for a body that is no
  // JSON, kMalformedRequest for a field that comes twice. No allocation on the heap.
  Result<std::optional<std::string_view>> find(Exchange& exchange, Services& services) const;
  // The same for what names a budget or an event: kEventMissing for JSON that is no text or whole
  // number. An agent may take `5.0`, or a list of one, for the 5 that it is not here.
  Result<std::optional<std::string_view>> findKey(Exchange& exchange, Services& services) const;

  bool needsBody() const { return kind_ == Kind::kJson; }
  // Known before the body is read and before any filter has learned facts.
  bool isInHead() const { return kind_ == Kind::kAddress || kind_ == Kind::kHeader; }
  Kind kind() const { return kind_; }
  const std::string& text() const { return text_; }

 private:
  ValueSource(Kind kind, std::string_view text) : kind_(kind), text_(text) {}
  std::string_view fact(const Facts& facts) const;
  Result<std::optional<std::string_view>> findHeader(const Exchange& exchange) const;
  Result<std::optional<std::string_view>> findJson(Exchange& exchange, Services& services) const;

  Kind kind_;
  std::string text_;                    // as written
  FieldName header_;                    // kHeader
  std::optional<JsonPointer> pointer_;  // kJson
};

// Reads `key` as a JSON pointer; nothing when it is absent or a mistake, which is reported.
std::optional<ValueSource> readPointer(ConfigReader& config, std::string_view key);
// Reports at `key` when the route does not collect bodies.
void requireWholeBody(ConfigReader& config, std::string_view key, const FilterBuild& build);
inline FilterNeeds::Body bodyFor(bool needs_body) {
  return needs_body ? FilterNeeds::Body::kWhole : FilterNeeds::Body::kNone;
}

}  // namespace edgehold
