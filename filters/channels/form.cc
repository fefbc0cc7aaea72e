// SPDX-License-Identifier: Apache-2.0
// One pass over the pairs of a form.
// Thread: any (immutable).
#include "filters/channels/form.h"

#include <algorithm>
#include <string>

#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

// Whether `key` is written with escapes and is `name` without them. Malformed ones stand for
// themselves (WHATWG URL 5.1).
bool isEscaped(std::string_view key, std::string_view name) {
  if (key.find_first_of("%+") == std::string_view::npos) return false;
  std::size_t size = 0;  // how much of `name` has been met
  for (std::size_t i = 0; i < key.size(); ++i, ++size) {
    char c = key[i] == '+' ? ' ' : key[i];
    const bool has_digits = c == '%' && i + 2 < key.size();
    const int high = has_digits ? hexValue(key[i + 1]) : -1;
    const int low = has_digits ? hexValue(key[i + 2]) : -1;
    if (high >= 0 && low >= 0) {
      c = static_cast<char>(high << 4 | low);
      i += 2;
    }
    if (size >= name.size() || name[size] != c) return false;
  }
  return size == name.size();
}

Result<std::string_view> decode(std::string_view text, std::string_view name, Arena& arena) {
  if (text.find_first_of("%+") == std::string_view::npos) return text;
  char* const decoded = arena.allocate(text.size());
  std::size_t size = 0;
  for (std::size_t i = 0; i < text.size(); ++i) {
    if (text[i] != '%') {
      decoded[size++] = text[i] == '+' ? ' ' : text[i];
      continue;
    }
    const int high = i + 2 < text.size() ? hexValue(text[i + 1]) : -1;
    const int low = i + 2 < text.size() ? hexValue(text[i + 2]) : -1;
    if (high < 0 || low < 0) {
      return fail(Reason::kMalformedRequest, "`" + std::string(name) + "`: malformed escape");
    }
    decoded[size++] = static_cast<char>(high << 4 | low);
    i += 2;
  }
  return std::string_view(decoded, size);
}

}  // namespace

Result<std::optional<std::string_view>> onlyParameter(std::string_view form,
                                                      std::string_view name) {
  std::optional<std::string_view> found;
  while (!form.empty()) {
    const std::string_view pair = form.substr(0, form.find('&'));
    form.remove_prefix(std::min(form.size(), pair.size() + 1));
    const std::size_t equals_sign = pair.find('=');
    const std::string_view key = pair.substr(0, equals_sign);
    if (isEscaped(key, name)) {
      return fail(Reason::kMalformedRequest, "`" + std::string(name) + "` is written with escapes");
    }
    if (key != name) continue;
    if (found) {
      return fail(Reason::kMalformedRequest, "`" + std::string(name) + "` comes more than once");
    }
    found =
        equals_sign == std::string_view::npos ? std::string_view() : pair.substr(equals_sign + 1);
  }
  return found;
}

Result<std::optional<std::string_view>> onlyDecoded(std::string_view form, std::string_view name,
                                                    Arena& arena) {
  TRY_ASSIGN(const auto raw, onlyParameter(form, name));
  if (!raw) return std::optional<std::string_view>();
  TRY_ASSIGN(const std::string_view text, decode(*raw, name, arena));
  if (text.find('\0') != std::string_view::npos || !isUtf8(text)) {
    return fail(Reason::kMalformedRequest, "`" + std::string(name) + "` is no text");
  }
  return std::optional(text);
}

}  // namespace edgehold
