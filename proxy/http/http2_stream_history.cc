// SPDX-License-Identifier: Apache-2.0
// The rings behind http2_stream_history.h.
// Thread: one loop (owned by the codec).
#include "proxy/http/http2_stream_history.h"

#include <algorithm>

namespace edgehold {

void Http2StreamHistory::open(std::uint32_t stream) {
  const std::uint32_t next = newest_ == 0 ? 1 : newest_ + 2;
  if (stream > next) gaps_[gap_count_++ % gaps_.size()] = {next, stream - 2};
  newest_ = stream;
}

void Http2StreamHistory::leave(std::uint32_t stream) {
  left_[left_count_++ % left_.size()] = stream;
}

Http2StreamHistory::Past Http2StreamHistory::of(std::uint32_t stream) const {
  const bool is_left = std::find(left_.begin(), left_.end(), stream) != left_.end();
  if (is_left) return Past::kLeft;
  const bool is_skipped = std::any_of(gaps_.begin(), gaps_.end(), [stream](const Gap& gap) {
    return gap.first <= stream && stream <= gap.last;
  });
  return is_skipped ? Past::kSkipped : Past::kUnknown;
}

}  // namespace edgehold
