// SPDX-License-Identifier: Apache-2.0
// The laws of what is known of streams that are gone.
// Thread: main only.
#include "proxy/http/http2_stream_history.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

using Past = Http2StreamHistory::Past;

TEST(Http2StreamHistory, TellsStreamsThatWereSkipped) {
  Http2StreamHistory history;
  history.open(3);
  history.open(5);
  history.open(11);
  EXPECT_EQ(history.newest(), 11u);
  for (const std::uint32_t stream : {1u, 7u, 9u}) EXPECT_EQ(history.of(stream), Past::kSkipped);
  for (const std::uint32_t stream : {3u, 5u, 11u}) EXPECT_EQ(history.of(stream), Past::kUnknown);
}

TEST(Http2StreamHistory, TellsStreamsThatTheClientHasLeft) {
  Http2StreamHistory history;
  history.open(1);
  history.open(3);
  history.leave(3);
  EXPECT_EQ(history.of(1), Past::kUnknown);
  EXPECT_EQ(history.of(3), Past::kLeft);
}

TEST(Http2StreamHistory, ForgetsWhatIsLongAgo) {
  Http2StreamHistory history;
  for (std::uint32_t stream = 3; stream < 3 + 4 * 100; stream += 4) {
    history.open(stream);
    history.leave(stream);
  }
  EXPECT_EQ(history.of(1), Past::kUnknown);
  EXPECT_EQ(history.of(3), Past::kUnknown);
  EXPECT_EQ(history.of(3 + 4 * 99), Past::kLeft);
  EXPECT_EQ(history.of(1 + 4 * 99), Past::kSkipped);
}

}  // namespace
}  // namespace edgehold
