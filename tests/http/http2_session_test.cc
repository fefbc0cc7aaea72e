// SPDX-License-Identifier: Apache-2.0
// The laws of what both sides of HTTP/2 hand to nghttp2.
// Thread: main only.
#include "proxy/http/http2_session.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

bool isKeptOutOfTables(std::string_view name) {
  return (makeHttp2Field(Header{name, "value", headerIdOf(name)}).flags &
          NGHTTP2_NV_FLAG_NO_INDEX) != 0;
}

TEST(Http2Field, SecretsStayOutOfThePeersTable) {
  EXPECT_TRUE(isKeptOutOfTables("Authorization"));
  EXPECT_TRUE(isKeptOutOfTables("cookie"));
  EXPECT_TRUE(isKeptOutOfTables("Proxy-Authorization"));
}

TEST(Http2Field, WhatIsNeverTheSameTwiceDrivesNothingOutOfThePeersTable) {
  EXPECT_TRUE(isKeptOutOfTables("X-Request-Id"));
  EXPECT_TRUE(isKeptOutOfTables("traceparent"));
}

TEST(Http2Field, WhatComesAgainIsIndexed) {
  for (const std::string_view name : {"content-type", "Server", "x-anything", "user-agent"}) {
    EXPECT_FALSE(isKeptOutOfTables(name)) << name;
  }
}

}  // namespace
}  // namespace edgehold
