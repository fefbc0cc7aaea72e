// SPDX-License-Identifier: Apache-2.0
// `routes:` and `defaults:`: what is matched, checked and forwarded.
// Thread: main only.
#pragma once

#include <memory>
#include <vector>

#include "proxy/exchange/route.h"
#include "proxy/policy/schema.h"
#include "proxy/policy/security_schema.h"
#include "proxy/upstream/upstream_spec.h"

namespace edgehold {

std::vector<std::unique_ptr<const Route>> readRoutes(ConfigReader& root, SchemaScope& scope,
                                                     SecretSource& secrets,
                                                     const SecurityBlock& security,
                                                     const std::vector<UpstreamSpec>& upstreams);

}  // namespace edgehold
