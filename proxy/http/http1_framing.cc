// SPDX-License-Identifier: Apache-2.0
// The framing rules behind http1_framing.h.
// Thread: one loop (owned by the parser).
#include "proxy/http/http1_framing.h"

#include <algorithm>
#include <optional>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/list.h"

namespace edgehold {
namespace {

// Fields of which a second one would let two readers see two messages (RFC 9110 5.3). Those that
// carry framing are a conflict, the others are malformed.
constexpr HeaderId kSingle[] = {HeaderId::kHost,          HeaderId::kContentLength,
                                HeaderId::kContentType,   HeaderId::kTransferEncoding,
                                HeaderId::kAuthorization, HeaderId::kExpect,
                                HeaderId::kOrigin,        HeaderId::kProxyAuthorization};

constexpr std::uint64_t makeSingleMask() {
  std::uint64_t mask = 0;
  for (const HeaderId id : kSingle) mask |= std::uint64_t{1} << static_cast<unsigned>(id);
  return mask;
}

constexpr std::uint64_t kSingleMask = makeSingleMask();

}  // namespace

Result<void> Http1Framing::note(const Header& field) {
  const std::uint64_t bit = bitOf(field.id);
  if ((seen_ & bit & kSingleMask) != 0) {
    const bool frames =
        field.id == HeaderId::kContentLength || field.id == HeaderId::kTransferEncoding;
    return fail(frames ? Reason::kFramingConflict : Reason::kMalformedRequest,
                "head: `" + std::string(field.name) + "` comes twice");
  }
  seen_ |= bit;
  switch (field.id) {
    case HeaderId::kContentLength:
      return noteLength(field.value);
    case HeaderId::kTransferEncoding:
      return noteTransferEncoding(field.value);
    case HeaderId::kConnection:
      return noteConnection(field.value);
    case HeaderId::kExpect:
      if (equalsIgnoreCase(field.value, "100-continue")) return {};
      return fail(Reason::kExpectationUnsupported, "head: expectation is not `100-continue`");
    default:
      return {};
  }
}

Result<void> Http1Framing::noteOfResponse(const Header& field) {
  switch (field.id) {
    case HeaderId::kContentLength:
    case HeaderId::kTransferEncoding:
    case HeaderId::kConnection:
    case HeaderId::kUpgrade:
      return note(field);
    default:
      return {};
  }
}

// Digits only, no leading zero (some readers take it for octal), below 2^63.
Result<void> Http1Framing::noteLength(std::string_view value) {
  constexpr std::size_t kDigitsMax = 18;
  const bool is_number = !value.empty() && std::all_of(value.begin(), value.end(), isDigit);
  if (!is_number || (value.size() > 1 && value[0] == '0') || value.size() > kDigitsMax) {
    return fail(Reason::kFramingConflict, "head: content-length is not a plain number");
  }
  length_ = *parseUnsigned(value);
  return {};
}

Result<void> Http1Framing::noteTransferEncoding(std::string_view value) {
  if (equalsIgnoreCase(value, "chunked")) return {};
  // A known word in an unknown place is somebody's disguise of it; only plain other codings are
  // 501.
  const bool is_plain = !value.empty() && std::all_of(value.begin(), value.end(), isTokenByte);
  const bool is_disguise = toLower(value).find("chunked") != std::string::npos;
  return fail(
      is_plain && !is_disguise ? Reason::kTransferCodingUnsupported : Reason::kFramingConflict,
      "head: transfer-encoding is not exactly `chunked`");
}

Result<void> Http1Framing::noteConnection(std::string_view value) {
  bool is_list = true;
  forEachListed(value, [this, &is_list](std::string_view token) {
    ++connection_options_;
    if (!std::all_of(token.begin(), token.end(), isTokenByte)) is_list = false;
    if (equalsIgnoreCase(token, "close")) has_close_ = true;
    if (equalsIgnoreCase(token, "keep-alive")) has_keep_alive_ = true;
    if (equalsIgnoreCase(token, "upgrade")) has_upgrade_token_ = true;
  });
  // Each name is looked for among all fields later: few names, or that is work for nothing.
  if (connection_options_ > limits::kConnectionOptionsMax) {
    return fail(Reason::kHeadTooLarge, "head: connection names too many fields");
  }
  if (!is_list) return fail(Reason::kMalformedRequest, "head: connection is not a list of tokens");
  return {};
}

Result<void> Http1Framing::checkConflict(std::uint8_t version_minor) const {
  if (!hasSeen(HeaderId::kTransferEncoding)) return {};
  // RFC 9112 6.1: a message with both is an attack, not a choice.
  if (hasSeen(HeaderId::kContentLength)) {
    return fail(Reason::kFramingConflict, "head: both content-length and transfer-encoding");
  }
  if (version_minor == 0) {
    return fail(Reason::kFramingConflict, "head: transfer-encoding in HTTP/1.0");
  }
  return {};
}

Result<BodyLength> Http1Framing::requestBody(std::uint8_t version_minor) const {
  TRY(checkConflict(version_minor));
  if (hasSeen(HeaderId::kTransferEncoding)) return BodyLength::chunked();
  if (hasSeen(HeaderId::kContentLength)) return BodyLength::known(length_);
  return BodyLength::none();
}

Result<BodyLength> Http1Framing::responseBody(std::uint8_t version_minor) const {
  TRY_ASSIGN(const BodyLength announced, requestBody(version_minor));
  return announced.kind == BodyLength::Kind::kNone ? BodyLength::untilClose() : announced;
}

}  // namespace edgehold
