// SPDX-License-Identifier: Apache-2.0
// The event stream grammar, at every split point.
// Thread: main only.
#include "proxy/http/sse.h"

#include <string>
#include <vector>

#include <gtest/gtest.h>

namespace edgehold {
namespace {

struct Split {
  std::string events;  // "type/id/data;" of each event that has data
  std::string raw;     // all raws joined, and the remainder
  bool failed = false;
  bool operator==(const Split&) const = default;
};

Split splitAt(const std::string& stream, std::size_t piece, std::size_t bound = 1000) {
  SseSplitter splitter(bound);
  Split split;
  for (std::size_t at = 0; at < stream.size(); at += piece) {
    splitter.append(ByteView(stream).substr(at, piece));
    for (;;) {
      const auto event = splitter.next();
      if (!event) {
        split.failed = true;
        return split;
      }
      if (!*event) break;
      split.raw += (*event)->raw;
      if (!(*event)->has_data) continue;
      split.events += std::string((*event)->type) + "/" + std::string((*event)->id) + "/" +
                      std::string((*event)->data) + ";";
    }
  }
  split.raw += splitter.remainder();
  return split;
}

std::string eventsOf(const std::string& stream) {
  const Split whole = splitAt(stream, stream.size() + 1);
  EXPECT_FALSE(whole.failed) << stream;
  EXPECT_EQ(whole.raw, stream);
  for (std::size_t piece = 1; piece < stream.size(); ++piece) {
    EXPECT_EQ(splitAt(stream, piece).events, whole.events) << stream << " by " << piece;
    EXPECT_EQ(splitAt(stream, piece).raw, stream) << stream << " by " << piece;
  }
  return whole.events;
}

TEST(SseSplitter, SplitsEventsWhateverTheLineEnds) {
  for (const std::string end : {"\n", "\r\n", "\r"}) {
    EXPECT_EQ(eventsOf("data: a" + end + end + "data: b" + end + end), "message//a;message//b;");
    EXPECT_EQ(eventsOf("event: x" + end + "id: 7" + end + "data:a" + end + "data:  b" + end + end),
              "x/7/a\n b;");
  }
  EXPECT_EQ(eventsOf("data: a\r\n\rdata: b\n\r\n"), "message//a;message//b;");
}

TEST(SseSplitter, FollowsTheSmallPrint) {
  EXPECT_EQ(eventsOf("\xEF\xBB\xBF"
                     "data: a\n\n"),
            "message//a;");
  EXPECT_EQ(eventsOf("data: a\n\n\xEF\xBB\xBF"
                     "data: b\n\n"),
            "message//a;");
  EXPECT_EQ(eventsOf(": ping\n\ndata\n\n"), "message//;");
  EXPECT_EQ(eventsOf("data\ndata\n\n"), "message//\n;");
  EXPECT_EQ(eventsOf("data:\ndata:\ndata: x\n\n"), "message//\n\nx;");
  EXPECT_EQ(eventsOf("retry: 5\nother: x\ndata: a:b\n\n"), "message//a:b;");
  EXPECT_EQ(eventsOf(std::string("id: a\0b\ndata: x\n\n", 17)), "message//x;");
  EXPECT_EQ(eventsOf("\n\n\ndata: x\n\n"), "message//x;");
  EXPECT_EQ(eventsOf("data: cut short\n"), "");
}

TEST(SseSplitter, BoundsAnEvent) {
  const auto event = [](std::size_t bytes) {
    return "data:" + std::string(bytes - 7, 'x') + "\n\n";
  };
  for (const std::size_t piece : {1, 7, 1000}) {
    EXPECT_FALSE(splitAt(event(100) + event(100), piece, 100).failed) << piece;
    EXPECT_TRUE(splitAt(event(101), piece, 100).failed) << piece;
    EXPECT_TRUE(splitAt("data: " + std::string(200, 'x'), piece, 100).failed) << piece;
  }
}

TEST(SseSplitter, GivesACommentOutAsSoonAsItEnds) {
  SseSplitter splitter(100);
  const auto rawOf = [&splitter](std::string_view bytes) -> std::string {
    splitter.append(bytes);
    const auto event = splitter.next();
    return event && *event ? std::string((*event)->raw) : "nothing";
  };
  EXPECT_EQ(rawOf(": ping\n"), ": ping\n");
  EXPECT_EQ(rawOf(":\r\n"), ":\r\n");
  EXPECT_EQ(rawOf("data: a\n"), "nothing");
  EXPECT_EQ(rawOf(": within\n"), "nothing") << "it is of the event now";
  EXPECT_EQ(rawOf("\n"), "data: a\n: within\n\n");
  EXPECT_EQ(rawOf(": before\ndata: b\n\n"), ": before\n");
  EXPECT_EQ(rawOf(""), "data: b\n\n");
}

TEST(SseSplitter, DoesNotWaitForTheLineFeedOfABlankLine) {
  SseSplitter splitter(100);
  splitter.append("data: a\r\n\r");
  const auto event = splitter.next();
  ASSERT_TRUE(event && *event);
  EXPECT_EQ((*event)->raw, "data: a\r\n\r");
  EXPECT_FALSE((*event)->is_rest);
  splitter.append("\ndata: b\n\n");
  const auto rest = splitter.next();
  ASSERT_TRUE(rest && *rest);
  EXPECT_EQ((*rest)->raw, "\n");
  EXPECT_TRUE((*rest)->is_rest) << "what became of the event is what becomes of it";
  const auto next = splitter.next();
  ASSERT_TRUE(next && *next);
  EXPECT_EQ((*next)->raw, "data: b\n\n");
}

}  // namespace
}  // namespace edgehold
