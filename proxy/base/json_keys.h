// SPDX-License-Identifier: Apache-2.0
// What simdjson does not check and we must: keys that an object has twice.
// Thread: any (immutable).
#pragma once

#include <cstdint>
#include <cstring>
#include <string_view>
#include <vector>

#include "proxy/base/json.h"
#include "proxy/base/siphash.h"

namespace edgehold {

// The string whose tape word is at `index`: a length of four bytes, then the text.
inline std::string_view tapeString(const JsonTape& tape, std::uint32_t index) {
  const std::uint8_t* const at = tape.strings + (tape.words[index] & 0x00FFFFFFFFFFFFFFu);
  std::uint32_t length = 0;
  std::memcpy(&length, at, sizeof length);
  return {reinterpret_cast<const char*>(at + sizeof length), length};
}

// The index behind the value at `index`: containers name it, numbers take two words.
inline std::uint32_t tapeAfter(const JsonTape& tape, std::uint32_t index) {
  const std::uint64_t word = tape.words[index];
  switch (static_cast<char>(word >> 56)) {
    case '{':
    case '[':
      return static_cast<std::uint32_t>(word);
    case 'l':
    case 'u':
    case 'd':
      return index + 2;
    default:
      return index + 1;
  }
}

// The first trouble with the keys of the whole tape, as a sentence, or null. `seen` is
// scratch; it is left small.
const char* keyTrouble(const JsonTape& tape, SipKey key, std::vector<std::uint64_t>& seen);

}  // namespace edgehold
