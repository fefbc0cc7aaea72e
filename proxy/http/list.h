// SPDX-License-Identifier: Apache-2.0
// Comma-separated field values (RFC 9110 5.6.1).
// Thread: any (immutable).
#pragma once

#include <string_view>

#include "proxy/base/strings.h"

namespace edgehold {

// Calls `visit(std::string_view)` with each member, without blanks; empty members are skipped, as a
// recipient must. Knows nothing of quoted strings: for lists of tokens only.
template <class Visit>
void forEachListed(std::string_view value, Visit visit) {
  while (!value.empty()) {
    const std::size_t comma = value.find(',');
    const std::string_view member = trimBlanks(value.substr(0, comma));
    if (!member.empty()) visit(member);
    value = comma == std::string_view::npos ? std::string_view() : value.substr(comma + 1);
  }
}

}  // namespace edgehold
