// SPDX-License-Identifier: Apache-2.0
// The rules behind http2_response_head.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http2_response_head.h"

#include <utility>

#include "proxy/base/limits.h"
#include "proxy/base/strings.h"
#include "proxy/http/http2_field.h"

namespace edgehold {
namespace {

tl::unexpected<Error> malformed(const char* why) {
  return fail(Reason::kUpstreamMalformed, std::string("head: ") + why);
}

}  // namespace

void Http2ResponseHead::begin() {
  fields_.clear();
  status_.reset();
  framing_ = Http1Framing();
  fault_.reset();
  list_bytes_ = 0;
}

void Http2ResponseHead::add(std::string_view name, std::string_view value) {
  list_bytes_ += name.size() + value.size() + kHttp2FieldOverheadBytes;
  if (fault_) return;
  if (auto taken = take(name, value); !taken) {
    fault_ = Error{Reason::kUpstreamMalformed, std::move(taken.error().message)};
  }
}

Result<void> Http2ResponseHead::take(std::string_view name, std::string_view value) {
  if (list_bytes_ > limits::kHeadBytesMax) return malformed("too many bytes");
  if (name.starts_with(':')) return takeStatus(name, value);
  TRY(checkHttp2Name(name));
  TRY(checkHttp2Value(value));
  const Header field{name, value, headerIdOf(name)};
  if (concernsConnection(field.id) || field.id == HeaderId::kTe) {
    return malformed("field of a connection");
  }
  TRY(framing_.noteOfResponse(field));
  if (fields_.size() == limits::kHeaderCountMax) return malformed("too many fields");
  fields_.add(field);
  return {};
}

Result<void> Http2ResponseHead::takeStatus(std::string_view name, std::string_view value) {
  if (name != ":status") return malformed("unknown pseudo-header field");
  if (!fields_.empty()) return malformed("pseudo-header field after others");
  if (status_) return malformed("pseudo-header field comes twice");
  const bool is_status = value.size() == 3 && value[0] >= '1' && value[0] <= '5' &&
                         isDigit(value[1]) && isDigit(value[2]);
  if (!is_status) return malformed("malformed status");
  status_ = static_cast<std::uint16_t>(*parseUnsigned(value));
  return {};
}

Result<ResponseHead> Http2ResponseHead::finish(bool is_end) {
  if (fault_) return fail(*fault_);
  if (!status_) return malformed("no status");
  ResponseHead head;
  head.status = *status_;
  TRY_ASSIGN(head.body, framing_.responseBody(1));
  if (head.body.kind == BodyLength::Kind::kUntilClose) {
    // The stream's own end is one that can be trusted.
    head.body = is_end ? BodyLength::known(0) : BodyLength::chunked();
  }
  head.headers.reserve(std::max(fields_.size(), Headers::kUsual));
  fields_.appendTo(head.headers);
  head.block = fields_.bytes();
  return head;
}

Result<void> Http2ResponseHead::finishTrailers() const {
  if (fault_) return fail(*fault_);
  if (status_) return malformed("pseudo-header field in trailers");
  if (framing_.hasSeen(HeaderId::kContentLength)) return malformed("length in trailers");
  return {};
}

}  // namespace edgehold
