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

// `text` with every token-like piece between separators replaced: itself, or a view of `scratch`.
std::string_view withoutTokens(std::string_view text, char separator, std::string& scratch) {
  if (text.size() < kTokenRunBytes) return text;
  const auto forEachPiece = [&](auto visit) {
    std::size_t begin = 0;
    while (begin < text.size()) {
      const std::size_t end = std::min(text.find(separator, begin), text.size());
      visit(text.substr(begin, end - begin), end < text.size());
      begin = end + 1;
    }
  };
  bool has_token = false;
  forEachPiece([&](std::string_view piece, bool) { has_token |= isTokenLike(piece); });
  if (!has_token) return text;
  scratch.clear();
  forEachPiece([&](std::string_view piece, bool is_followed) {
    scratch.append(isTokenLike(piece) ? kRedacted : piece);
    if (is_followed) scratch.push_back(separator);
  });
  return scratch;
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
  return withoutTokens(path, '/', scratch);
}

std::string_view shownHost(std::string_view host, std::string& scratch) {
  return withoutTokens(host, '.', scratch);
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
