// SPDX-License-Identifier: Apache-2.0
// SipHash-2-4 (Aumasson, Bernstein), 64 and 128 bits: a keyed hash that whoever does not know the
// key cannot make collide. For tables whose keys peers choose; not a MAC that leaves the process.
// Thread: any (immutable).
#pragma once

#include <bit>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <string_view>

namespace edgehold {

static_assert(std::endian::native == std::endian::little, "words are read as SipHash numbers them");

struct SipKey {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
};

struct SipHash128 {
  std::uint64_t low = 0;
  std::uint64_t high = 0;
  bool operator==(const SipHash128&) const = default;
};

enum class SipWidth : std::uint8_t { k64, k128 };

// The state between words. Callers feed whole words and close with finalWord().
class SipState {
 public:
  SipState(SipKey key, SipWidth width)
      : v0_(0x736f6d6570736575u ^ key.low),
        v1_(0x646f72616e646f6du ^ key.high ^ (width == SipWidth::k128 ? 0xEEu : 0u)),
        v2_(0x6c7967656e657261u ^ key.low),
        v3_(0x7465646279746573u ^ key.high) {}

  void absorb(std::uint64_t word) {
    v3_ ^= word;
    round();
    round();
    v0_ ^= word;
  }
  std::uint64_t finish64() {
    v2_ ^= 0xFF;
    return finalRounds();
  }
  SipHash128 finish128() {
    v2_ ^= 0xEE;
    const std::uint64_t low = finalRounds();
    v1_ ^= 0xDD;
    return {low, finalRounds()};
  }

  // Up to eight bytes as the low end of a word. By overlapping loads: a memcpy() of a length that
  // is not constant is a call.
  static std::uint64_t loadWord(const char* bytes, std::size_t count) {
    if (count == 8) return load<std::uint64_t>(bytes);
    if (count >= 4) {
      const std::uint64_t high = load<std::uint32_t>(bytes + count - 4);
      return load<std::uint32_t>(bytes) | high << (8 * (count - 4));
    }
    if (count == 0) return 0;
    const std::uint64_t middle = load<std::uint8_t>(bytes + count / 2);
    const std::uint64_t last = load<std::uint8_t>(bytes + count - 1);
    return load<std::uint8_t>(bytes) | middle << (8 * (count / 2)) | last << (8 * (count - 1));
  }
  // What ends a message of `bytes` bytes: its last (bytes mod 8) ones and its length.
  static std::uint64_t finalWord(std::uint64_t rest, std::size_t bytes) {
    return rest | (static_cast<std::uint64_t>(bytes) << 56);
  }

 private:
  template <class Word>
  static Word load(const char* bytes) {
    Word word;
    std::memcpy(&word, bytes, sizeof word);
    return word;
  }
  std::uint64_t finalRounds() {
    for (int i = 0; i < 4; ++i) round();
    return v0_ ^ v1_ ^ v2_ ^ v3_;
  }
  void round() {
    v0_ += v1_;
    v1_ = std::rotl(v1_, 13) ^ v0_;
    v0_ = std::rotl(v0_, 32);
    v2_ += v3_;
    v3_ = std::rotl(v3_, 16) ^ v2_;
    v0_ += v3_;
    v3_ = std::rotl(v3_, 21) ^ v0_;
    v2_ += v1_;
    v1_ = std::rotl(v1_, 17) ^ v2_;
    v2_ = std::rotl(v2_, 32);
  }

  std::uint64_t v0_, v1_, v2_, v3_;
};

namespace siphash_internal {
inline void absorbAll(SipState& state, std::string_view message) {
  const std::size_t rest = message.size() % 8;
  const char* const whole_end = message.data() + (message.size() - rest);
  for (const char* at = message.data(); at != whole_end; at += 8) {
    state.absorb(SipState::loadWord(at, 8));
  }
  state.absorb(SipState::finalWord(SipState::loadWord(whole_end, rest), message.size()));
}
}  // namespace siphash_internal

inline std::uint64_t sipHash64(SipKey key, std::string_view message) {
  SipState state(key, SipWidth::k64);
  siphash_internal::absorbAll(state, message);
  return state.finish64();
}

inline SipHash128 sipHash128(SipKey key, std::string_view message) {
  SipState state(key, SipWidth::k128);
  siphash_internal::absorbAll(state, message);
  return state.finish128();
}

}  // namespace edgehold
