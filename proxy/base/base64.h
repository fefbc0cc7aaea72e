// SPDX-License-Identifier: Apache-2.0
// Base64 (RFC 4648), canonical only: one text for each byte string. Blanks, missing or surplus
// padding, foreign letters and non-zero bits behind the last byte are refused, so that a signature
// cannot be written in two ways.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>

namespace edgehold {

enum class Base64 : std::uint8_t {
  kStandard,          // `+` `/`, padded (RFC 4648 4)
  kStandardUnpadded,  // `+` `/`, padding refused
  kUrl,               // `-` `_`, padded (RFC 4648 5)
  kUrlUnpadded,       // `-` `_`, padding refused; what JWT uses (RFC 7515 2)
};

// Letters that `bytes` bytes need.
std::size_t base64EncodedSize(std::size_t bytes, Base64 form);
// The most bytes that `letters` letters can stand for.
constexpr std::size_t base64DecodedSizeMax(std::size_t letters) { return letters / 4 * 3 + 2; }

std::string base64Encode(std::string_view bytes, Base64 form);
void appendBase64(std::string& out, std::string_view bytes, Base64 form);

std::optional<std::string> base64Decode(std::string_view text, Base64 form);
// Into `out` without allocating; gives the bytes written. Nothing when `text` is not canonical or
// `out` is too small.
std::optional<std::size_t> base64Decode(std::string_view text, Base64 form, std::span<char> out);

}  // namespace edgehold
