// SPDX-License-Identifier: Apache-2.0
// The field line scanner behind http1_field_line.h.
// Thread: any (immutable).
#include "proxy/http/http1_field_line.h"

#include <algorithm>
#include <array>

#include "proxy/base/limits.h"
#include "proxy/http/grammar.h"

namespace edgehold {
namespace {

using Outcome = Http1FieldLine::Outcome;

Outcome endOfSection(const char* at, const char* end, Http1FieldLine& line) {
  if (end - at < 2) return Outcome::kIncomplete;
  if (at[1] != '\n') return Outcome::kBareLineEnd;
  line.next = at + 2;
  return Outcome::kEnd;
}

// The outcome when a name stops at `at` on something other than a colon.
Outcome nameStop(const char* begin, const char* at, const char* end) {
  if (at == end) return Outcome::kIncomplete;
  if (at == begin && isBlank(*at)) return Outcome::kFolded;
  if (*at == '\n' || *at == '\r')
    return at == begin ? Outcome::kBareLineEnd : Outcome::kNameMalformed;
  if (isBlank(*at)) return Outcome::kBlankBeforeColon;
  return Outcome::kNameMalformed;
}

Outcome scanName(const char* begin, const char* end, Http1FieldLine& line) {
  const char* const at = findNameEnd(begin, end);
  const auto length = static_cast<std::size_t>(at - begin);
  if (length > limits::kHeaderNameBytesMax) return Outcome::kNameTooLong;
  if (at == end || *at != ':' || length == 0) return nameStop(begin, at, end);
  if (*begin == '-' || *begin == '_' || *begin == '.') return Outcome::kNameMalformed;
  line.field.name = {begin, length};
  line.field.id = headerIdOf(line.field.name);
  if (line.field.id == HeaderId::kOther && isDisguisedName(line.field.name))
    return Outcome::kNameDisguised;
  line.next = at + 1;
  return Outcome::kField;
}

bool framesMessage(HeaderId id) {
  return id == HeaderId::kContentLength || id == HeaderId::kTransferEncoding;
}

Outcome scanValue(const char* begin, const char* end, Http1FieldLine& line) {
  const char* at = begin;
  while (at < end && isBlank(*at)) ++at;
  const char* const stop = findControl(at, end);
  if (stop == end) return Outcome::kIncomplete;
  if (*stop == '\n') return Outcome::kBareLineEnd;
  if (*stop != '\r') return Outcome::kValueMalformed;
  if (end - stop < 2) return Outcome::kIncomplete;
  if (stop[1] != '\n') return Outcome::kBareLineEnd;
  line.next = stop + 2;
  const char* last = stop;
  while (last > at && isBlank(last[-1])) --last;
  line.field.value = {at, static_cast<std::size_t>(last - at)};
  if (framesMessage(line.field.id) &&
      (std::find(begin, at, '\t') != at || std::find(last, stop, '\t') != stop)) {
    return Outcome::kFramingPadded;
  }
  return Outcome::kField;
}

}  // namespace

bool isDisguisedName(std::string_view name) {
  std::array<char, 32> plain;
  if (name.size() > plain.size() || name.find('_') == std::string_view::npos) return false;
  std::replace_copy(name.begin(), name.end(), plain.begin(), '_', '-');
  return headerIdOf({plain.data(), name.size()}) != HeaderId::kOther;
}

Http1FieldLine parseHttp1FieldLine(const char* at, const char* end) {
  Http1FieldLine line;
  if (at == end) return line;
  if (*at == '\r') {
    line.outcome = endOfSection(at, end, line);
    return line;
  }
  line.outcome = scanName(at, end, line);
  if (line.outcome == Outcome::kField) line.outcome = scanValue(line.next, end, line);
  return line;
}

Error errorOfFieldLine(Outcome outcome) {
  switch (outcome) {
    case Outcome::kField:
    case Outcome::kEnd:
    case Outcome::kIncomplete:
      return Error{Reason::kInternalError, "head: not an error"};
    case Outcome::kBareLineEnd:
      return Error{Reason::kMalformedRequest, "head: line end is not CRLF"};
    case Outcome::kFolded:
      return Error{Reason::kMalformedRequest, "head: line starts with a blank"};
    case Outcome::kNameMalformed:
      return Error{Reason::kMalformedRequest, "head: malformed field name"};
    case Outcome::kNameTooLong:
      return Error{Reason::kHeadTooLarge, "head: field name too long"};
    case Outcome::kNameDisguised:
      return Error{Reason::kMalformedRequest, "head: `_` for `-` in a field name"};
    case Outcome::kBlankBeforeColon:
      return Error{Reason::kMalformedRequest, "head: blank before the colon"};
    case Outcome::kValueMalformed:
      return Error{Reason::kMalformedRequest, "head: control byte in a field value"};
    case Outcome::kFramingPadded:
      return Error{Reason::kFramingConflict, "head: tab beside a framing value"};
  }
  return Error{Reason::kMalformedRequest, "head: malformed"};
}

}  // namespace edgehold
