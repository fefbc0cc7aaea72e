// SPDX-License-Identifier: Apache-2.0
// Request targets (RFC 9112 3.2) and authorities (RFC 3986 3.2): one spelling each, or refused.
// A filter compares paths as text; that is sound only if no second spelling reaches the upstream.
// Thread: any (immutable).
#pragma once

#include <string_view>

#include "proxy/base/result.h"
#include "proxy/http/message.h"

namespace edgehold {

struct RequestTarget {
  Target target;
  // Of an absolute-form target; empty otherwise. The caller compares it with Host (RFC 9112 3.2.2).
  std::string_view authority;
};

// Views into `text`. Fails with kTargetTooLong, kTargetNotCanonical, kMethodNotAllowed (CONNECT).
Result<RequestTarget> parseTarget(std::string_view text, Method method);

// host [":" port] as RFC 9110 7.2 has it, and narrower: no user, no empty label or port, no
// trailing dot, no escapes; IPv6 in brackets and well-formed.
bool isValidAuthority(std::string_view authority);

// Equal but for case (RFC 3986 6.2.2.1). A default port is not the same as none.
bool isSameAuthority(std::string_view a, std::string_view b);

}  // namespace edgehold
