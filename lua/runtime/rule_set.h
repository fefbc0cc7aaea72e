// SPDX-License-Identifier: Apache-2.0
// The rules of one folder as text that was proved to load: immutable, shared by all workers, which
// each compile it into a state of their own.
// Thread: any (immutable).
#pragma once

#include <array>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "lua/runtime/rule_budgets.h"
#include "lua/runtime/rule_entry.h"
#include "proxy/base/result.h"

namespace edgehold {

struct RuleSource {
  std::string file;  // as messages name it: `rules/mass_send.lua`
  std::string text;
};

class RuleSet {
 public:
  // True for `x.lua`, false for `x_test.lua` and other files.
  static bool isRuleFile(std::string_view name);

  // All rule files of a folder, by name. Errors: one line for each mistake, `file:line: why`.
  static Result<std::shared_ptr<const RuleSet>> load(const std::string& directory,
                                                     const RuleBudgets& budgets = {});
  // The same from memory, in the given order.
  static Result<std::shared_ptr<const RuleSet>> fromSources(std::vector<RuleSource> sources,
                                                            const RuleBudgets& budgets = {},
                                                            const RuleQuarantine& quarantine = {});

  const std::vector<RuleSource>& sources() const { return sources_; }
  // Of each source, in order.
  const std::vector<std::string>& ids() const { return ids_; }
  // Of each rule: what tells it from every other one, and from itself before a change.
  const std::vector<std::string>& identities() const { return identities_; }
  // Some rule is to be asked this.
  bool asks(RuleEntry entry) const { return asks_[indexOf(entry)]; }
  const RuleBudgets& budgets() const { return budgets_; }
  const RuleQuarantine& quarantine() const { return quarantine_; }
  // SHA-256 over names and texts, in lower-case hexadecimal.
  const std::string& hash() const { return hash_; }

 private:
  RuleSet() = default;

  std::vector<RuleSource> sources_;
  std::vector<std::string> ids_;
  std::vector<std::string> identities_;
  std::array<bool, kRuleEntryCount> asks_{};
  RuleBudgets budgets_;
  RuleQuarantine quarantine_;
  std::string hash_;
};

// The files of `directory` for which `wanted` is true, sorted by name, within the limits of rule
// files. `file` of each is `<last part of directory>/<name>`.
Result<std::vector<RuleSource>> readRuleFiles(const std::string& directory,
                                              bool (*wanted)(std::string_view name));

}  // namespace edgehold
