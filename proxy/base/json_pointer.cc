// SPDX-License-Identifier: Apache-2.0
// JSON Pointer (RFC 6901) behind json.h.
// Thread: any (immutable).
#include "proxy/base/json.h"
#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/base/utf8.h"

namespace edgehold {
namespace {

// RFC 6901 3: `~1` is `/`, `~0` is `~`, and no other use of `~` exists.
std::optional<std::string> unescapeToken(std::string_view token) {
  std::string key;
  for (std::size_t i = 0; i < token.size(); ++i) {
    if (token[i] != '~') {
      key += token[i];
      continue;
    }
    if (++i == token.size() || (token[i] != '0' && token[i] != '1')) return std::nullopt;
    key += token[i] == '0' ? '~' : '/';
  }
  return key;
}

// RFC 6901 4: digits without a leading zero.
std::optional<std::size_t> elementIndex(std::string_view token) {
  if (token.size() > 1 && token.front() == '0') return std::nullopt;
  return parseUnsigned(token);
}

}  // namespace

Result<JsonPointer> JsonPointer::compile(std::string_view text) {
  const auto refuse = [text](std::string_view why) {
    return fail("JSON pointer `" + std::string(text) + "`: " + std::string(why));
  };
  if (text.size() > kTextBytesMax) return fail("JSON pointer is too long");
  if (!isUtf8(text)) return fail("JSON pointer is not UTF-8");
  JsonPointer pointer;
  pointer.text_ = text;
  if (text.empty()) return pointer;
  if (text.front() != '/') return refuse("must be empty or begin with `/`");
  for (const std::string_view token : split(text.substr(1), '/')) {
    std::optional<std::string> key = unescapeToken(token);
    if (!key) return refuse("`~` must be followed by `0` or `1`");
    pointer.tokens_.push_back({std::move(*key), elementIndex(token)});
  }
  if (pointer.tokens_.size() > limits::kJsonDepthMax) return refuse("is too deep");
  return pointer;
}

std::optional<JsonValue> JsonPointer::find(JsonValue root) const {
  std::optional<JsonValue> at = root;
  for (const Token& token : tokens_) {
    if (at->kind() == JsonKind::kObject) {
      at = at->member(token.key);
    } else if (token.index) {
      at = at->element(*token.index);
    } else {
      at = std::nullopt;
    }
    if (!at) return std::nullopt;
  }
  return at;
}

}  // namespace edgehold
