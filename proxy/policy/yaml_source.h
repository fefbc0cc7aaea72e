// SPDX-License-Identifier: Apache-2.0
// YAML text becomes a tree of ConfigNodes with places. A strict part of YAML 1.2: one document, a
// map at the root, no anchors, aliases or tags, no duplicate keys. The only file that sees
// yaml-cpp. Thread: main only.
#pragma once

#include <optional>
#include <string>
#include <string_view>

#include "proxy/base/config_node.h"
#include "proxy/base/config_reader.h"

namespace edgehold {

// `file` names the text in messages. Nothing when `errors` got at least one. Bounded: longer than
// limits::kConfigBytesMax, deeper than kConfigDepthMax or of more than kConfigNodesMax nodes is a
// mistake like any other.
std::optional<ConfigNode> parseYaml(std::string_view text, std::string file, ConfigErrors& errors);

}  // namespace edgehold
