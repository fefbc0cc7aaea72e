// SPDX-License-Identifier: Apache-2.0
// The content of one HTTP/1 message, however it is framed (RFC 9112 6.3).
// Thread: one loop (owned by the codec).
#pragma once

#include <cstddef>
#include <cstdint>

#include "proxy/base/bytes.h"
#include "proxy/base/recycled.h"
#include "proxy/base/result.h"
#include "proxy/http/chunked.h"
#include "proxy/http/message.h"

namespace edgehold {

class Http1BodyReader final : public Recycled<Http1BodyReader> {
 public:
  using Step = ChunkedDecoder::Step;

  Http1BodyReader() = default;
  Http1BodyReader(BodyLength length, ChunkedDecoder::Trailers trailers)
      : length_(length), chunks_(trailers) {}

  // As ChunkedDecoder::step(), for every framing. Fails only for a malformed chunked body.
  Result<Step> step(ByteView bytes, std::size_t content_max);
  // Everything came. Never true of a body that lasts until the close.
  bool isDone() const;
  bool endsWithConnection() const { return length_.kind == BodyLength::Kind::kUntilClose; }
  // True if `bytes` more bytes, framing included, certainly complete the body.
  bool isCompletedBy(std::size_t bytes) const;

 private:
  BodyLength length_;  // kKnown: what is left
  ChunkedDecoder chunks_;
};

}  // namespace edgehold
