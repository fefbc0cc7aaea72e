// SPDX-License-Identifier: Apache-2.0
// The compiled policy takes its parts over.
// Thread: any (immutable).
#include "proxy/policy/snapshot.h"

#include <algorithm>
#include <utility>

namespace edgehold {

PolicySnapshot::PolicySnapshot(Parts parts)
    : parts_(std::move(parts)),
      router_(parts_.routes),
      opens_websockets_(
          std::any_of(parts_.routes.begin(), parts_.routes.end(),
                      [](const auto& route) { return route->websocket().has_value(); })) {}

}  // namespace edgehold
