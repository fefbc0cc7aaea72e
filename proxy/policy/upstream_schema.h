// SPDX-License-Identifier: Apache-2.0
// `upstreams:`: where allowed requests go.
// Thread: main only.
#pragma once

#include <string_view>
#include <vector>

#include "proxy/policy/schema.h"
#include "proxy/upstream/upstream_spec.h"

namespace edgehold {

std::vector<UpstreamSpec> readUpstreams(ConfigReader& root, SchemaScope& scope);

// `http://host:port` or `https://...`: no user, path or query, which an upstream has not.
struct UpstreamUrl {
  UpstreamAddress address;
  bool is_tls = false;
};
Result<UpstreamUrl> parseUpstreamUrl(std::string_view text);

}  // namespace edgehold
