// SPDX-License-Identifier: Apache-2.0
// What dialects read of heads: fields that come once, in one strict form.
// Thread: any (immutable).
#pragma once

#include <cstddef>
#include <span>
#include <string>
#include <string_view>

#include "filters/field_name.h"
#include "proxy/base/base64.h"
#include "proxy/base/hex.h"
#include "proxy/base/result.h"
#include "proxy/base/strings.h"
#include "proxy/exchange/exchange.h"

namespace edgehold {

// The only field of that name. Errors: `missing` when there is none, `repeated` when there are two.
inline Result<std::string_view> singleField(const Exchange& exchange, const FieldName& name,
                                            Reason missing, Reason repeated) {
  const FieldName::Found found = name.find(exchange.request.headers);
  if (found.count == 0) return fail(missing, "no `" + name.text() + "`");
  if (found.count > 1) return fail(repeated, "`" + name.text() + "` comes more than once");
  return found.value;
}

// A signature's field: kSignatureMissing, kSignatureInvalid.
inline Result<std::string_view> signatureField(const Exchange& exchange, const FieldName& name) {
  return singleField(exchange, name, Reason::kSignatureMissing, Reason::kSignatureInvalid);
}

// True when `text` is exactly the canonical base64 of out.size() bytes.
inline bool decodeBase64Into(std::string_view text, Base64 form, std::span<char> out) {
  const auto decoded = base64Decode(text, form, out);
  return decoded && *decoded == out.size();
}

// Exactly `digits` decimal digits that do not begin with a zero: 10 for seconds, 13 for
// milliseconds. (Fewer would be a time before 2001.)
inline bool isEpochTime(std::string_view text, std::size_t digits) {
  return text.size() == digits && text.front() != '0' &&
         text.find_first_not_of("0123456789") == std::string_view::npos;
}

// The time's field: kTimestampMissing unless it comes once and isEpochTime() of so many digits.
inline Result<std::string_view> timestampField(const Exchange& exchange, const FieldName& name,
                                               std::size_t digits) {
  TRY_ASSIGN(const std::string_view text,
             singleField(exchange, name, Reason::kTimestampMissing, Reason::kTimestampMissing));
  if (isEpochTime(text, digits)) return text;
  return fail(Reason::kTimestampMissing,
              "`" + name.text() + "` is not " + std::to_string(digits) + " digits");
}

// `[A-Za-z0-9]` and what `more` holds, 1 to `most` of them.
inline bool isPlainWord(std::string_view text, std::size_t most, std::string_view more = {}) {
  if (text.empty() || text.size() > most) return false;
  for (const char c : text) {
    const char lower = asciiLower(c);
    const bool is_plain = isDigit(c) || (lower >= 'a' && lower <= 'z');
    if (!is_plain && more.find(c) == std::string_view::npos) return false;
  }
  return true;
}

}  // namespace edgehold
