// SPDX-License-Identifier: Apache-2.0
// Hexadecimal of a known length, into room that is there; texts of any length are strings.h's.
// Thread: any (immutable).
#pragma once

#include <span>
#include <string_view>

namespace edgehold {

// True when `text` is exactly the hexadecimal of out.size() bytes, in digits of either case. Else
// `out` holds anything.
bool decodeHexInto(std::string_view text, std::span<char> out);

}  // namespace edgehold
