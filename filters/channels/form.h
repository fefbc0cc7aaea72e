// SPDX-License-Identifier: Apache-2.0
// Queries and form-encoded bodies (WHATWG URL 5.1), read strictly: what is signed or carries a
// signature comes once, under its plain name.
// Thread: any (immutable).
#pragma once

#include <optional>
#include <string_view>

#include "proxy/base/arena.h"
#include "proxy/base/result.h"

namespace edgehold {

// The value of the parameter `name` as it stands; nothing when there is none. Errors:
// kMalformedRequest when it comes more than once, or is written with escapes (another parser would
// read a second `name` there). Other names are nobody's business, however they are written.
Result<std::optional<std::string_view>> onlyParameter(std::string_view form, std::string_view name);

// The same, decoded once: `+` is a blank. Errors also for a malformed escape, a NUL and bytes that
// are no UTF-8. The result lives in `form` or in the arena.
Result<std::optional<std::string_view>> onlyDecoded(std::string_view form, std::string_view name,
                                                    Arena& arena);

}  // namespace edgehold
