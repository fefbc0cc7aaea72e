// SPDX-License-Identifier: Apache-2.0
// The rules behind http2_field.h.
// Thread: any (immutable).
#include "proxy/http/http2_field.h"

#include <algorithm>
#include <string>

#include "proxy/base/limits.h"
#include "proxy/http/grammar.h"
#include "proxy/http/http1_field_line.h"

namespace edgehold {
namespace {

tl::unexpected<Error> malformed(const char* why) {
  return fail(Reason::kMalformedRequest, std::string("head: ") + why);
}

}  // namespace

Result<void> checkHttp2Name(std::string_view name) {
  if (name.size() > limits::kHeaderNameBytesMax) {
    return fail(Reason::kHeadTooLarge, "head: field name too long");
  }
  const bool is_name = !name.empty() && std::all_of(name.begin(), name.end(), [](char c) {
    return isNameByte(c) && (c < 'A' || c > 'Z');  // RFC 9113 8.2.1
  });
  if (!is_name || name[0] == '-' || name[0] == '_' || name[0] == '.') {
    return malformed("malformed field name");
  }
  if (isDisguisedName(name)) return malformed("`_` for `-` in a field name");
  return {};
}

// RFC 9113 8.2.1: no NUL, CR or LF, and no blanks around; and none of the other control bytes.
Result<void> checkHttp2Value(std::string_view value) {
  const char* const end = value.data() + value.size();
  if (findControl(value.data(), end) != end) return malformed("control byte in a field value");
  if (!value.empty() && (isBlank(value.front()) || isBlank(value.back()))) {
    return malformed("blank around a field value");
  }
  return {};
}

bool concernsConnection(HeaderId id) {
  return id == HeaderId::kConnection || id == HeaderId::kKeepAlive ||
         id == HeaderId::kProxyConnection || id == HeaderId::kTransferEncoding ||
         id == HeaderId::kUpgrade;
}

void Http2FieldBlock::clear() {
  bytes_.clear();
  fields_.clear();
}

Http2FieldBlock::Piece Http2FieldBlock::keep(std::string_view text) {
  const Piece piece{static_cast<std::uint32_t>(bytes_.size()),
                    static_cast<std::uint32_t>(text.size())};
  bytes_ += text;
  return piece;
}

void Http2FieldBlock::add(const Header& field) {
  const Piece name = keep(field.name);
  fields_.push_back({name, keep(field.value), field.id});
}

void Http2FieldBlock::appendTo(Headers& headers) const {
  for (const Field& field : fields_) {
    headers.add(Header{text(field.name), text(field.value), field.id});
  }
}

}  // namespace edgehold
