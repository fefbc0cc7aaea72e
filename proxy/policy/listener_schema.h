// SPDX-License-Identifier: Apache-2.0
// `listen:`: where clients reach us.
// Thread: main only.
#pragma once

#include <vector>

#include "proxy/net/listener_spec.h"
#include "proxy/policy/schema.h"

namespace edgehold {

// One map or a list of them.
std::vector<ListenerSpec> readListeners(ConfigReader& root, SchemaScope& scope,
                                        const CidrSet& trusted_proxies);

}  // namespace edgehold
