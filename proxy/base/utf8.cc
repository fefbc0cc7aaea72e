// SPDX-License-Identifier: Apache-2.0
// The checks behind utf8.h. Of text in pieces, whole characters are checked at once, and the one
// that a piece cuts is kept.
// Thread: any (immutable); a Utf8Checker has one loop.
#include "proxy/base/utf8.h"

#include <algorithm>

#include <simdjson.h>

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

std::size_t utf8SequenceLength(std::string_view bytes) {
  const auto at = [&](std::size_t i) { return static_cast<unsigned char>(bytes[i]); };
  const unsigned char lead = at(0);
  if (lead < 0x80) return 1;
  const std::size_t length = lead >= 0xF0 ? 4 : lead >= 0xE0 ? 3 : 2;
  if (lead < 0xC2 || lead > 0xF4 || bytes.size() < length) return 0;
  // RFC 3629 4: the second byte rules out over-long forms, surrogates and what is past U+10FFFF.
  const unsigned char low = lead == 0xE0 ? 0xA0 : lead == 0xF0 ? 0x90 : 0x80;
  const unsigned char high = lead == 0xED ? 0x9F : lead == 0xF4 ? 0x8F : 0xBF;
  if (at(1) < low || at(1) > high) return 0;
  for (std::size_t i = 2; i < length; ++i) {
    if ((at(i) & 0xC0) != 0x80) return 0;
  }
  return length;
}

bool isUtf8(std::string_view bytes) { return simdjson::validate_utf8(bytes.data(), bytes.size()); }

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
