// SPDX-License-Identifier: Apache-2.0
// The rules behind http2_request_head.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http2_request_head.h"

#include <algorithm>
#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/grammar.h"
#include "proxy/http/http2_field.h"
#include "proxy/http/target.h"

namespace edgehold {
namespace {

tl::unexpected<Error> malformed(const char* why) {
  return fail(Reason::kMalformedRequest, std::string("head: ") + why);
}

tl::unexpected<Error> tooLarge(const char* why) {
  return fail(Reason::kHeadTooLarge, std::string("head: ") + why);
}

// As in HTTP/1.
bool isMethod(std::string_view text) {
  const bool is_word = std::all_of(text.begin(), text.end(), isMethodByte);
  return is_word && !text.empty() && text.size() <= limits::kMethodBytesMax && text[0] != '-';
}

}  // namespace

void Http2RequestHead::begin(Block block) {
  kind_ = block;
  cookie_.clear();
  fields_.clear();
  method_.reset();
  scheme_.reset();
  authority_.reset();
  path_.reset();
  protocol_.reset();
  host_.reset();
  framing_ = Http1Framing();
  fault_.reset();
  list_bytes_ = 0;
  has_fields_ = has_cookie_ = false;
}

void Http2RequestHead::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + kHttp2FieldOverheadBytes;
  if (fault_) return;
  if (auto taken = take(name, value); !taken) fault_ = std::move(taken.error());
}

Result<void> Http2RequestHead::take(std::string_view name, std::string_view value) {
  if (list_bytes_ > limits::kHeadBytesMax) return tooLarge("too many bytes");
  if (name.starts_with(':')) return takePseudo(name, value);
  has_fields_ = true;
  TRY(checkHttp2Name(name));
  TRY(checkHttp2Value(value));
  return takeField({name, value, headerIdOf(name)});
}

Result<void> Http2RequestHead::takePseudo(std::string_view name, std::string_view value) {
  if (kind_ == Block::kTrailers) return malformed("pseudo-header field in trailers");
  if (has_fields_) return malformed("pseudo-header field after others");
  std::optional<Piece>* const piece = pseudoField(name);
  if (piece == nullptr) return malformed("unknown pseudo-header field");
  if (*piece) return malformed("pseudo-header field comes twice");
  *piece = fields_.keep(value);
  return {};
}

std::optional<Http2RequestHead::Piece>* Http2RequestHead::pseudoField(std::string_view name) {
  if (name == ":method") return &method_;
  if (name == ":path") return &path_;
  if (name == ":scheme") return &scheme_;
  if (name == ":authority") return &authority_;
  if (name == ":protocol" && allows_tunnels_) return &protocol_;
  return nullptr;
}

Result<void> Http2RequestHead::takeField(const Header& field) {
  if (concernsConnection(field.id)) return malformed("field of a connection");
  if (kind_ == Block::kTrailers) {
    // RFC 9110 6.5.1: nothing that says how a message is framed, sent on, read or who sent it.
    if (field.id != HeaderId::kOther) return malformed("field that is no trailer");
    return {};
  }
  if (field.id == HeaderId::kTe && !equalsIgnoreCase(field.value, "trailers")) {
    return malformed("te is not `trailers`");
  }
  if (field.id != HeaderId::kOther) TRY(framing_.note(field));
  if (field.id == HeaderId::kCookie) {
    // RFC 9113 8.2.3: crumbs of one field, which is counted once.
    has_cookie_ = true;
    if (!cookie_.empty() && !field.value.empty()) cookie_ += "; ";
    cookie_ += field.value;
    return {};
  }
  if (field.id == HeaderId::kHost) {
    host_ = fields_.keep(field.value);
    return {};
  }
  fields_.add(field);
  return {};
}

Result<void> Http2RequestHead::checkTransport() const {
  if (!scheme_ || !path_) return malformed("pseudo-header field missing");
  if (text(*scheme_) != (is_secure_ ? "https" : "http")) {
    return malformed("scheme is not the transport's");
  }
  if (path_->bytes == 0) return malformed("empty path");
  return {};
}

Result<void> Http2RequestHead::checkAuthority() const {
  if (!authority_ && !host_) return malformed("no authority");
  if (!isValidAuthority(authority())) return malformed("malformed authority");
  if (host_ && !isSameAuthority(text(*host_), authority())) {
    return malformed("host differs from the authority");
  }
  return {};
}

Result<BodyLength> Http2RequestHead::contentLength(bool has_content) const {
  if (isTunnel()) {
    if (declaredBytes()) return fail(Reason::kFramingConflict, "head: length of a tunnel");
    if (!has_content) return malformed("tunnel that has ended");
    return BodyLength::none();
  }
  TRY_ASSIGN(const BodyLength declared, framing_.requestBody(1));
  if (!has_content) {
    if (declared.hasBody()) return fail(Reason::kFramingConflict, "head: content is missing");
    return declared;
  }
  // A stream that is still open has a body to wait for, whatever was declared.
  return declared.hasBody() ? declared : BodyLength::chunked();
}

Result<void> Http2RequestHead::checkMethod() const {
  if (!method_) return malformed("no method");
  if (!isMethod(text(*method_))) return malformed("malformed method");
  const Method method = methodOf(text(*method_));
  if (isTunnel()) {
    if (method != Method::kConnect) return malformed("`:protocol` is for CONNECT");
    const std::string_view token = text(*protocol_);
    const bool is_token = std::all_of(token.begin(), token.end(), isTokenByte);
    return is_token && !token.empty() ? Result<void>() : malformed("`:protocol` is no token");
  }
  // RFC 9113 8.5: other pseudo-header fields beside a CONNECT make it malformed.
  if (method == Method::kConnect && (scheme_ || path_ || !authority_)) {
    return malformed("CONNECT is to an authority alone");
  }
  if (method == Method::kTrace || method == Method::kConnect) {
    return fail(Reason::kMethodNotAllowed, "head: " + std::string(text(*method_)));
  }
  return {};
}

Result<void> Http2RequestHead::finishTrailers() const {
  if (fault_) return fail(*fault_);
  return {};
}

Result<RequestHead> Http2RequestHead::finish(bool has_content) {
  if (fault_) return fail(*fault_);
  TRY(checkMethod());
  TRY(checkTransport());
  TRY(checkAuthority());
  if (has_cookie_) {
    fields_.add({"cookie", cookie_, HeaderId::kCookie});
  }
  // Counted late: until here the bytes are the bound.
  if (fields_.size() + 1 > limits::kHeaderCountMax) return tooLarge("too many fields");
  const Piece host_name = fields_.keep("host");  // the block stays where it is from here

  RequestHead head;
  head.method_token = text(*method_);
  head.method = methodOf(head.method_token);
  head.wants_upgrade = isTunnel();
  if (isTunnel()) head.protocol = text(*protocol_);
  const std::string_view path = text(*path_);
  if (path[0] != '/' && path != "*") return fail(Reason::kTargetNotCanonical, "head: target form");
  TRY_ASSIGN(const RequestTarget target,
             parseTarget(path, isTunnel() ? Method::kGet : head.method));
  head.target = target.target;
  head.authority = authority();
  TRY_ASSIGN(head.body, contentLength(has_content));
  head.expects_continue = framing_.expectsContinue() && head.body.hasBody();
  head.headers.reserve(std::max(fields_.size() + 1, Headers::kUsual));
  head.headers.add(Header{text(host_name), head.authority, HeaderId::kHost});
  fields_.appendTo(head.headers);
  head.block = fields_.bytes();
  return head;
}

}  // namespace edgehold
