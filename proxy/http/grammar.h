// SPDX-License-Identifier: Apache-2.0
// The byte classes of HTTP/1 and URIs, as one table, and a fast search for control bytes.
// Thread: any (immutable).
#pragma once

#include <array>
#include <bit>
#include <cstdint>
#include <cstring>
#include <string_view>

#ifdef __SSE2__
#include <emmintrin.h>
#endif

namespace edgehold {

enum ByteClass : std::uint8_t {
  kNameByte = 1,  // field names and methods: narrower than RFC 9110 5.6.2 `token`, see isNameByte()
  kTokenByte = 2,  // RFC 9110 5.6.2
  kPathByte = 4,   // RFC 3986 pchar without '%' and ';'; no '/'
  kQueryByte = 8,  // RFC 3986 query without '%'
  kHostByte = 16,  // registered names as they occur: letters, digits, '-', '_'
};

namespace grammar {

constexpr void mark(std::array<std::uint8_t, 256>& table, std::string_view bytes,
                    unsigned classes) {
  for (const char c : bytes) {
    std::uint8_t& entry = table[static_cast<unsigned char>(c)];
    entry = static_cast<std::uint8_t>(entry | classes);
  }
}

constexpr std::array<std::uint8_t, 256> makeClasses() {
  std::array<std::uint8_t, 256> table{};
  mark(table, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789",
       kNameByte | kTokenByte | kPathByte | kQueryByte | kHostByte);
  mark(table, "-_", kNameByte | kTokenByte | kPathByte | kQueryByte | kHostByte);
  mark(table, ".", kNameByte | kTokenByte | kPathByte | kQueryByte);
  mark(table, "~!$&'*+", kTokenByte | kPathByte | kQueryByte);
  mark(table, "#%^`|", kTokenByte);
  mark(table, "(),=:@", kPathByte | kQueryByte);
  mark(table, ";/?", kQueryByte);
  return table;
}

inline constexpr std::array<std::uint8_t, 256> kClasses = makeClasses();

}  // namespace grammar

constexpr bool isInClass(char c, ByteClass byte_class) {
  return (grammar::kClasses[static_cast<unsigned char>(c)] & byte_class) != 0;
}
// Letters, digits, '-', '_' and '.': every name in use. The rest of `token` occurs only in attacks
// on upstreams that fold odd names into known ones.
constexpr bool isNameByte(char c) { return isInClass(c, kNameByte); }
constexpr bool isTokenByte(char c) { return isInClass(c, kTokenByte); }
// Every method in use (RFC 9110 9.1, RFC 3253, RFC 4918). `get` is a method of its own that some
// upstreams take for GET: a policy that names GET would not see it.
constexpr bool isMethodByte(char c) { return (c >= 'A' && c <= 'Z') || c == '-'; }
constexpr bool isBlank(char c) { return c == ' ' || c == '\t'; }
constexpr bool isControl(char c) {
  const auto byte = static_cast<unsigned char>(c);
  return (byte < 0x20 && byte != '\t') || byte == 0x7f;
}

#ifdef __SSE2__
// Which of 16 bytes are control bytes other than HTAB, one bit for each.
inline unsigned controlBits(__m128i bytes) {
  const __m128i low = _mm_cmpeq_epi8(_mm_min_epu8(bytes, _mm_set1_epi8(0x1f)), bytes);
  const __m128i tab = _mm_cmpeq_epi8(bytes, _mm_set1_epi8('\t'));
  const __m128i del = _mm_cmpeq_epi8(bytes, _mm_set1_epi8(0x7f));
  return static_cast<unsigned>(_mm_movemask_epi8(_mm_or_si128(_mm_andnot_si128(tab, low), del)));
}

// Which of 16 bytes are no name bytes, one bit for each.
inline unsigned nameEndBits(__m128i bytes) {
  const auto isWithin = [](__m128i tested, char first, char last) {
    const __m128i above = _mm_sub_epi8(tested, _mm_set1_epi8(first));
    const __m128i span = _mm_set1_epi8(static_cast<char>(last - first));
    return _mm_cmpeq_epi8(_mm_min_epu8(above, span), above);
  };
  const __m128i letters = isWithin(_mm_or_si128(bytes, _mm_set1_epi8(0x20)), 'a', 'z');
  const __m128i marks =
      _mm_or_si128(isWithin(bytes, '-', '.'), _mm_cmpeq_epi8(bytes, _mm_set1_epi8('_')));
  const __m128i names = _mm_or_si128(_mm_or_si128(letters, isWithin(bytes, '0', '9')), marks);
  return ~static_cast<unsigned>(_mm_movemask_epi8(names)) & 0xffff;
}
#endif

// The first byte that may not stand in a field name, or `end`.
inline const char* findNameEnd(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= 16; at += 16) {
    const auto bits = nameEndBits(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    if (bits != 0) return at + std::countr_zero(bits);
  }
#endif
  while (at < end && isNameByte(*at)) ++at;
  return at;
}

// The first byte that may not stand in a field value (a control byte other than HTAB), or `end`.
inline const char* findControl(const char* at, const char* end) {
#ifdef __SSE2__
  for (; end - at >= 16; at += 16) {
    const auto bits = controlBits(_mm_loadu_si128(reinterpret_cast<const __m128i*>(at)));
    if (bits != 0) return at + std::countr_zero(bits);
  }
  if (end - at >= 8) {
    const auto bits = controlBits(_mm_loadl_epi64(reinterpret_cast<const __m128i*>(at))) & 0xff;
    if (bits != 0) return at + std::countr_zero(bits);
    at += 8;
  }
#endif
  while (at < end && !isControl(*at)) ++at;
  return at;
}

// What the parser would accept: for whoever makes fields out of text that is not ours (rules,
// facts).
bool isFieldName(std::string_view name);
bool isFieldValue(std::string_view value);

}  // namespace edgehold
