// SPDX-License-Identifier: Apache-2.0
// The JSON writer behind problem.h: sizes first, then one allocation.
// Thread: any (immutable).
#include "proxy/http/problem.h"

#include <algorithm>
#include <charconv>

#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

constexpr std::size_t kNumberBytesMax = 20;
constexpr std::size_t kEscapeBytesMax = 6;  // \u00XX
constexpr std::size_t kFixedBytesMax = 256;

// Writes into memory that was reserved for the worst case.
class JsonPen {
 public:
  explicit JsonPen(char* at) : at_(at) {}
  char* at() const { return at_; }

  void put(std::string_view text) { at_ = std::copy(text.begin(), text.end(), at_); }
  void putNumber(std::uint64_t number) {
    at_ = std::to_chars(at_, at_ + kNumberBytesMax, number).ptr;
  }
  void putMember(std::string_view name, std::string_view value) {
    put(",\"");
    put(name);
    put("\":");
    putString(value);
  }
  void putString(std::string_view text) {
    // Bytes that are not UTF-8 would make the whole document not JSON (RFC 8259 8.1).
    const bool is_text = isUtf8(text);
    put("\"");
    for (const char c : text) putEscaped(c, is_text);
    put("\"");
  }

 private:
  void putEscaped(char c, bool is_text) {
    const auto byte = static_cast<unsigned char>(c);
    if (byte >= 0x80 && !is_text) return put("\\ufffd");
    if (c == '"' || c == '\\') *at_++ = '\\';
    if (byte >= 0x20) {
      *at_++ = c;
      return;
    }
    constexpr std::string_view kDigits = "0123456789abcdef";
    put("\\u00");
    *at_++ = kDigits[byte >> 4];
    *at_++ = kDigits[byte & 15];
  }

  char* at_;
};

}  // namespace

std::string_view problemBody(Arena& arena, const Problem& problem) {
  const ReasonRow& row = reasonRow(problem.reason);
  const std::size_t text_bytes = row.title.size() + row.code.size() + problem.request_id.size() +
                                 problem.approval_id.size() + problem.status_url.size();
  char* const begin = arena.allocate(kFixedBytesMax + text_bytes * kEscapeBytesMax);
  JsonPen pen(begin);
  pen.put("{\"type\":\"about:blank\",\"title\":");
  pen.putString(row.title);
  pen.put(",\"status\":");
  pen.putNumber(row.status);
  pen.putMember("reason", row.code);
  if (!problem.request_id.empty()) pen.putMember("request_id", problem.request_id);
  if (!problem.approval_id.empty()) pen.putMember("approval_id", problem.approval_id);
  if (!problem.status_url.empty()) pen.putMember("status_url", problem.status_url);
  if (problem.retry_after_seconds) {
    pen.put(",\"retry_after\":");
    pen.putNumber(*problem.retry_after_seconds);
  }
  pen.put("}");
  return {begin, static_cast<std::size_t>(pen.at() - begin)};
}

}  // namespace edgehold
