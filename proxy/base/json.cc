// SPDX-License-Identifier: Apache-2.0
// simdjson behind json.h: parsing, and lookups on its tape.
// Thread: one loop (a pool belongs to a worker, its documents too).
#include "proxy/base/json.h"

#include <algorithm>
#include <cstring>
#include <utility>

#include <simdjson.h>

#include "proxy/base/json_keys.h"
#include "proxy/base/limits.h"
#include "proxy/base/log.h"

static_assert(SIMDJSON_EXCEPTIONS == 0, "set for this file in CMakeLists.txt");

namespace edgehold {

struct JsonParser {
  JsonTape tape;
  simdjson::dom::parser parser;
  std::unique_ptr<char[]> text;
  std::size_t capacity = 0;  // of text, without the padding
};

namespace {

constexpr std::size_t kCapacityLeast = 4096;
// A parser costs about 14 bytes per byte of capacity: one that met a large body is not kept.
constexpr std::size_t kCapacityKept = 64 * 1024;
constexpr std::size_t kParsersKept = 16;
// simdjson counts members up to here and then stops counting.
constexpr std::uint32_t kCountSaturated = 0xFFFFFF;
constexpr std::string_view kByteOrderMark = "\xEF\xBB\xBF";

// Makes room for `bytes`; a reused parser that is large enough is left alone.
bool reserve(JsonParser& parser, std::size_t bytes) {
  if (parser.text != nullptr && parser.capacity >= bytes) return true;
  std::size_t capacity = std::max(kCapacityLeast, parser.capacity);
  while (capacity < bytes) capacity *= 2;
  // simdjson calls it too deep when the innermost value stands on level max_depth.
  if (parser.parser.allocate(capacity, limits::kJsonDepthMax + 1) != simdjson::SUCCESS ||
      parser.parser.doc.allocate(capacity) != simdjson::SUCCESS) {
    parser.capacity = 0;
    return false;
  }
  parser.text = std::make_unique<char[]>(capacity + simdjson::SIMDJSON_PADDING);
  parser.capacity = capacity;
  return true;
}

}  // namespace

// --- JsonValue ---

JsonKind JsonValue::kind() const {
  switch (type()) {
    case '"':
      return JsonKind::kString;
    case '{':
      return JsonKind::kObject;
    case '[':
      return JsonKind::kArray;
    case 't':
    case 'f':
      return JsonKind::kBool;
    case 'n':
      return JsonKind::kNull;
    default:
      return JsonKind::kNumber;
  }
}

std::string_view JsonValue::text() const { return tapeString(*tape_, index_); }

std::uint32_t JsonValue::after() const { return tapeAfter(*tape_, index_); }

std::optional<std::string_view> JsonValue::asString() const {
  if (type() != '"') return std::nullopt;
  return text();
}

std::optional<std::int64_t> JsonValue::asInt() const {
  // 'u' is used only for what does not fit a signed integer.
  if (type() != 'l') return std::nullopt;
  return static_cast<std::int64_t>(tape_->words[index_ + 1]);
}

std::optional<std::uint64_t> JsonValue::asUnsigned() const {
  const std::uint64_t bits = tape_->words[index_ + 1];
  if (type() == 'u') return bits;
  if (type() == 'l' && static_cast<std::int64_t>(bits) >= 0) return bits;
  return std::nullopt;
}

std::optional<double> JsonValue::asDouble() const {
  switch (type()) {
    case 'd': {
      double number = 0;
      std::memcpy(&number, &tape_->words[index_ + 1], sizeof number);
      return number;
    }
    case 'l':
      return static_cast<double>(static_cast<std::int64_t>(tape_->words[index_ + 1]));
    case 'u':
      return static_cast<double>(tape_->words[index_ + 1]);
    default:
      return std::nullopt;
  }
}

std::optional<bool> JsonValue::asBool() const {
  if (type() == 't') return true;
  if (type() == 'f') return false;
  return std::nullopt;
}

bool JsonValue::isInteger() const { return type() == 'l' || type() == 'u'; }

std::size_t JsonValue::size() const {
  if (type() != '{' && type() != '[') return 0;
  const auto count = static_cast<std::uint32_t>(tape_->words[index_] >> 32) & 0xFFFFFFu;
  if (count < kCountSaturated) return count;
  std::size_t counted = 0;
  for ([[maybe_unused]] const JsonValue element : elements()) ++counted;
  for ([[maybe_unused]] const JsonMember& member : members()) ++counted;
  return counted;
}

std::optional<JsonValue> JsonValue::member(std::string_view key) const {
  for (const JsonMember& member : members()) {
    if (member.key == key) return member.value;
  }
  return std::nullopt;
}

std::optional<JsonValue> JsonValue::element(std::size_t index) const {
  for (const JsonValue element : elements()) {
    if (index-- == 0) return element;
  }
  return std::nullopt;
}

JsonMembers JsonValue::members() const {
  if (type() != '{') return {tape_, 0, 0};
  return {tape_, index_ + 1, after() - 1};
}

JsonElements JsonValue::elements() const {
  if (type() != '[') return {tape_, 0, 0};
  return {tape_, index_ + 1, after() - 1};
}

// --- JsonDocument ---

JsonDocument::JsonDocument(JsonPool& pool, std::unique_ptr<JsonParser> parser)
    : pool_(&pool), parser_(std::move(parser)) {}

JsonDocument::JsonDocument(JsonDocument&& other) noexcept = default;

JsonDocument& JsonDocument::operator=(JsonDocument&& other) noexcept {
  giveBack();
  pool_ = other.pool_;
  parser_ = std::move(other.parser_);
  return *this;
}

JsonDocument::~JsonDocument() { giveBack(); }

void JsonDocument::giveBack() {
  if (parser_ != nullptr) pool_->giveBack(std::move(parser_));
}

JsonValue JsonDocument::root() const { return {&parser_->tape, 1}; }

// --- JsonPool ---

JsonPool::JsonPool(Random& random) : key_{random.next(), random.next()} {
  free_.reserve(kParsersKept);
}

JsonPool::~JsonPool() = default;

Result<JsonDocument> JsonPool::parse(ByteView text) {
  if (text.size() > limits::kJsonBytesMax) {
    return fail(Reason::kPayloadTooLarge, "JSON text is too large");
  }
  if (text.starts_with(kByteOrderMark)) {
    return fail(Reason::kJsonInvalid, "JSON text begins with a byte order mark");
  }
  JsonDocument document(*this, take());
  JsonParser& parser = *document.parser_;
  if (!reserve(parser, text.size())) return fail(Reason::kOverloaded, "no memory for a JSON text");
  if (!text.empty()) std::memcpy(parser.text.get(), text.data(), text.size());
  std::memset(parser.text.get() + text.size(), 0, simdjson::SIMDJSON_PADDING);
  const simdjson::error_code error =
      parser.parser.parse(parser.text.get(), text.size(), false).error();
  if (error != simdjson::SUCCESS) {
    return fail(Reason::kJsonInvalid, simdjson::error_message(error));
  }
  parser.tape = {parser.parser.doc.tape.get(), parser.parser.doc.string_buf.get()};
  if (const char* const trouble = keyTrouble(parser.tape, key_, seen_keys_)) {
    return fail(Reason::kJsonInvalid, trouble);
  }
  return document;
}

std::unique_ptr<JsonParser> JsonPool::take() {
  if (free_.empty()) return std::make_unique<JsonParser>();
  std::unique_ptr<JsonParser> parser = std::move(free_.back());
  free_.pop_back();
  return parser;
}

void JsonPool::giveBack(std::unique_ptr<JsonParser> parser) {
  if (free_.size() < kParsersKept && parser->capacity <= kCapacityKept) {
    free_.push_back(std::move(parser));
  }
}

}  // namespace edgehold
