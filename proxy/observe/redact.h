// SPDX-License-Identifier: Apache-2.0
// The only way a header or a request target gets into a log. What is not known to be harmless is
// not shown: headers by an allowlist, queries without values, path segments that look like tokens
// not at all. Thread: any (stateless).
#pragma once

#include <string>
#include <string_view>

namespace edgehold {

inline constexpr std::string_view kRedacted = "[redacted]";

// Whether the value of this field may be shown. Credentials, cookies, signatures and whatever is
// unknown may not.
bool isHeaderShown(std::string_view name);

// `value` if the field may be shown, else kRedacted.
inline std::string_view shownHeaderValue(std::string_view name, std::string_view value) {
  return isHeaderShown(name) ? value : kRedacted;
}

// Random-looking: sixteen letters and digits in a row, mixed. UUIDs name things and are shown.
// An order number (digits only) or a long word (letters only) is no token.
bool isTokenLike(std::string_view text);

// `path` with every token-like segment replaced. Gives `path` itself when there is none, else a
// view of `scratch`.
std::string_view shownPath(std::string_view path, std::string& scratch);

// The same of a host's labels.
std::string_view shownHost(std::string_view host, std::string& scratch);

// Path and query, for operators who debug: parameter names are kept, values are not, except of the
// few names known to be harmless (and then not when they look like a token).
std::string shownTarget(std::string_view path, std::string_view query);

}  // namespace edgehold
