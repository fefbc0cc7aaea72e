// SPDX-License-Identifier: Apache-2.0
// Facts out of a platform's JSON, by the paths where it writes them.
// Thread: one loop (owned by the call).
#pragma once

#include <initializer_list>
#include <optional>
#include <string_view>

#include "proxy/base/json.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"

namespace edgehold {

using JsonPath = std::initializer_list<std::string_view>;

class JsonFacts {
 public:
  // REQUIRES: the document outlives this; what it gives lives in the exchange.
  JsonFacts(JsonValue root, Exchange& exchange) : root_(root), exchange_(exchange) {}

  JsonValue root() const { return root_; }
  std::optional<JsonValue> at(JsonPath path) const;
  // The text there, as it stands; nothing for any other kind.
  std::optional<std::string_view> string(JsonPath path) const;
  std::optional<std::int64_t> number(JsonPath path) const;
  // A time however it is written: RFC 3339, or seconds (10 digits, decimals are dropped),
  // milliseconds (13 digits) or microseconds (16) since 1970 as text or number. Unix milliseconds;
  // nothing for others.
  std::optional<std::int64_t> time(JsonPath path) const;
  bool has(JsonPath path) const { return at(path).has_value(); }

  // A text or an integer as a fact: without blanks around, cut at limits::kFactBytesMax. Empty when
  // it is absent or of another kind.
  std::string_view fact(JsonPath path) const;
  // The first of them that is not empty.
  std::string_view firstFact(std::initializer_list<JsonPath> paths) const;
  // An id: as fact(), but a longer one becomes the SHA-256 of itself, as two of them may differ
  // only at their ends.
  std::string_view id(JsonPath path) const;

 private:
  std::string_view text(JsonPath path) const;
  JsonValue root_;
  Exchange& exchange_;
};

// What was verified, as one JSON object: nothing else is an event. Errors: kJsonInvalid,
// kMalformedRequest.
Result<JsonFacts> objectFacts(Exchange& exchange, Services& services);

// Lower-case hexadecimal SHA-256 of `bytes`, in the exchange: the id of an event that has none.
std::string_view hashFact(Exchange& exchange, ByteView bytes);
// The same of one value among others: of what it says, whatever blanks and escapes it is written
// with. Members count in their order.
std::string_view hashFact(Exchange& exchange, JsonValue value);

}  // namespace edgehold
