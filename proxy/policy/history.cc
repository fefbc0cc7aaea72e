// SPDX-License-Identifier: Apache-2.0
// A bounded list of policy changes.
// Thread: main only.
#include "proxy/policy/history.h"

#include <utility>

#include "proxy/base/limits.h"

namespace edgehold {

void PolicyHistory::add(PolicyChange change) {
  ++(change.errors.empty() ? taken_ : refused_);
  changes_.push_back(std::move(change));
  if (changes_.size() > limits::kPolicyHistoryMax) changes_.pop_front();
}

}  // namespace edgehold
