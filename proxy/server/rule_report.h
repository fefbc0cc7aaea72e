// SPDX-License-Identifier: Apache-2.0
// What rules have cost and which are in quarantine, for operators and scrapes.
// Thread: main only.
#pragma once

#include <string>
#include <vector>

#include "lua/runtime/rule_watch.h"
#include "proxy/observe/exposition.h"
#include "proxy/observe/metrics.h"
#include "proxy/server/operations.h"

namespace edgehold {

// Rules that were called, and rules in quarantine, by name.
std::vector<RuleReport> reportRules(const MetricsRegistry& metrics, const RuleWatch& watch,
                                    Instant now);
std::vector<std::string> quarantinedRules(const RuleWatch& watch);
// edgehold_rule_quarantined and edgehold_rule_quarantines_total.
void renderQuarantine(const RuleWatch& watch, Exposition& out);

}  // namespace edgehold
