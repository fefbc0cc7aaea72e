// SPDX-License-Identifier: Apache-2.0
// What concerns the whole process: admin listener, workers, state, timeouts, limits, audit, reload.
// Thread: main only.
#pragma once

#include "proxy/policy/schema.h"
#include "proxy/policy/snapshot.h"

namespace edgehold {

// Fills everything of `parts.server` but the listeners, and `counter_entries`.
void readServer(ConfigReader& root, SchemaScope& scope, PolicySnapshot::Parts& parts);

// `admin:` must be out of public reach while `security.network.deny_public_admin` is true.
// REQUIRES: parts.server and parts.security are read.
void checkAdmin(ConfigReader& root, PolicySnapshot::Parts& parts);

TimeoutSpec readTimeouts(ConfigReader& root);
LimitSpec readServerLimits(ConfigReader& root);
ReloadSpec readReload(ConfigReader& root);
CidrSet readTrustedProxies(ConfigReader& root);

// `audit:`; retention and fields come from `security.audit`.
void readAudit(ConfigReader& root, SchemaScope& scope, PolicySnapshot::Parts& parts);

// The networks under `key`; mistakes are reported.
std::vector<Cidr> readNetworks(ConfigReader& reader, std::string_view key);

}  // namespace edgehold
