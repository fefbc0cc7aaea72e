// SPDX-License-Identifier: Apache-2.0
// The allowlists, and what makes a text look like a token.
// Thread: any (stateless).
#include "proxy/observe/redact.h"

#include <algorithm>
#include <array>

#include "proxy/base/strings.h"

namespace edgehold {
namespace {

constexpr std::array<std::string_view, 26> kShownHeaders = {"accept",
                                                            "accept-encoding",
                                                            "accept-language",
                                                            "cache-control",
                                                            "connection",
                                                            "content-encoding",
                                                            "content-language",
                                                            "content-length",
                                                            "content-type",
                                                            "date",
                                                            "expect",
                                                            "host",
                                                            "if-modified-since",
                                                            "keep-alive",
                                                            "origin",
                                                            "range",
                                                            "retry-after",
                                                            "te",
                                                            "traceparent",
                                                            "transfer-encoding",
                                                            "upgrade",
                                                            "user-agent",
                                                            "vary",
                                                            "via",
                                                            "x-forwarded-proto",
                                                            "x-request-id"};

constexpr std::array<std::string_view, 8> kShownParameters = {"event", "lang", "limit", "offset",
                                                              "page",  "sort", "type",  "version"};

template <std::size_t kSize>
bool contains(const std::array<std::string_view, kSize>& names, std::string_view name) {
  return std::any_of(names.begin(), names.end(),
                     [&](std::string_view known) { return equalsIgnoreCase(known, name); });
}

constexpr std::size_t kTokenRunBytes = 16;

bool isLetter(char c) { return asciiLower(c) >= 'a' && asciiLower(c) <= 'z'; }

// RFC 9562 4: 8-4-4-4-12 hexadecimal digits.
bool isUuid(std::string_view text) {
  if (text.size() != 36) return false;
  for (std::size_t i = 0; i < text.size(); ++i) {
    const bool is_dash = i == 8 || i == 13 || i == 18 || i == 23;
    if (is_dash ? text[i] != '-' : hexValue(text[i]) < 0) return false;
  }
  return true;
}

}  // namespace

bool isHeaderShown(std::string_view name) { return contains(kShownHeaders, name); }

bool isTokenLike(std::string_view text) {
  if (text.size() < kTokenRunBytes || isUuid(text)) return false;
  std::size_t letters = 0;
  std::size_t digits = 0;
  // Base64's own marks belong to the run; separators that people write with do not.
  for (const char c : text) {
    if (isLetter(c)) {
      ++letters;
    } else if (isDigit(c)) {
      ++digits;
    } else if (c != '_' && c != '+' && c != '%' && c != '=') {
      letters = digits = 0;
    }
    if (letters > 0 && digits > 0 && letters + digits >= kTokenRunBytes) return true;
  }
  return false;
}

std::string_view shownPath(std::string_view path, std::string& scratch) {
  if (path.size() < kTokenRunBytes) return path;
  const auto forEachSegment = [&](auto visit) {
    std::size_t begin = 0;
    while (begin < path.size()) {
      const std::size_t slash = std::min(path.find('/', begin), path.size());
      visit(path.substr(begin, slash - begin), slash < path.size());
      begin = slash + 1;
    }
  };
  bool has_token = false;
  forEachSegment([&](std::string_view segment, bool) { has_token |= isTokenLike(segment); });
  if (!has_token) return path;
  scratch.clear();
  forEachSegment([&](std::string_view segment, bool has_slash) {
    scratch.append(isTokenLike(segment) ? kRedacted : segment);
    if (has_slash) scratch.push_back('/');
  });
  return scratch;
}

std::string shownTarget(std::string_view path, std::string_view query) {
  std::string scratch;
  std::string shown(shownPath(path, scratch));
  char separator = '?';
  while (!query.empty()) {
    const std::size_t end = std::min(query.find('&'), query.size());
    const std::string_view parameter = query.substr(0, end);
    query.remove_prefix(std::min(end + 1, query.size()));
    const std::size_t equals = std::min(parameter.find('='), parameter.size());
    const std::string_view name = parameter.substr(0, equals);
    shown.push_back(separator);
    separator = '&';
    shown.append(isTokenLike(name) ? kRedacted : name);
    if (equals == parameter.size()) continue;
    const std::string_view value = parameter.substr(equals + 1);
    const bool is_shown = contains(kShownParameters, name) && !isTokenLike(value);
    shown.append("=").append(is_shown ? value : kRedacted);
  }
  return shown;
}

}  // namespace edgehold
