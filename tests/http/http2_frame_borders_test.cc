// SPDX-License-Identifier: Apache-2.0
// The law of frame borders: the same ones however the bytes come.
// Thread: main only.
#include "proxy/http/http2_frame_borders.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

#include "tests/support/http2_peer.h"

namespace edgehold {
namespace {

const std::vector<std::string>& frames() {
  static const std::vector<std::string> made = {
      std::string(kHttp2Preface), http2Frame(NGHTTP2_SETTINGS, 0, 0, ""),
      http2Frame(NGHTTP2_PING, 0, 0, "12345678"), http2Content(1, std::string(300, 'a')),
      http2Frame(0xee, 0xff, 0x7fffffff, std::string(70'000, 'b'))};
  return made;
}

TEST(Http2FrameBorders, AreWhereFramesEnd) {
  std::string bytes;
  for (const std::string& frame : frames()) bytes += frame;
  Http2FrameBorders borders;
  std::string_view rest = bytes;
  for (const std::string& frame : frames()) {
    EXPECT_EQ(borders.take(rest), frame.size());
    rest.remove_prefix(frame.size());
  }
  EXPECT_TRUE(rest.empty());
}

TEST(Http2FrameBorders, AreTheSameAtEverySplit) {
  for (const std::size_t piece : {1u, 2u, 3u, 7u, 9u, 10u, 100u}) {
    Http2FrameBorders borders;
    for (const std::string& frame : frames()) {
      std::string_view rest = frame;
      while (!rest.empty()) {
        // What follows in the same piece is of the next frame, and is left.
        const std::string offered =
            std::string(rest.substr(0, piece)) + (rest.size() < piece ? "next" : "");
        const std::size_t taken = borders.take(offered);
        ASSERT_EQ(taken, std::min(rest.size(), piece));
        rest.remove_prefix(taken);
      }
    }
  }
}

}  // namespace
}  // namespace edgehold
