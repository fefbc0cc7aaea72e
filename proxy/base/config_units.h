// SPDX-License-Identifier: Apache-2.0
// Times and sizes as operators write them: a whole number and a unit, always both.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstddef>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace edgehold {

// `10ms`, `30s`, `5m`, `2h`, `7d`, at most ten years. The error says what to write instead.
Result<std::chrono::nanoseconds> parseDuration(std::string_view text);

// `512B`, `64KiB`, `2MiB`, `1GiB`. The error says what to write instead.
Result<std::size_t> parseByteCount(std::string_view text);

// In the largest unit that divides it: `64KiB`.
std::string formatByteCount(std::size_t bytes);

}  // namespace edgehold
