// SPDX-License-Identifier: Apache-2.0
// The difference of two texts, for people: a unified diff (POSIX diff -u) with three lines around.
// Thread: any (values).
#pragma once

#include <string>
#include <string_view>

namespace edgehold {

struct DiffSide {
  std::string_view name;
  std::string_view text;
};

// Empty when the texts are the same. Bounded: past limits::kDiffEditsMax changed lines what differs
// is shown as removed and added whole, past limits::kDiffLinesMax lines it is only said.
std::string unifiedDiff(const DiffSide& was, const DiffSide& is);

}  // namespace edgehold
