// SPDX-License-Identifier: Apache-2.0
// The strict target grammar behind target.h.
// Thread: any (immutable).
#include "proxy/http/target.h"

#include <array>
#include <optional>
#include <utility>

#include <arpa/inet.h>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"
#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

tl::unexpected<Error> notCanonical(const char* why) {
  return fail(Reason::kTargetNotCanonical, std::string("target: ") + why);
}

// RFC 3986 3.3: a segment may have parameters behind `;`. Many servers drop them before they look
// for the resource, some after decoding, and others take them for the name: `/admin;x` is
// `/admin` to the first, and would have passed as something else.
tl::unexpected<Error> parameter() { return notCanonical("parameter of a path segment"); }

// The byte that `text` escapes at its start ("%41"), or nothing.
std::optional<unsigned char> escapedByte(std::string_view text) {
  if (text.size() < 3 || text[0] != '%') return std::nullopt;
  const int high = hexValue(text[1]);
  const int low = hexValue(text[2]);
  if (high < 0 || low < 0) return std::nullopt;
  return static_cast<unsigned char>(high * 16 + low);
}

std::size_t sequenceBytes(unsigned char lead) {
  if (lead >= 0xf0) return 4;
  return lead >= 0xe0 ? 3 : 2;
}

// The length of the run of escapes at the start of `text` that spells one non-ASCII character, or
// nothing if it is not well-formed UTF-8 (over-long forms are how `/` is smuggled).
std::optional<std::size_t> escapedCharacter(std::string_view text, unsigned char lead) {
  std::array<char, 4> bytes{static_cast<char>(lead)};
  const std::size_t count = sequenceBytes(lead);
  for (std::size_t i = 1; i < count; ++i) {
    const auto byte = text.size() > 3 * i ? escapedByte(text.substr(3 * i)) : std::nullopt;
    if (!byte) return std::nullopt;
    bytes[i] = static_cast<char>(*byte);
  }
  if (!isUtf8({bytes.data(), count})) return std::nullopt;
  return 3 * count;
}

bool hasLowerCaseHex(std::string_view escape) {
  return (escape[1] >= 'a' && escape[1] <= 'f') || (escape[2] >= 'a' && escape[2] <= 'f');
}

bool isUnreserved(unsigned char byte) {
  return byte < 0x80 && (byte == '~' || isInClass(static_cast<char>(byte), kNameByte));
}

// `%25` followed by what a second decoding would turn into a separator, dot or NUL.
bool isDoublyEscaped(std::string_view after_percent) {
  for (const std::string_view risky : {"2e", "2f", "3b", "5c", "00", "25"}) {
    if (equalsIgnoreCase(after_percent.substr(0, 2), risky)) return true;
  }
  return false;
}

// The length of the escape (or run of escapes) at the start of `text` in a path.
Result<std::size_t> pathEscape(std::string_view text) {
  const auto byte = escapedByte(text);
  if (!byte) return notCanonical("malformed percent escape");
  if (isUnreserved(*byte)) return notCanonical("escaped byte that needs no escape");
  if (*byte == '/' || *byte == '\\') return notCanonical("escaped separator");
  if (*byte == ';') return parameter();
  if (*byte < 0x20 || *byte == 0x7f) return notCanonical("escaped control byte");
  if (*byte == '%' && isDoublyEscaped(text.substr(3))) return notCanonical("doubly escaped byte");
  const auto length = *byte < 0x80 ? std::size_t{3} : escapedCharacter(text, *byte);
  if (!length) return notCanonical("escapes are not UTF-8");
  for (std::size_t i = 0; i < *length; i += 3) {  // RFC 3986 6.2.2.1: upper case is the normal form
    if (hasLowerCaseHex(text.substr(i, 3))) return notCanonical("lower-case hexadecimal in escape");
  }
  return *length;
}

Result<std::size_t> queryEscape(std::string_view text) {
  const auto byte = escapedByte(text);
  if (!byte) return notCanonical("malformed percent escape");
  if (*byte == 0) return notCanonical("escaped NUL");
  const auto length = *byte < 0x80 ? std::size_t{3} : escapedCharacter(text, *byte);
  if (!length) return notCanonical("escapes are not UTF-8");
  return *length;
}

// `rest` follows a '/'. Segments "", "." and ".." are other spellings of another path; so are dots
// with an escape behind them, which may become a blank that another server trims (`/..%20/`).
Result<void> checkSegment(std::string_view rest) {
  if (rest.empty()) return {};
  if (rest[0] == '/') return notCanonical("empty segment");
  if (rest[0] != '.') return {};
  rest.remove_prefix(rest.size() > 1 && rest[1] == '.' ? 2 : 1);
  if (rest.empty() || std::string_view("/?%").find(rest[0]) != std::string_view::npos) {
    return notCanonical("dot segment");
  }
  return {};
}

