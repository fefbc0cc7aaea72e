// SPDX-License-Identifier: Apache-2.0
// One Lua state with the rules of one set compiled into it.
// Thread: one loop.
#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

#include "lua/runtime/rule_entry.h"
#include "lua/runtime/rule_set.h"
#include "lua/runtime/state.h"

namespace edgehold {

class RuleProgram {
 public:
  struct Rule {
    std::string id;
    // Of its functions, in the registry; LUA_REFNIL where it has none.
    std::array<int, kRuleEntryCount> functions{};
    // By which its calls have made this state grow, garbage included.
    std::int64_t grown_bytes = 0;

    bool has(RuleEntry entry) const { return functions[indexOf(entry)] != LUA_REFNIL; }
  };

  // Loads every source; the errors of all of them are told, a line each (kRuleFailed).
  static Result<std::unique_ptr<RuleProgram>> compile(const std::vector<RuleSource>& sources,
                                                      const Clock& clock);

  // An open sandbox with the rule API and the standard library, and no rules yet.
  explicit RuleProgram(const Clock& clock);

  LuaState& state() { return state_; }
  std::vector<Rule>& rules() { return rules_; }

  // Loads one rule file. Errors: kRuleFailed or kRuleBudgetExceeded, with `file:line`.
  Result<void> add(const RuleSource& source);

 private:
  Result<Rule> read(const RuleSource& source);

  LuaState state_;
  std::vector<Rule> rules_;
};

}  // namespace edgehold
