// SPDX-License-Identifier: Apache-2.0
// Judges conditions without copying what they look at.
// Thread: any (immutable).
#include "filters/condition.h"

#include <algorithm>
#include <charconv>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"

namespace edgehold {
namespace {

using Op = Condition::Op;

constexpr std::string_view kQueryPrefix = "query:";

std::optional<double> parseNumber(std::string_view text) {
  double value = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), value);
  if (error != std::errc{} || end != text.data() + text.size()) return std::nullopt;
  return value;
}

// Agents read numbers in texts that we do not: ` 500`, `+500`, `0x1F4`, `5_00`, full-width digits.
bool mayBeNumber(std::string_view text) {
  return std::any_of(text.begin(), text.end(), [](char c) {
    return (c >= '0' && c <= '9') || static_cast<unsigned char>(c) >= 0x80;
  });
}

bool comparesNumbers(Op op) {
  return op == Op::kLt || op == Op::kGt || op == Op::kLenGt || op == Op::kCsvLenGt ||
         op == Op::kSepLenGt;
}
bool needsValue(Op op) { return op != Op::kExists && op != Op::kAbsent && op != Op::kNonempty; }

double pieces(std::string_view text, char separator) {
  if (text.empty()) return 0;
  return 1 + static_cast<double>(std::count(text.begin(), text.end(), separator));
}

bool hasToken(std::string_view text, std::string_view token) {
  for (;;) {
    const std::size_t end = text.find('|');
    if (text.substr(0, end) == token) return true;
    if (end == std::string_view::npos) return false;
    text.remove_prefix(end + 1);
  }
}

// A form-encoded name or value (WHATWG URL 5.1); malformed escapes stay as they are, as agents'
// parsers leave them. The result is never longer.
std::string_view decodeForm(std::string_view text, Arena& arena) {
  if (text.find_first_of("%+") == std::string_view::npos) return text;
  char* const decoded = arena.allocate(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_escape = text[i] == '%' && i + 2 < text.size() && hexValue(text[i + 1]) >= 0 &&
                           hexValue(text[i + 2]) >= 0;
    if (is_escape) {
      decoded[size++] = static_cast<char>(hexValue(text[i + 1]) << 4 | hexValue(text[i + 2]));
      i += 2;
    } else {
      decoded[size++] = text[i] == '+' ? ' ' : text[i];
    }
  }
  return {decoded, size};
}

}  // namespace

std::optional<Condition> Condition::read(ConfigReader& config) {
  Condition condition;
  const std::string where = config.requiredText("pointer");
  bool is_readable = config.has("pointer");
  if (std::string_view(where).starts_with(kQueryPrefix)) {
    condition.query_ = where.substr(kQueryPrefix.size());
  } else if (auto pointer = JsonPointer::compile(where)) {
    condition.pointer_ = *std::move(pointer);
  } else {
    config.reject("pointer", pointer.error().message);
    is_readable = false;
  }
  condition.op_ = config.choice<Op>("op", Op::kEq,
                                    {{"eq", Op::kEq},
                                     {"ne", Op::kNe},
                                     {"exists", Op::kExists},
                                     {"absent", Op::kAbsent},
                                     {"nonempty", Op::kNonempty},
                                     {"contains", Op::kContains},
                                     {"in", Op::kIn},
                                     {"lt", Op::kLt},
                                     {"gt", Op::kGt},
                                     {"len_gt", Op::kLenGt},
                                     {"csv_len_gt", Op::kCsvLenGt},
                                     {"sep_len_gt", Op::kSepLenGt},
                                     {"token_is", Op::kTokenIs},
                                     {"array_has", Op::kArrayHas}});
  condition.readValue(config);
  config.finish();
  if (!is_readable || (needsValue(condition.op_) && condition.values_.empty())) return std::nullopt;
  return condition;
}

void Condition::readValue(ConfigReader& config) {
  if (!needsValue(op_)) {
    if (config.has("value")) config.reject("value", "this op takes no value");
    return;
  }
  values_ = config.texts("value");
  if (values_.empty()) return config.reject("value", "this op needs a value");
  if (op_ != Op::kIn && values_.size() != 1) return config.reject("value", "expected one value");
  if (!comparesNumbers(op_)) return;
  const auto number = parseNumber(values_.front());
  if (!number) return config.reject("value", "expected a number");
  number_ = *number;
}

bool Condition::equals(JsonValue value) const {
  const auto isIt = [&](const std::string& wanted) {
    if (const auto text = value.asString()) return *text == wanted;
    if (const auto boolean = value.asBool()) return wanted == (*boolean ? "true" : "false");
    const auto number = value.asDouble();
    return number.has_value() && number == parseNumber(wanted);
  };
  return std::any_of(values_.begin(), values_.end(), isIt);
}

