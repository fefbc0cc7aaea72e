// SPDX-License-Identifier: Apache-2.0
// Conditions on what a request carries, as catalogues of actions state them:
// `{all: [{pointer: /recipients, op: len_gt, value: 50}]}`. A pointer looks into the JSON body;
// `query:NAME` at a query parameter, of which any occurrence counts.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/config_reader.h"
#include "proxy/base/json.h"
#include "proxy/base/result.h"
#include "proxy/exchange/exchange.h"
#include "proxy/exchange/services.h"

namespace edgehold {

class Condition {
 public:
  enum class Op : std::uint8_t {
    kEq,      // text, number or boolean, compared as written: 1 equals "1"
    kNe,      // also when absent
    kExists,  // null exists
    kAbsent,
    kNonempty,  // a text, array or object with something in it; a number; true
    kContains,  // a text inside the text
    kIn,        // equals one of a list
    kLt,        // numbers, in texts too
    kGt,        // also a text that others may read as a number, as ` 5`
    kLenGt,     // more elements in the array
    kCsvLenGt,  // more pieces in `a,b,c`
    kSepLenGt,  // more pieces in `a|b|c`
    kTokenIs,   // one of the pieces of `a|b|c` is it
    kArrayHas,  // one of the elements equals it
  };
  // Reads {pointer, op, value} and calls finish(); nothing after a mistake, which is reported.
  static std::optional<Condition> read(ConfigReader& config);

  bool needsBody() const { return pointer_.has_value(); }
  // REQUIRES: needsBody(). No root: there is no body, so everything is absent.
  bool holdsIn(std::optional<JsonValue> root) const;
  bool holdsInQuery(std::string_view query, Arena& arena) const;  // REQUIRES: !needsBody()

 private:
  Condition() = default;
  void readValue(ConfigReader& config);
  bool holdsFor(std::optional<JsonValue> value) const;
  bool holdsForText(std::string_view text) const;
  bool holdsForNumber(double number) const;
  bool equals(JsonValue value) const;

  Op op_ = Op::kExists;
  std::optional<JsonPointer> pointer_;
  std::string query_;                // the parameter's name
  std::vector<std::string> values_;  // one, or those of kIn
  double number_ = 0;                // values_[0] as a number, where the op compares numbers
};

// All of them, or any of them.
class Conditions {
 public:
  // Reads `key` of a row: {all: [...]} or {any: [...]}; none at all when it is absent.
  static Conditions read(ConfigReader& row, std::string_view key);

  bool empty() const { return list_.empty(); }
  bool needsBody() const;
  // Errors: kJsonInvalid when the body must be looked at and is no JSON.
  Result<bool> hold(Exchange& exchange, Services& services) const;

 private:
  std::vector<Condition> list_;
  bool is_any_ = false;
};

}  // namespace edgehold
