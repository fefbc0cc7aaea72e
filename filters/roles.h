// SPDX-License-Identifier: Apache-2.0
// Names of principals and what roles they have, as a tag `roles` of the exchange: rules, the audit
// and the upstream see it, and a hold keeps it.
// Thread: any (immutable).
#pragma once

#include <string>
#include <string_view>

#include "proxy/base/config_reader.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

// Letters, digits and `._:@-`, 1 to 64 of them.
bool isPrincipalName(std::string_view name);

// A list of names under `key`, as one text with commas between them.
std::string readRoles(ConfigReader& config, std::string_view key);

// Nothing for an empty list.
void keepRoles(Exchange& exchange, std::string_view roles);

}  // namespace edgehold