bool Condition::holdsIn(std::optional<JsonValue> root) const {
  return holdsFor(root ? pointer_->find(*root) : std::nullopt);
}

bool Condition::holdsFor(std::optional<JsonValue> value) const {
  if (!value) return op_ == Op::kAbsent || op_ == Op::kNe;
  switch (op_) {
    case Op::kExists:
      return true;
    case Op::kAbsent:
      return false;
    case Op::kEq:
    case Op::kIn:
      return equals(*value);
    case Op::kNe:
      return !equals(*value);
    case Op::kArrayHas:
      for (const JsonValue element : value->elements()) {
        if (equals(element)) return true;
      }
      return false;
    default:
      break;
  }
  if (const auto text = value->asString()) return holdsForText(*text);
  if (const auto number = value->asDouble()) return holdsForNumber(*number);
  const bool is_container = value->kind() == JsonKind::kArray || value->kind() == JsonKind::kObject;
  if (op_ == Op::kNonempty) return is_container ? value->size() > 0 : value->asBool() == true;
  // Lists come as arrays too where a platform's older form had them joined.
  const bool counts = op_ == Op::kLenGt || op_ == Op::kCsvLenGt || op_ == Op::kSepLenGt;
  return counts && value->kind() == JsonKind::kArray &&
         static_cast<double>(value->size()) > number_;
}

bool Condition::holdsForNumber(double number) const {
  if (op_ == Op::kLt) return number < number_;
  if (op_ == Op::kGt) return number > number_;
  return op_ == Op::kNonempty;
}

bool Condition::holdsForText(std::string_view text) const {
  switch (op_) {
    case Op::kExists:
      return true;
    case Op::kEq:
    case Op::kIn:
      return std::find(values_.begin(), values_.end(), text) != values_.end();
    case Op::kNe:
      return text != values_.front();
    case Op::kNonempty:
      return !text.empty();
    case Op::kContains:
      return text.find(values_.front()) != std::string_view::npos;
    case Op::kCsvLenGt:
      return pieces(text, ',') > number_;
    case Op::kSepLenGt:
      return pieces(text, '|') > number_;
    case Op::kTokenIs:
      return hasToken(text, values_.front());
    case Op::kLt:
    case Op::kGt: {
      const auto number = parseNumber(text);  // forms and queries send numbers as texts
      if (number) return holdsForNumber(*number);
      return op_ == Op::kGt && mayBeNumber(text);  // whoever hides one hides a large one
    }
    default:
      return false;
  }
}

bool Condition::holdsInQuery(std::string_view query, Arena& arena) const {
  bool is_there = false;
  while (!query.empty()) {
    const std::string_view pair = query.substr(0, query.find('&'));
    query.remove_prefix(std::min(query.size(), pair.size() + 1));
    const std::size_t equals_sign = pair.find('=');
    if (decodeForm(pair.substr(0, equals_sign), arena) != query_) continue;
    is_there = true;
    const std::string_view value = equals_sign == std::string_view::npos
                                       ? std::string_view()
                                       : decodeForm(pair.substr(equals_sign + 1), arena);
    if (holdsForText(value)) return true;
  }
  return !is_there && (op_ == Op::kAbsent || op_ == Op::kNe);
}

Conditions Conditions::read(ConfigReader& row, std::string_view key) {
  Conditions conditions;
  auto when = row.child(key);
  if (!when) return conditions;
  conditions.is_any_ = when->has("any");
  if (conditions.is_any_ == when->has("all")) when->reject("all", "give one of `all` and `any`");
  std::vector<ConfigReader> readers = when->children(conditions.is_any_ ? "any" : "all");
  if (readers.empty()) when->reject("all", "needs at least one condition");
  if (readers.size() > limits::kConditionsMax) when->reject("all", "more than 32 conditions");
  static_assert(limits::kConditionsMax == 32, "the message above says so");
  for (ConfigReader& reader : readers) {
    if (auto condition = Condition::read(reader)) conditions.list_.push_back(*std::move(condition));
  }
  when->finish();
  return conditions;
}

bool Conditions::needsBody() const {
  return std::any_of(list_.begin(), list_.end(), [](const auto& one) { return one.needsBody(); });
}

Result<bool> Conditions::hold(Exchange& exchange, Services& services) const {
  std::optional<JsonValue> root;
  if (needsBody() && exchange.is_body_complete && !exchange.body.empty()) {
    const Result<JsonDocument>& document = exchange.json(services.json);
    if (!document) return fail(document.error());
    root = document->root();
  }
  const auto holds = [&](const Condition& one) {
    if (!one.needsBody()) return one.holdsInQuery(exchange.request.target.query, exchange.arena);
    return one.holdsIn(root);
  };
  return is_any_ ? std::any_of(list_.begin(), list_.end(), holds)
                 : std::all_of(list_.begin(), list_.end(), holds);
}

}  // namespace edgehold
