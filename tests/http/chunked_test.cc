// SPDX-License-Identifier: Apache-2.0
// The chunked coding: what is taken and what is refused, whole and byte by byte.
// Thread: main only.
#include "proxy/http/chunked.h"

#include <limits>
#include <string>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"

namespace edgehold {
namespace {

// "done:CONTENT+REST", "more:CONTENT" or "error", reading `piece` bytes at a time with content
// taken at most `content_max` at a time.
using Trailers = ChunkedDecoder::Trailers;

std::string decode(const std::string& bytes, std::size_t piece, std::size_t content_max,
                   Trailers trailers = Trailers::kRefused) {
  ChunkedDecoder decoder(trailers);
  std::string content;
  std::size_t used = 0;
  for (std::size_t offered = 0; used < bytes.size() && !decoder.isDone();) {
    offered = std::min(bytes.size(), std::max(offered, used) + piece);
    while (used < offered && !decoder.isDone()) {
      const auto step = decoder.step(ByteView(bytes).substr(used, offered - used), content_max);
      if (!step) return "error";
      content += step->content;
      used += step->consumed;
    }
  }
  if (!decoder.isDone()) return "more:" + content;
  return "done:" + content + "+" + bytes.substr(used);
}

constexpr std::size_t kAny = std::numeric_limits<std::size_t>::max();

std::string decodeEveryWay(const std::string& bytes, Trailers trailers = Trailers::kRefused) {
  const std::string whole = decode(bytes, bytes.size() + 1, kAny, trailers);
  const std::size_t largest = std::min<std::size_t>(bytes.size(), 64);
  for (std::size_t piece = 1; piece <= largest; ++piece) {
    EXPECT_EQ(decode(bytes, piece, kAny, trailers), whole) << bytes << " by " << piece;
    EXPECT_EQ(decode(bytes, piece, 1, trailers), whole) << bytes << " by " << piece << ", one";
  }
  return whole;
}

TEST(ChunkedDecoder, DecodesWellFormedBodies) {
  EXPECT_EQ(decodeEveryWay("0\r\n\r\n"), "done:+");
  EXPECT_EQ(decodeEveryWay("3\r\nabc\r\n0\r\n\r\n"), "done:abc+");
  EXPECT_EQ(decodeEveryWay("a\r\n0123456789\r\n00\r\n\r\n"), "done:0123456789+");
  EXPECT_EQ(decodeEveryWay("1\r\na\r\nA\r\nbcdefghijk\r\n0\r\n\r\nGET /"),
            "done:abcdefghijk+GET /");
  EXPECT_EQ(decodeEveryWay("2;x=y\r\n\r\n\r\n0;z\r\n\r\n"), "done:\r\n+");
  EXPECT_EQ(decodeEveryWay("0000000000000001\r\na\r\n0000\r\n\r\n"), "done:a+");
  EXPECT_EQ(decodeEveryWay("5\r\nab"), "more:ab");
  EXPECT_EQ(decodeEveryWay("0\r\n"), "more:");
}

TEST(ChunkedDecoder, DropsTrailersOfResponsesAndRefusesThoseOfRequests) {
  for (const std::string bytes : {"0\r\nX: y\r\nEmpty:\r\n\r\nrest", "0\r\nT: v\r\n\r\nrest"}) {
    EXPECT_EQ(decodeEveryWay(bytes, Trailers::kDropped), "done:+rest") << bytes;
    EXPECT_EQ(decodeEveryWay(bytes, Trailers::kRefused), "error") << bytes;
  }
}

TEST(ChunkedDecoder, RefusesEverythingElse) {
  const std::string refused[] = {
      "\r\n",
      " 3\r\nabc\r\n",
      "3 \r\nabc\r\n",
      "3\t\r\nabc\r\n",
      "+3\r\nabc\r\n",
      "-3\r\nabc\r\n",
      "0x3\r\nabc\r\n",
      "3g\r\nabc\r\n",
      "3\nabc\r\n",
      "3\r\r\nabc",
      "3\rabc",
      "3\r\nabcd\r\n",
      "3\r\nabc\n0\r\n\r\n",
      "3\r\nabc\r0\r\n\r\n",
      "3\r\nabc0\r\n\r\n",
      "3 ;x\r\nabc\r\n",
      "3;\r\nabc\r\n",
      "3; x\r\nabc\r\n",
      "3;x\nabc\r\n",
      "3;x\r4\r\nabc",
      "3;x=\x01\r\nabc\r\n",
      "3;x=\xff\r\nabc\r\n",
      std::string("3;\0\r\n", 5),
      "00000000000000003\r\nabc\r\n",
      "10000000000000000\r\n",
      "ffffffffffffffff\r\n",
      "fffffffffffffffff\r\n",
      "0\r\n\n",
      "0\r\n\rx",
      "0\r\nX\r\n\r\n",
      "0\r\nX : y\r\n\r\n",
      "0\r\n: y\r\n\r\n",
      "0\r\n x: y\r\n\r\n",
      "0\r\nX: y\n\r\n",
      "0\r\nX: y\r\n z\r\n\r\n",
      "0\r\nX: \x01\r\n\r\n",
      "0\r\nContent-Length: 5\r\n\r\n",
      "0\r\nX: y\r\ntransfer-encoding: chunked\r\n\r\n",
      "0\r\nHOST: b\r\n\r\n",
      "0\r\nauthorization: x\r\n\r\n",
  };
  for (const std::string& bytes : refused) {
    EXPECT_EQ(decodeEveryWay(bytes, Trailers::kDropped), "error") << bytes;
    EXPECT_EQ(decodeEveryWay(bytes, Trailers::kRefused), "error") << bytes;
  }
}

TEST(ChunkedDecoder, BoundsTheSizeLine) {
  const auto body = [](std::size_t bytes) { return "1;" + std::string(bytes - 4, 'x') + "\r\n"; };
  EXPECT_EQ(decodeEveryWay(body(limits::kChunkLineBytesMax) + "a"), "more:a");
  EXPECT_EQ(decodeEveryWay(body(limits::kChunkLineBytesMax + 1) + "a"), "error");
  EXPECT_EQ(decodeEveryWay(std::string(limits::kChunkLineBytesMax, '0') + "\r\n"), "error");
}

TEST(ChunkedDecoder, BoundsTheSizeLineAnewForEachChunk) {
  const std::string chunk = "1;" + std::string(limits::kChunkLineBytesMax - 4, 'x') + "\r\na\r\n";
  EXPECT_EQ(decodeEveryWay(chunk + chunk + "0\r\n\r\n"), "done:aa+");
}

TEST(ChunkedDecoder, BoundsTheTrailers) {
  const auto body = [](std::size_t bytes) {
    return "0\r\nX:" + std::string(bytes - 6, 'y') + "\r\n\r\n";
  };
  EXPECT_EQ(decode(body(limits::kTrailerBytesMax), 4096, kAny, Trailers::kDropped), "done:+");
  EXPECT_EQ(decode(body(limits::kTrailerBytesMax + 1), 4096, kAny, Trailers::kDropped), "error");
}

TEST(ChunkedDecoder, BoundsTheExtensionsOfARequest) {
  // Counted from the byte behind an extension's first to its line end.
  const auto body = [](std::size_t bytes) {
    std::string text;
    for (; bytes > 100; bytes -= 100) text += "1;" + std::string(100, 'x') + "\r\na\r\n";
    return text + "1;" + std::string(bytes, 'x') + "\r\na\r\n0\r\n\r\n";
  };
  const std::string at_limit = body(limits::kChunkExtensionBytesMax);
  const std::string past_limit = body(limits::kChunkExtensionBytesMax + 1);
  EXPECT_TRUE(decode(at_limit, 4096, kAny).starts_with("done:"));
  EXPECT_EQ(decode(past_limit, 4096, kAny), "error");
  EXPECT_TRUE(decode(past_limit, 4096, kAny, Trailers::kDropped).starts_with("done:"));
}

TEST(ChunkedDecoder, TakesNoContentWithoutLeave) {
  ChunkedDecoder decoder;
  const std::string bytes = "3\r\nabc\r\n";
  const auto framing = decoder.step(bytes, 0);
  ASSERT_TRUE(framing);
  EXPECT_EQ(framing->consumed, 3u);
  EXPECT_EQ(decoder.step(ByteView(bytes).substr(3), 0)->consumed, 0u);
  EXPECT_EQ(decoder.step(ByteView(bytes).substr(3), 2)->content, "ab");
}

}  // namespace
}  // namespace edgehold