// The length of the path at the start of `text`: up to '?' or the end. REQUIRES: starts with '/'.
Result<std::size_t> scanPath(std::string_view text) {
  std::size_t at = 0;
  while (at < text.size()) {
    const char c = text[at];
    if (isInClass(c, kPathByte)) {
      ++at;
    } else if (c == '/') {
      ++at;
      TRY(checkSegment(text.substr(at)));
    } else if (c == '%') {
      TRY_ASSIGN(const std::size_t length, pathEscape(text.substr(at)));
      at += length;
    } else if (c == '?') {
      break;
    } else if (c == ';') {
      return parameter();
    } else {
      return notCanonical("byte that may not stand in a path");
    }
  }
  return at;
}

Result<void> checkQuery(std::string_view query) {
  std::size_t at = 0;
  while (at < query.size()) {
    if (isInClass(query[at], kQueryByte)) {
      ++at;
    } else if (query[at] == '%') {
      TRY_ASSIGN(const std::size_t length, queryEscape(query.substr(at)));
      at += length;
    } else {
      return notCanonical("byte that may not stand in a query");
    }
  }
  return {};
}

Result<Target> parseOrigin(std::string_view text) {
  if (text.empty() || text[0] != '/') return notCanonical("path does not start with `/`");
  TRY_ASSIGN(const std::size_t path_bytes, scanPath(text));
  Target target{.text = text, .path = text.substr(0, path_bytes), .query = {}, .has_query = false};
  if (path_bytes < text.size()) {
    target.query = text.substr(path_bytes + 1);
    target.has_query = true;
    TRY(checkQuery(target.query));
  }
  return target;
}

// The part after "http://" or "https://", or nothing.
std::optional<std::string_view> afterScheme(std::string_view text) {
  for (const std::string_view scheme : {"http://", "https://"}) {
    if (equalsIgnoreCase(text.substr(0, scheme.size()), scheme)) return text.substr(scheme.size());
  }
  return std::nullopt;
}

bool isValidIpv6(std::string_view address) {
  std::array<char, INET6_ADDRSTRLEN> text{};
  // inet_pton() stops at a NUL.
  if (address.size() >= text.size() || address.find('\0') != std::string_view::npos) return false;
  address.copy(text.data(), address.size());
  in6_addr ignored;
  return inet_pton(AF_INET6, text.data(), &ignored) == 1;
}

bool isValidName(std::string_view name) {
  constexpr std::size_t kNameBytesMax = 253;  // RFC 1035 2.3.4, as text
  if (name.empty() || name.size() > kNameBytesMax) return false;
  char previous = '.';
  for (const char c : name) {
    if (!isInClass(c, kHostByte) && (c != '.' || previous == '.')) return false;
    previous = c;
  }
  return previous != '.';
}

bool isValidPort(std::string_view port) {
  if (port.empty() || port.size() > 5 || port[0] == '0') return false;
  const auto number = parseUnsigned(port);
  return number && *number <= 65535;
}

}  // namespace

Result<RequestTarget> parseTarget(std::string_view text, Method method) {
  if (text.size() > limits::kTargetBytesMax) {
    return fail(Reason::kTargetTooLong, "target: too long");
  }
  if (method == Method::kConnect) {
    return fail(Reason::kMethodNotAllowed, "target: this is not a forward proxy");
  }
  RequestTarget result;
  if (text == "*") {
    if (method != Method::kOptions) return notCanonical("`*` is for OPTIONS");
    result.target = {.text = text, .path = text, .query = {}, .has_query = false};
    return result;
  }
  if (const auto rest = text.starts_with('/') ? std::nullopt : afterScheme(text)) {
    const std::size_t authority_bytes = rest->find_first_of("/?#");
    result.authority = rest->substr(0, authority_bytes);
    if (!isValidAuthority(result.authority)) return notCanonical("malformed authority");
    text = rest->substr(result.authority.size());
  }
  TRY_ASSIGN(result.target, parseOrigin(text));
  return result;
}

bool isValidAuthority(std::string_view authority) {
  std::string_view host = authority;
  if (authority.starts_with('[')) {
    const std::size_t bracket = authority.find(']');
    if (bracket == std::string_view::npos) return false;
    host = authority.substr(0, bracket + 1);
    if (!isValidIpv6(authority.substr(1, bracket - 1))) return false;
  } else {
    host = authority.substr(0, authority.find(':'));
    if (!isValidName(host)) return false;
  }
  const std::string_view rest = authority.substr(host.size());
  return rest.empty() || (rest[0] == ':' && isValidPort(rest.substr(1)));
}

bool isSameAuthority(std::string_view a, std::string_view b) { return equalsIgnoreCase(a, b); }

}  // namespace edgehold
