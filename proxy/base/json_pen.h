// SPDX-License-Identifier: Apache-2.0
// Writes JSON piece by piece into memory that somebody has reserved for the worst case: for texts
// that are made for every request. Whoever writes past the reserved room has a bug, and ends.
// Thread: one loop (owned by the call).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <span>
#include <string_view>

#include "proxy/base/strings.h"

namespace edgehold {

class JsonPen {
 public:
  // The most that putString() writes for a text of so many bytes: `\u00XX` for each, and quotes.
  static constexpr std::size_t stringBytesMax(std::size_t bytes) { return 6 * bytes + 2; }

  explicit JsonPen(std::span<char> room)
      : begin_(room.data()), at_(begin_), end_(begin_ + room.size()) {}

  std::size_t size() const { return static_cast<std::size_t>(at_ - begin_); }
  // Where the next byte goes, with room for `bytes`; skip() what was written there.
  char* reserve(std::size_t bytes) {
    if (static_cast<std::size_t>(end_ - at_) < bytes) [[unlikely]]
      outOfRoom();
    return at_;
  }
  void skip(std::size_t bytes) { at_ += bytes; }

  // As it is.
  void put(char c) {
    *reserve(1) = c;
    ++at_;
  }
  void put(std::string_view text) {
    std::memcpy(reserve(text.size()), text.data(), text.size());
    at_ += text.size();
  }
  void putNumber(std::uint64_t number) { at_ = writeNumber(reserve(kNumberBytesMax), number); }
  // As a JSON string, quotes included. Invalid UTF-8 becomes U+FFFD, byte by byte.
  void putString(std::string_view text);
  // What of putString() stands between the quotes.
  void putEscaped(std::string_view text);
  // As much of the beginning of `text` as needs no escape and is ASCII without DEL, and how much
  // that was.
  std::size_t putPlain(std::string_view text);

 private:
  [[noreturn]] static void outOfRoom();
  void putEscape(char c);

  char* const begin_;
  char* at_;
  char* const end_;
};

}  // namespace edgehold
