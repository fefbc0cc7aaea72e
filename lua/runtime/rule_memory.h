// SPDX-License-Identifier: Apache-2.0
// What rules remember between requests (`state.take`, `state.once`): rates only, which may be
// forgotten, kept outside of Lua and shared by all workers.
// Thread: any (implementations say how they are synchronised).
#pragma once

#include <cstdint>
#include <string_view>

#include "proxy/base/clock.h"

namespace edgehold {

class RuleMemory {
 public:
  // `tokens` in each `period`; one use takes one.
  struct Rate {
    std::uint64_t tokens = 1;
    Duration period{};
  };
  struct Taken {
    bool is_taken = false;
    std::uint64_t remaining = 0;  // whole tokens left
  };

  virtual ~RuleMemory() = default;
  // Takes one token of `key`, which is `rule`'s own: no other rule can name it. Denies when the key
  // cannot be remembered.
  virtual Taken take(std::string_view rule, std::string_view key, const Rate& rate) = 0;
};

}  // namespace edgehold
