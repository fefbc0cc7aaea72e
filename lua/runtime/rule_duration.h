// SPDX-License-Identifier: Apache-2.0
// Durations as rules write them: a count of seconds, or a text with a unit.
// Thread: any (immutable).
#pragma once

#include <chrono>
#include <cstdint>
#include <limits>
#include <optional>
#include <string_view>

#include <lua.h>

#include "proxy/base/strings.h"

namespace edgehold {

// `15m`, `90s`, `2h`, `1d`; nothing for any other text, nor for what no duration is as long as.
inline std::optional<std::int64_t> parseRuleSeconds(std::string_view text) {
  if (text.size() < 2) return std::nullopt;
  std::uint64_t unit = 0;
  switch (text.back()) {
    case 's':
      unit = 1;
      break;
    case 'm':
      unit = 60;
      break;
    case 'h':
      unit = 60 * 60;
      break;
    case 'd':
      unit = 24 * 60 * 60;
      break;
    default:
      return std::nullopt;
  }
  const auto count = parseUnsigned(text.substr(0, text.size() - 1));
  if (!count || *count > std::numeric_limits<std::uint32_t>::max()) return std::nullopt;
  return static_cast<std::int64_t>(*count * unit);
}

// The value at `index` when it is a duration of 1 s to `longest`. Raises nothing.
inline std::optional<std::chrono::seconds> readRuleDuration(lua_State* raw, int index,
                                                            std::chrono::seconds longest) {
  std::optional<std::int64_t> seconds;
  if (lua_isinteger(raw, index) != 0) {
    seconds = lua_tointeger(raw, index);
  } else if (lua_type(raw, index) == LUA_TSTRING) {
    std::size_t length = 0;
    const char* const text = lua_tolstring(raw, index, &length);
    seconds = parseRuleSeconds({text, length});
  }
  if (!seconds || *seconds <= 0 || *seconds > longest.count()) return std::nullopt;
  return std::chrono::seconds(*seconds);
}

}  // namespace edgehold
