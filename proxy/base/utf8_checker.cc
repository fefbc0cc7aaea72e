// SPDX-License-Identifier: Apache-2.0
// The checker behind utf8_checker.h: whole characters are checked at once, the one that a piece
// cuts is kept. Thread: one loop.
#include "proxy/base/utf8_checker.h"

#include <algorithm>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

bool isContinuation(char c) { return (c & 0xC0) == 0x80; }

// What a lead byte announces; 1 for one that is none.
std::size_t announcedLength(char lead) {
  const auto byte = static_cast<unsigned char>(lead);
  return byte >= 0xF0 ? 4 : byte >= 0xE0 ? 3 : byte >= 0xC0 ? 2 : 1;
}

// How many bytes at the end of `text` are a character that is not whole.
std::size_t cutBytes(std::string_view text) {
  for (std::size_t bytes = 1; bytes <= std::min<std::size_t>(3, text.size()); ++bytes) {
    const char c = text[text.size() - bytes];
    if (!isContinuation(c)) return announcedLength(c) > bytes ? bytes : 0;
  }
  return 0;
}

// Can it become a character? Filled up with the continuations that the lead and the second byte
// leave open, it is one.
bool isBeginning(std::string_view cut) {
  for (const char second : {'\x80', '\x90', '\xA0'}) {
    std::array<char, 4> filled = {cut[0], second, '\x80', '\x80'};
    std::copy(cut.begin(), cut.end(), filled.begin());
    if (utf8SequenceLength({filled.data(), announcedLength(cut[0])}) != 0) return true;
  }
  return false;
}

}  // namespace

bool Utf8Checker::append(std::string_view piece) {
  while (pending_bytes_ != 0 && !piece.empty()) {
    pending_[pending_bytes_++] = piece.front();
    piece.remove_prefix(1);
    const std::string_view pending(pending_.data(), pending_bytes_);
    if (!isBeginning(pending)) return false;
    if (pending.size() == announcedLength(pending[0])) pending_bytes_ = 0;
  }
  if (pending_bytes_ != 0) return true;
  const std::size_t cut = cutBytes(piece);
  const std::string_view tail = piece.substr(piece.size() - cut);
  if (!isUtf8(piece.substr(0, piece.size() - cut))) return false;
  if (cut != 0 && !isBeginning(tail)) return false;
  std::copy(tail.begin(), tail.end(), pending_.begin());
  pending_bytes_ = static_cast<std::uint8_t>(cut);
  return true;
}

}  // namespace edgehold
