// SPDX-License-Identifier: Apache-2.0
// Whether one policy is weaker than another: what it lets pass, keeps to itself or forgets that the
// other did not. What it cannot compare (the content of rules, rates, sizes, windows, times) is
// tuning and no downgrade.
// Thread: main only.
#pragma once

#include <string>
#include <vector>

#include "proxy/policy/snapshot.h"

namespace edgehold {

// Every way in which `next` is weaker than `running`, one sentence each that begins with the path
// of the line; empty when there is none. At most limits::kPolicyWeakerMax and one that counts the
// rest.
std::vector<std::string> findWeaker(const PolicySnapshot& running, const PolicySnapshot& next);

}  // namespace edgehold
