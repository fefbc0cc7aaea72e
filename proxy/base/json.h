// SPDX-License-Identifier: Apache-2.0
// The door to JSON for message bodies: one strict pass over the text, then lookups without copies.
// Refused: what RFC 8259 refuses, a byte order mark, invalid UTF-8 and lone surrogates, integers
// past 64 bits, nesting and size past limits, trailing text, and two keys of one object that are
// equal or differ only in ASCII case (agents and proxies would disagree about which one counts).
// Thread: one loop (a pool belongs to a worker, its documents too).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/bytes.h"
#include "proxy/base/random.h"
#include "proxy/base/result.h"
#include "proxy/base/siphash.h"

namespace edgehold {

enum class JsonKind : std::uint8_t { kNull, kBool, kNumber, kString, kArray, kObject };

// The parsed text, as simdjson lays it out (its doc/tape.md; json_test.cc holds it to that).
struct JsonTape {
  const std::uint64_t* words = nullptr;
  const std::uint8_t* strings = nullptr;
};

class JsonMembers;
class JsonElements;

// One value in a JsonDocument; two words, copied freely. It and every view it gives die with the
// document. Moving the document keeps them valid.
class JsonValue {
 public:
  JsonKind kind() const;
  // Nothing when the value is of another kind (or the number does not fit without rounding).
  std::optional<std::string_view> asString() const;  // unescaped; may contain NUL
  std::optional<std::int64_t> asInt() const;
  std::optional<std::uint64_t> asUnsigned() const;
  std::optional<double> asDouble() const;  // any number; large integers are rounded
  std::optional<bool> asBool() const;
  bool isNull() const { return kind() == JsonKind::kNull; }
  // True for a number written without fraction and exponent.
  bool isInteger() const;

  // Members of an object, elements of an array, else 0.
  std::size_t size() const;
  // Exact key; nothing when absent or when this is no object. Linear in the members before it.
  std::optional<JsonValue> member(std::string_view key) const;
  // Linear in `index`; walk with elements() instead of counting up.
  std::optional<JsonValue> element(std::size_t index) const;
  // Empty ranges when the value is of another kind.
  JsonMembers members() const;
  JsonElements elements() const;

 private:
  friend class JsonDocument;
  friend class JsonMembers;
  friend class JsonElements;
  JsonValue(const JsonTape* tape, std::uint32_t index) : tape_(tape), index_(index) {}

  char type() const { return static_cast<char>(tape_->words[index_] >> 56); }
  std::string_view text() const;
  // Where the value behind this one begins.
  std::uint32_t after() const;

  const JsonTape* tape_;
  std::uint32_t index_;
};

struct JsonMember {
  std::string_view key;
  JsonValue value;
};

// for (const JsonMember& member : value.members())
class JsonMembers {
 public:
  class Iterator {
   public:
    JsonMember operator*() const { return {key_.text(), JsonValue(key_.tape_, key_.index_ + 1)}; }
    Iterator& operator++() {
      key_.index_ = JsonValue(key_.tape_, key_.index_ + 1).after();
      return *this;
    }
    bool operator==(const Iterator& other) const { return key_.index_ == other.key_.index_; }

   private:
    friend class JsonMembers;
    explicit Iterator(JsonValue key) : key_(key) {}
    JsonValue key_;
  };
  Iterator begin() const { return Iterator(JsonValue(tape_, begin_)); }
  Iterator end() const { return Iterator(JsonValue(tape_, end_)); }

 private:
  friend class JsonValue;
  JsonMembers(const JsonTape* tape, std::uint32_t begin, std::uint32_t end)
      : tape_(tape), begin_(begin), end_(end) {}
  const JsonTape* tape_;
  std::uint32_t begin_, end_;
};

// for (const JsonValue element : value.elements())
class JsonElements {
 public:
  class Iterator {
   public:
    JsonValue operator*() const { return at_; }
    Iterator& operator++() {
      at_.index_ = at_.after();
      return *this;
    }
    bool operator==(const Iterator& other) const { return at_.index_ == other.at_.index_; }

   private:
    friend class JsonElements;
    explicit Iterator(JsonValue at) : at_(at) {}
    JsonValue at_;
  };
  Iterator begin() const { return Iterator(JsonValue(tape_, begin_)); }
  Iterator end() const { return Iterator(JsonValue(tape_, end_)); }

 private:
  friend class JsonValue;
  JsonElements(const JsonTape* tape, std::uint32_t begin, std::uint32_t end)
      : tape_(tape), begin_(begin), end_(end) {}
  const JsonTape* tape_;
  std::uint32_t begin_, end_;
};

class JsonPool;
struct JsonParser;  // a simdjson parser with its padded copy of the text

// A parsed text. Owns its copy: what it was parsed from may go. Returns its parser when destroyed.
class JsonDocument {
 public:
  JsonDocument(JsonDocument&& other) noexcept;
  JsonDocument& operator=(JsonDocument&& other) noexcept;
  ~JsonDocument();

  JsonValue root() const;

 private:
  friend class JsonPool;
  JsonDocument(JsonPool& pool, std::unique_ptr<JsonParser> parser);
  void giveBack();

  JsonPool* pool_;
  std::unique_ptr<JsonParser> parser_;
};

// The parsers of one worker. Any number of documents may live at once; in a steady state of small
// documents nothing is allocated. Outlives its documents.
class JsonPool {
 public:
  // `random` seeds the hash that finds duplicate keys of large objects.
  explicit JsonPool(Random& random);
  JsonPool(const JsonPool&) = delete;
  JsonPool& operator=(const JsonPool&) = delete;
  ~JsonPool();

  // `text` is copied once (simdjson reads past the end of its input). Errors: kJsonInvalid, and
  // kPayloadTooLarge past limits::kJsonBytesMax.
  Result<JsonDocument> parse(ByteView text);

 private:
  friend class JsonDocument;
  std::unique_ptr<JsonParser> take();
  void giveBack(std::unique_ptr<JsonParser> parser);

  const SipKey key_;
  std::vector<std::unique_ptr<JsonParser>> free_;
  std::vector<std::uint64_t> seen_keys_;  // scratch of the duplicate check
};

// A JSON Pointer (RFC 6901), compiled once. `-` names no element, as nothing is ever appended.
// Thread: any (immutable).
class JsonPointer {
 public:
  static constexpr std::size_t kTextBytesMax = 1024;  // operators write them; none is near
  // "" is the whole document, else each token follows a `/`; `~` only as `~0` and `~1`.
  static Result<JsonPointer> compile(std::string_view text);
  std::optional<JsonValue> find(JsonValue root) const;
  const std::string& text() const { return text_; }

 private:
  struct Token {
    std::string key;
    std::optional<std::size_t> index;  // set when the token may name an array element
  };
  std::string text_;
  std::vector<Token> tokens_;
};

// Appends `text` as a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD, byte by byte.
void appendJsonString(std::string& out, std::string_view text);

}  // namespace edgehold
