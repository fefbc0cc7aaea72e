// SPDX-License-Identifier: Apache-2.0
// The search for duplicate keys: pairwise in small objects, by a keyed hash in large ones, so that
// no choice of keys makes it slower than linear.
// Thread: any (immutable).
#include "proxy/base/json_keys.h"

#include <array>
#include <bit>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::size_t kPairwiseMax = 16;
constexpr std::size_t kScratchKept = 8 * 1024;

// Equal for keys that are equal but for case; seldom equal for others.
std::uint64_t signatureOf(const JsonTape& tape, std::uint32_t index) {
  constexpr std::uint64_t kCaseBits = 0x2020202020202020u;
  const std::string_view key = tapeString(tape, index);
  std::uint64_t head = 0;
  // The string buffer is padded: a word can be read wherever a string begins.
  std::memcpy(&head, key.data(), sizeof head);
  const std::uint64_t mask = key.size() < 8 ? (1ull << (8 * key.size())) - 1 : ~0ull;
  return ((head | kCaseBits) & mask) + (key.size() << 56);
}

std::uint64_t sipLower(SipKey key, std::string_view text) {
  SipState state(key, SipWidth::k64);
  std::size_t at = 0;
  for (; at + 8 <= text.size(); at += 8) {
    state.absorb(lowerWord(SipState::loadWord(text.data() + at, 8)));
  }
  const std::uint64_t rest = lowerWord(SipState::loadWord(text.data() + at, text.size() - at));
  state.absorb(SipState::finalWord(rest, text.size()));
  return state.finish64();
}

bool hasTwinPairwise(const JsonTape& tape, std::uint32_t begin, std::uint32_t end) {
  std::array<std::uint64_t, kPairwiseMax> signatures;
  std::array<std::uint32_t, kPairwiseMax> keys;
  std::size_t count = 0;
  for (std::uint32_t at = begin; at != end; at = tapeAfter(tape, at + 1)) {
    const std::uint64_t signature = signatureOf(tape, at);
    for (std::size_t i = 0; i < count; ++i) {
      if (signatures[i] != signature) continue;
      if (equalsIgnoreCase(tapeString(tape, keys[i]), tapeString(tape, at))) return true;
    }
    signatures[count] = signature;
    keys[count++] = at;
  }
  return false;
}

// Each slot holds the high half of a hash and the tape index of its key; 0 is free, as no key
// stands at index 0.
bool hasTwinHashed(const JsonTape& tape, std::uint32_t begin, std::uint32_t end, SipKey sip_key,
                   std::vector<std::uint64_t>& slots) {
  std::size_t count = 0;
  for (std::uint32_t at = begin; at != end; at = tapeAfter(tape, at + 1)) ++count;
  const std::size_t mask = std::bit_ceil(count * 2) - 1;
  slots.assign(mask + 1, 0);
  for (std::uint32_t at = begin; at != end; at = tapeAfter(tape, at + 1)) {
    const std::string_view key = tapeString(tape, at);
    const std::uint64_t hash = sipLower(sip_key, key);
    const std::uint64_t entry = (hash & 0xFFFFFFFF00000000u) | at;
    std::size_t slot = hash & mask;
    for (; slots[slot] != 0; slot = (slot + 1) & mask) {
      const bool is_likely = (slots[slot] >> 32) == (entry >> 32);
      const auto other = static_cast<std::uint32_t>(slots[slot]);
      if (is_likely && equalsIgnoreCase(tapeString(tape, other), key)) return true;
    }
    slots[slot] = entry;
  }
  return false;
}

bool hasTwin(const JsonTape& tape, std::uint32_t index, SipKey key,
             std::vector<std::uint64_t>& seen) {
  const std::uint32_t end = tapeAfter(tape, index) - 1;
  // simdjson's count saturates far past kPairwiseMax.
  const std::size_t count = (tape.words[index] >> 32) & 0xFFFFFF;
  if (count <= 1) return false;
  if (count <= kPairwiseMax) return hasTwinPairwise(tape, index + 1, end);
  return hasTwinHashed(tape, index + 1, end, key, seen);
}

}  // namespace

const char* keyTrouble(const JsonTape& tape, SipKey key, std::vector<std::uint64_t>& seen) {
  const char* trouble = nullptr;
  // Word 0 names the word behind the closing root.
  const auto end = static_cast<std::uint32_t>(tape.words[0]) - 1;
  for (std::uint32_t at = 1; at < end && trouble == nullptr;) {
    const char type = static_cast<char>(tape.words[at] >> 56);
    if (type == '{' && hasTwin(tape, at, key, seen)) {
      trouble = "an object has two keys that are equal but for case";
    }
    at += type == 'l' || type == 'u' || type == 'd' ? 2 : 1;
  }
  if (seen.capacity() > kScratchKept) std::vector<std::uint64_t>().swap(seen);
  return trouble;
}

}  // namespace edgehold
