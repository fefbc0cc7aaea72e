// SPDX-License-Identifier: Apache-2.0
// The head parsers behind http1_parser.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http1_parser.h"

#include <algorithm>
#include <cstring>
#include <optional>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/http1_field_line.h"
#include "proxy/http/target.h"

namespace edgehold {
namespace {

constexpr std::size_t kVersionBytes = 8;  // "HTTP/1.1"
// The longest request line that can be valid: until it is passed, an unfinished one may wait.
constexpr std::size_t kRequestLineBytesMax =
    limits::kMethodBytesMax + 1 + limits::kTargetBytesMax + 1 + kVersionBytes + 2;
static_assert(kRequestLineBytesMax < limits::kHeadBytesMax);

tl::unexpected<Error> malformed(const char* why) {
  return fail(Reason::kMalformedRequest, std::string("head: ") + why);
}

tl::unexpected<Error> tooLarge(const char* why) {
  return fail(Reason::kHeadTooLarge, std::string("head: ") + why);
}

// The minor version of "HTTP/1.x".
Result<std::uint8_t> parseVersion(ByteView text) {
  if (text == "HTTP/1.1") return std::uint8_t{1};
  if (text == "HTTP/1.0") return std::uint8_t{0};
  const bool is_other = text.size() == kVersionBytes && text.starts_with("HTTP/") &&
                        isDigit(text[5]) && text[6] == '.' && isDigit(text[7]);
  if (is_other) return fail(Reason::kVersionUnsupported, "head: version is not 1.0 or 1.1");
  return malformed("malformed version");
}

// Parses field lines of `bytes` from `at` into `headers`, each noted by `note`. Returns the offset
// behind the section, or nothing while it is not whole; `at` is then behind the last whole line.
template <class Note>
Result<std::optional<std::size_t>> parseFields(ByteView bytes, std::size_t& at, Headers& headers,
                                               Note note) {
  const char* const end = bytes.data() + bytes.size();
  for (;;) {
    const Http1FieldLine line = parseHttp1FieldLine(bytes.data() + at, end);
    switch (line.outcome) {
      case Http1FieldLine::Outcome::kField:
        break;
      case Http1FieldLine::Outcome::kEnd:
        return static_cast<std::size_t>(line.next - bytes.data());
      case Http1FieldLine::Outcome::kIncomplete:
        return std::nullopt;
      default:
        return fail(errorOfFieldLine(line.outcome));
    }
    if (headers.size() == limits::kHeaderCountMax) return tooLarge("too many fields");
    if (line.field.id != HeaderId::kOther) TRY(note(line.field));
    headers.add(line.field);
    at = static_cast<std::size_t>(line.next - bytes.data());
  }
}

}  // namespace

bool Http1Resume::isWorthParsing(ByteView bytes) const {
  if (bytes.size() > limits::kHeadBytesMax) return true;  // to be refused
  if (parsed_ == 0 && bytes.size() >= limits::kTargetBytesMax) return true;
  if (bytes.size() <= seen_) return false;
  return std::memchr(bytes.data() + seen_, '\n', bytes.size() - seen_) != nullptr || seen_ == 0;
}

void Http1Resume::leave(ByteView bytes, std::size_t parsed) {
  base_ = bytes.data();
  parsed_ = parsed;
  seen_ = bytes.size();
}

Result<std::size_t> Http1RequestParser::parse(ByteView bytes) {
  if (!resume_.isWorthParsing(bytes)) return std::size_t{0};
  if (resume_.parsed() > 0) {
    const ByteView before = resume_.parsedBytes();
    head_.rebase(before, bytes.data());
    target_authority_ = rebased(target_authority_, before, bytes.data());
  }
  TRY_ASSIGN(const std::size_t length, parseLines(bytes));
  const bool is_too_large = (length == 0 ? bytes.size() : length) > limits::kHeadBytesMax;
  if (is_too_large) return tooLarge("too many bytes");
  return length;
}

Result<std::size_t> Http1RequestParser::parseLines(ByteView bytes) {
  std::size_t at = resume_.parsed();
  if (at == 0) {
    TRY_ASSIGN(at, parseRequestLine(bytes));
    if (at == 0) {
      resume_.leave(bytes, 0);
      return std::size_t{0};
    }
    head_.headers.reserve(Headers::kUsual);  // not before: an idle connection owns none
  }
  TRY_ASSIGN(const std::optional<std::size_t> length,
             parseFields(bytes, at, head_.headers,
                         [this](const Header& field) { return framing_.note(field); }));
  if (!length) {
    resume_.leave(bytes, at);
    return std::size_t{0};
  }
  TRY(complete(bytes.substr(0, *length)));
  return *length;
}

// Splits the line and returns its length with CRLF, or 0 while it is not whole.
Result<std::size_t> Http1RequestParser::parseRequestLine(ByteView bytes) {
  std::size_t method_bytes = 0;
  const std::size_t method_bound = std::min(bytes.size(), limits::kMethodBytesMax + 1);
  while (method_bytes < method_bound && isMethodByte(bytes[method_bytes])) ++method_bytes;
  if (method_bytes > limits::kMethodBytesMax) return malformed("method too long");
  if (method_bytes == bytes.size()) return std::size_t{0};
  if (method_bytes == 0 || bytes[method_bytes] != ' ' || bytes[0] == '-') {
    return malformed("malformed method");
  }

  const ByteView rest = bytes.substr(method_bytes + 1, limits::kTargetBytesMax + 1);
  const std::size_t target_bytes = rest.find(' ');
  if (target_bytes == ByteView::npos) {
    if (rest.find('\n') != ByteView::npos) return malformed("request line is not three parts");
    if (rest.size() > limits::kTargetBytesMax) return fail(Reason::kTargetTooLong, "head: target");
    return std::size_t{0};
  }
  const std::size_t version_at = method_bytes + 1 + target_bytes + 1;
  const ByteView tail = bytes.substr(version_at, kVersionBytes + 2);
  if (tail.size() < kVersionBytes + 2) {
    if (tail.find('\n') != ByteView::npos) return malformed("malformed version");
    return std::size_t{0};
  }
  if (!tail.ends_with("\r\n")) return malformed("request line does not end after the version");
  TRY(parseRequestLine(bytes.substr(0, method_bytes), rest.substr(0, target_bytes),
                       tail.substr(0, kVersionBytes)));
  return version_at + tail.size();
}

Result<void> Http1RequestParser::parseRequestLine(ByteView method, ByteView target,
                                                  ByteView version) {
  TRY_ASSIGN(head_.version_minor, parseVersion(version));
  head_.method_token = method;
  head_.method = methodOf(method);
  // RFC 9110 9.3.8: the answer would show the client what we add for the upstream alone.
  if (head_.method == Method::kTrace) return fail(Reason::kMethodNotAllowed, "head: TRACE");
  TRY_ASSIGN(const RequestTarget parsed, parseTarget(target, head_.method));
  head_.target = parsed.target;
  target_authority_ = parsed.authority;
  return {};
}

Result<void> Http1RequestParser::complete(ByteView block) {
  const auto host = head_.headers.find(HeaderId::kHost);
  // HTTP/1.0 without Host cannot be routed either.
  if (!host) return malformed("no host");
  if (!isValidAuthority(*host)) return malformed("malformed host");
  if (!target_authority_.empty() && !isSameAuthority(target_authority_, *host)) {
    return malformed("host differs from the target's");
  }
  head_.authority = *host;
  TRY_ASSIGN(head_.body, framing_.requestBody(head_.version_minor));
  head_.wants_upgrade = head_.version_minor >= 1 && framing_.wantsUpgrade();
  // What follows a request to upgrade may be of another protocol already.
  head_.is_persistent = framing_.isPersistent(head_.version_minor) && !head_.wants_upgrade;
  // RFC 9110 10.1.1: ignored from HTTP/1.0, and pointless without content.
  head_.expects_continue =
      head_.version_minor >= 1 && framing_.expectsContinue() && head_.body.hasBody();
  head_.block = block;
  return {};
}

void Http1ResponseParser::reset() {
  Headers headers = std::move(head_.headers);
  headers.clear();
  head_ = ResponseHead();
  head_.headers = std::move(headers);
  framing_ = Http1Framing();
  resume_ = Http1Resume();
}

Result<std::size_t> Http1ResponseParser::parse(ByteView bytes) {
  if (!resume_.isWorthParsing(bytes)) return std::size_t{0};
  if (resume_.parsed() > 0) head_.rebase(resume_.parsedBytes(), bytes.data());
  auto length = parseLines(bytes);
  if (!length) return fail(Reason::kUpstreamMalformed, std::move(length.error().message));
  const bool is_too_large = (*length == 0 ? bytes.size() : *length) > limits::kHeadBytesMax;
  if (is_too_large) return fail(Reason::kUpstreamMalformed, "head: too many bytes");
  return length;
}

Result<std::size_t> Http1ResponseParser::parseLines(ByteView bytes) {
  std::size_t at = resume_.parsed();
  if (at == 0) {
    TRY_ASSIGN(at, parseStatusLine(bytes));
    if (at == 0) {
      resume_.leave(bytes, 0);
      return std::size_t{0};
    }
    head_.headers.reserve(Headers::kUsual);  // not before: an idle connection owns none
  }
  TRY_ASSIGN(const std::optional<std::size_t> length,
             parseFields(bytes, at, head_.headers,
                         [this](const Header& field) { return framing_.noteOfResponse(field); }));
  if (!length) {
    resume_.leave(bytes, at);
    return std::size_t{0};
  }
  TRY(complete(bytes.substr(0, *length)));
  return *length;
}

// "HTTP/1.1 200 OK" CRLF. The blank before an empty phrase may be missing, as many servers have it.
Result<std::size_t> Http1ResponseParser::parseStatusLine(ByteView bytes) {
  constexpr std::size_t kStatusAt = kVersionBytes + 1;
  constexpr std::size_t kPhraseAt = kStatusAt + 3;
  const ByteView version = bytes.substr(0, kVersionBytes);
  if (!ByteView("HTTP/1.").starts_with(version.substr(0, 7))) return malformed("not HTTP/1");
  if (bytes.size() < kPhraseAt + 2) return std::size_t{0};
  TRY_ASSIGN(head_.version_minor, parseVersion(version));
  const ByteView status = bytes.substr(kStatusAt, 3);
  const bool is_status = bytes[kVersionBytes] == ' ' && status[0] >= '1' && status[0] <= '5' &&
                         isDigit(status[1]) && isDigit(status[2]);
  if (!is_status) return malformed("malformed status");
  head_.status = static_cast<std::uint16_t>(*parseUnsigned(status));

  const char* const end = bytes.data() + bytes.size();
  const char* const stop = findControl(bytes.data() + kPhraseAt, end);
  if (end - stop < 2) {
    if (stop != end && *stop != '\r') return malformed("malformed status line");
    return std::size_t{0};
  }
  if (stop[0] != '\r' || stop[1] != '\n') return malformed("malformed status line");
  const auto stop_at = static_cast<std::size_t>(stop - bytes.data());
  if (stop_at > kPhraseAt && bytes[kPhraseAt] != ' ') return malformed("malformed status");
  if (stop_at > kPhraseAt) head_.reason = bytes.substr(kPhraseAt + 1, stop_at - kPhraseAt - 1);
  return stop_at + 2;
}

Result<void> Http1ResponseParser::complete(ByteView block) {
  TRY_ASSIGN(head_.body, framing_.responseBody(head_.version_minor));
  head_.is_persistent = framing_.isPersistent(head_.version_minor);
  head_.block = block;
  return {};
}

}  // namespace edgehold
