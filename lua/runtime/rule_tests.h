// SPDX-License-Identifier: Apache-2.0
// Runs the *_test.lua files beside the rules of a folder. A test describes a request; it becomes a
// real Exchange and is judged by the real engine, so that tests prove what production does (only
// the wall budget is wider: a busy machine must not fail a test).
// Thread: main only.
#pragma once

#include <cstddef>
#include <string>
#include <vector>

#include "proxy/base/result.h"

namespace edgehold {

struct RuleTestReport {
  std::size_t passed = 0;
  std::size_t failed = 0;
  // TAP (testanything.org): `ok 1 - mass_send: holds …` or `not ok …`, with `# …` remarks.
  std::vector<std::string> lines;
};

// `x_test.lua` tests the rule in `x.lua`. Errors: the folder cannot be read or its rules do not
// load (a line for each mistake). A test file that cannot run or has no case is a failed test.
Result<RuleTestReport> runRuleTests(const std::string& directory);

}  // namespace edgehold
