// SPDX-License-Identifier: Apache-2.0
// Finds the route of a request: exact host before wildcard before any; then the longest path.
// Thread: any (immutable).
#pragma once

#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/exchange/route.h"

namespace edgehold {

class Router {
 public:
  // REQUIRES: the routes outlive the router.
  explicit Router(const std::vector<std::unique_ptr<const Route>>& routes);

  // `authority` as sent (a port is ignored), `path` canonical. Null when nothing matches, and when
  // the path is that of a more specific route but for its case or a final slash: to many agents it
  // is the same, so it must not pass by another route.
  const Route* match(std::string_view authority, std::string_view path) const;

 private:
  struct Entry {
    std::string host;  // lower case; `.suffix` for a wildcard; empty for any
    const Route* route;
  };
  std::vector<Entry> entries_;  // most specific first
};

}  // namespace edgehold
