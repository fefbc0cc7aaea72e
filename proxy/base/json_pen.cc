// SPDX-License-Identifier: Apache-2.0
// JSON strings (RFC 8259 7): plain runs are checked and copied eight bytes at a time.
// Thread: any (immutable).
#include "proxy/base/json_pen.h"

#include <array>
#include <cstdlib>

#include "proxy/base/json.h"
#include "proxy/base/log.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::string_view kReplacement = "\xEF\xBF\xBD";

constexpr bool isPlain(unsigned char byte) {
  return byte >= 0x20 && byte < 0x7F && byte != '"' && byte != '\\';
}
constexpr std::array<bool, 256> kIsPlain = [] {
  std::array<bool, 256> table{};
  for (std::size_t byte = 0; byte < table.size(); ++byte) {
    table[byte] = isPlain(static_cast<unsigned char>(byte));
  }
  return table;
}();

// True when one of eight bytes is not plain; exact, as borrows and carries start only at such a
// byte.
bool hasSpecial(std::uint64_t word) {
  constexpr std::uint64_t kOnes = 0x0101010101010101u;
  const auto has_zero = [](std::uint64_t v) { return (v - kOnes) & ~v; };
  const std::uint64_t special = (word - kOnes * 0x20) | word | (word + kOnes) |
                                has_zero(word ^ (kOnes * '"')) | has_zero(word ^ (kOnes * '\\'));
  return (special & (kOnes * 0x80)) != 0;
}

}  // namespace

void JsonPen::outOfRoom() {
  LOG(FATAL) << "a JSON text is longer than the room reserved for it";
  std::abort();  // LOG(FATAL) does not return, and is not declared so
}

std::size_t JsonPen::putPlain(std::string_view text) {
  char* const to = reserve(text.size());
  const char* const from = text.data();
  const std::size_t size = text.size();
  const auto copy_word = [from, to](std::size_t at) {
    std::uint64_t word = 0;
    std::memcpy(&word, from + at, sizeof word);
    if (hasSpecial(word)) return false;
    std::memcpy(to + at, &word, sizeof word);
    return true;
  };
  std::size_t done = 0;
  while (done + 8 <= size && copy_word(done)) done += 8;
  const bool is_tail = size >= 8 && done + 8 > size;
  if (is_tail && copy_word(size - 8)) done = size;  // words that may overlap
  for (; done < size && kIsPlain[static_cast<unsigned char>(from[done])]; ++done) {
    to[done] = from[done];
  }
  at_ += done;
  return done;
}

void JsonPen::putString(std::string_view text) {
  put('"');
  putEscaped(text);
  put('"');
}

void JsonPen::putEscaped(std::string_view text) {
  while (true) {
    text.remove_prefix(putPlain(text));
    if (text.empty()) return;
    if (static_cast<unsigned char>(text.front()) < 0x80) {
      putEscape(text.front());
      text.remove_prefix(1);
      continue;
    }
    const std::size_t length = utf8SequenceLength(text);
    put(length == 0 ? kReplacement : text.substr(0, length));
    text.remove_prefix(length == 0 ? 1 : length);
  }
}

void JsonPen::putEscape(char c) {
  constexpr std::string_view kHexDigits = "0123456789abcdef";
  switch (c) {
    case '"':
      return put("\\\"");
    case '\\':
      return put("\\\\");
    case '\n':
      return put("\\n");
    case '\r':
      return put("\\r");
    case '\t':
      return put("\\t");
    case '\x7F':
      return put(c);
    default:
      break;
  }
  const auto byte = static_cast<unsigned char>(c);
  put("\\u00");
  put(kHexDigits[byte >> 4]);
  put(kHexDigits[byte & 15]);
}

void appendJsonString(std::string& out, std::string_view text) {
  const std::size_t begin = out.size();
  out.resize(begin + JsonPen::stringBytesMax(text.size()));
  JsonPen pen(std::span<char>(out).subspan(begin));
  pen.putString(text);
  out.resize(begin + pen.size());
}

}  // namespace edgehold
