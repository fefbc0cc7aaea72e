// SPDX-License-Identifier: Apache-2.0
// The explicit list of filter types, in the order of checks.
// Thread: main only.
#include "filters/registry.h"

#include "filters/filters.h"

namespace edgehold {

void addFilters(FilterRegistry& registry) {
  registry.add(sourceBudgetType());
  registry.add(ipAccessType());
  registry.add(hostGuardType());
  registry.add(methodPathType());
  registry.add(payloadCapType());
  registry.add(mtlsIdentityType());
  registry.add(apiKeyType());
  registry.add(jwtAuthType());
  registry.add(sessionLoginType());
  registry.add(sessionAuthType());
  registry.add(channelType());
  registry.add(replayWindowType());
  registry.add(eventTypesType());
  registry.add(dedupeType());
  registry.add(rateLimitType());
  registry.add(actionClassType());
  registry.add(luaRulesType());
  registry.add(approvalHoldType());
}

}  // namespace edgehold
