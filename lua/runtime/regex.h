// SPDX-License-Identifier: Apache-2.0
// Regular expressions (RE2 syntax) for rules, compiled once per Lua state. RE2 never backtracks:
// the time is bounded by the length of the text times the size of the compiled pattern, and that
// product is what a match is charged for.
// Thread: one loop (owned by a LuaState).
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <string>
#include <string_view>

#include "proxy/base/result.h"

namespace re2 {
class RE2;
}

namespace edgehold {

class Regex {
 public:
  static constexpr std::size_t kGroupsMax = 16;
  struct Match {
    std::size_t groups = 0;  // without the whole match, which is texts[0]
    std::array<std::string_view, kGroupsMax + 1> texts;  // parts of the text; empty: took no part
  };

  ~Regex();

  // At most so many steps of some nanoseconds each.
  std::uint64_t stepsFor(std::string_view text) const;
  // Finds the first match anywhere in `text`, which is UTF-8.
  bool match(std::string_view text, Match& found) const;

 private:
  friend class RegexCache;
  explicit Regex(std::unique_ptr<re2::RE2> compiled);

  const std::unique_ptr<re2::RE2> compiled_;
};

class RegexCache {
 public:
  // Null when `pattern` has not been compiled.
  const Regex* find(std::string_view pattern) const;
  // Errors: what is wrong with the pattern, or that there are too many.
  Result<const Regex*> compile(std::string_view pattern);

 private:
  std::map<std::string, std::unique_ptr<const Regex>, std::less<>> compiled_;
};

}  // namespace edgehold
