// SPDX-License-Identifier: Apache-2.0
// A route takes its parts over; the loader has checked them.
// Thread: any (immutable).
#include "proxy/exchange/route.h"

#include <utility>

namespace edgehold {

Route::Route(Parts parts)
    : name_(std::move(parts.name)),
      match_(std::move(parts.match)),
      upstream_(std::move(parts.upstream)),
      limits_(parts.limits),
      websocket_(parts.websocket),
      chain_(std::move(parts.filters)) {}

}  // namespace edgehold
