// SPDX-License-Identifier: Apache-2.0
// The reader behind http1_body_reader.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http1_body_reader.h"

#include <algorithm>

namespace edgehold {

Result<Http1BodyReader::Step> Http1BodyReader::step(ByteView bytes, std::size_t content_max) {
  if (length_.kind == BodyLength::Kind::kChunked) return chunks_.step(bytes, content_max);
  std::size_t count = std::min(bytes.size(), content_max);
  if (length_.kind != BodyLength::Kind::kUntilClose) {
    count = static_cast<std::size_t>(std::min<std::uint64_t>(count, length_.bytes));
    length_.bytes -= count;
  }
  return Step{count, bytes.substr(0, count)};
}

bool Http1BodyReader::isDone() const {
  return length_.kind == BodyLength::Kind::kChunked ? chunks_.isDone() : !length_.hasBody();
}

bool Http1BodyReader::isCompletedBy(std::size_t bytes) const {
  if (isDone()) return true;
  return length_.kind == BodyLength::Kind::kKnown && length_.bytes <= bytes;
}

}  // namespace edgehold
