// SPDX-License-Identifier: Apache-2.0
// The fields of an HTTP/2 header block as a response or its trailers (RFC 9113 8.1, 8.3.2), by the
// rules of HTTP/1 and narrower: what passes here can be written as HTTP/1.
// Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/result.h"
#include "proxy/http/http1_framing.h"
#include "proxy/http/http2_field.h"
#include "proxy/http/message.h"

namespace edgehold {

// Errors carry kUpstreamMalformed.
class Http2ResponseHead {
 public:
  // A new block. Views of the last head end here.
  void begin();
  // The next field as it was decoded. The first fault is kept, what follows ignored.
  void add(std::string_view name, std::string_view value);
  // The block so far, as SETTINGS_MAX_HEADER_LIST_SIZE counts it (RFC 9113 6.5.2).
  std::size_t listBytes() const { return list_bytes_; }

  // The block as a head; views last until begin(). `is_end`: the stream ended with it. head.body is
  // what the fields announce: the status and the request's method may forbid it.
  Result<ResponseHead> finish(bool is_end);
  bool announcesLength() const { return framing_.hasSeen(HeaderId::kContentLength); }
  // The same block where a response has trailers, which are checked and dropped (RFC 9110 6.5.1).
  Result<void> finishTrailers() const;

 private:
  Result<void> take(std::string_view name, std::string_view value);
  Result<void> takeStatus(std::string_view name, std::string_view value);

  Http2FieldBlock fields_;
  std::optional<std::uint16_t> status_;
  Http1Framing framing_;
  std::optional<Error> fault_;
  std::size_t list_bytes_ = 0;
};

}  // namespace edgehold
