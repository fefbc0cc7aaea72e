// SPDX-License-Identifier: Apache-2.0
// Every filter type there is, one factory each; each is defined in the file of its name.
// Thread: any (immutable).
#pragma once

#include "proxy/exchange/filter_registry.h"

namespace edgehold {

FilterType sourceBudgetType();  // rate_limit.cc: the same, before everything else
FilterType ipAccessType();
FilterType hostGuardType();
FilterType methodPathType();
FilterType payloadCapType();
FilterType mtlsIdentityType();
FilterType apiKeyType();
FilterType jwtAuthType();
FilterType sessionLoginType();
FilterType sessionAuthType();
FilterType channelType();
FilterType replayWindowType();
FilterType eventTypesType();
FilterType dedupeType();
FilterType rateLimitType();
FilterType actionClassType();
FilterType luaRulesType();
FilterType approvalHoldType();

}  // namespace edgehold
