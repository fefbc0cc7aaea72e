// SPDX-License-Identifier: Apache-2.0
// What an HTTP/2 header block may be as a response, and what not.
// Thread: main only.
#include "proxy/http/http2_response_head.h"

#include <string>

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/support/http2_peer.h"

namespace edgehold {
namespace {

Http2ResponseHead blockOf(const Http2Fields& fields) {
  Http2ResponseHead block;
  block.begin();
  for (const auto& [name, value] : fields) block.add(name, value);
  return block;
}

const Http2Fields kOk = {{":status", "200"}};

TEST(Http2ResponseHead, TakesFieldsAsTheyCome) {
  auto block = blockOf(kOk + Http2Fields{{"content-type", "text/plain"},
                                         {"set-cookie", "a=1"},
                                         {"set-cookie", "b=2"},
                                         {"x-empty", ""}});
  const auto head = block.finish(/*is_end=*/false);
  ASSERT_TRUE(head);
  EXPECT_EQ(head->status, 200);
  EXPECT_EQ(head->reason, "");
  EXPECT_EQ(head->headers.size(), 4u);
  EXPECT_EQ(head->headers.count("set-cookie"), 2u);
  EXPECT_EQ(head->headers.find("x-empty"), "");
  EXPECT_EQ(head->body.kind, BodyLength::Kind::kChunked);
}

TEST(Http2ResponseHead, KnowsWhereTheContentEnds) {
  const auto kindOf = [](const Http2Fields& fields, bool is_end) {
    return blockOf(fields).finish(is_end)->body;
  };
  EXPECT_EQ(kindOf(kOk, true).kind, BodyLength::Kind::kKnown);
  EXPECT_EQ(kindOf(kOk, true).bytes, 0u);
  const BodyLength declared = kindOf(kOk + Http2Fields{{"content-length", "17"}}, false);
  EXPECT_EQ(declared.kind, BodyLength::Kind::kKnown);
  EXPECT_EQ(declared.bytes, 17u);
}

TEST(Http2ResponseHead, RefusesWhatIsNoResponse) {
  const std::string nul("a\0b", 3);
  const struct {
    const char* why;
    Http2Fields fields;
  } kCases[] = {
      {"no status", {{"x-a", "1"}}},
      {"nothing", {}},
      {"two statuses", {{":status", "200"}, {":status", "200"}}},
      {"status after fields", {{"x-a", "1"}, {":status", "200"}}},
      {"empty status", {{":status", ""}}},
      {"two digits", {{":status", "20"}}},
      {"four digits", {{":status", "2000"}}},
      {"a sign", {{":status", "+20"}}},
      {"a blank", {{":status", " 200"}}},
      {"no digits", {{":status", "2x0"}}},
      {"below 100", {{":status", "099"}}},
      {"above 599", {{":status", "600"}}},
      {"a request's pseudo field", kOk + Http2Fields{{":path", "/"}}},
      {"an unknown pseudo field", {{":status", "200"}, {":x", "1"}}},
      {"a bare colon", {{":status", "200"}, {":", "1"}}},
      {"upper case", kOk + Http2Fields{{"X-A", "1"}}},
      {"an empty name", kOk + Http2Fields{{"", "1"}}},
      {"a blank in a name", kOk + Http2Fields{{"x a", "1"}}},
      {"a colon in a name", kOk + Http2Fields{{"x:a", "1"}}},
      {"a line end in a name", kOk + Http2Fields{{"x\r\na", "1"}}},
      {"`_` for `-`", kOk + Http2Fields{{"content_length", "1"}}},
      {"CR", kOk + Http2Fields{{"x-a", "a\rb"}}},
      {"LF", kOk + Http2Fields{{"x-a", "a\nb"}}},
      {"CRLF and a field", kOk + Http2Fields{{"x-a", "a\r\nset-cookie: b"}}},
      {"NUL", kOk + Http2Fields{{"x-a", nul}}},
      {"a blank before", kOk + Http2Fields{{"x-a", " a"}}},
      {"a tab behind", kOk + Http2Fields{{"x-a", "a\t"}}},
      {"connection", kOk + Http2Fields{{"connection", "close"}}},
      {"keep-alive", kOk + Http2Fields{{"keep-alive", "1"}}},
      {"proxy-connection", kOk + Http2Fields{{"proxy-connection", "close"}}},
      {"transfer-encoding", kOk + Http2Fields{{"transfer-encoding", "chunked"}}},
      {"upgrade", kOk + Http2Fields{{"upgrade", "h2c"}}},
      {"te", kOk + Http2Fields{{"te", "trailers"}}},
      {"two lengths", kOk + Http2Fields{{"content-length", "1"}, {"content-length", "1"}}},
      {"a length that is none", kOk + Http2Fields{{"content-length", "1x"}}},
      {"a negative length", kOk + Http2Fields{{"content-length", "-1"}}},
      {"a length with a zero before", kOk + Http2Fields{{"content-length", "01"}}},
      {"a list of lengths", kOk + Http2Fields{{"content-length", "1, 1"}}},
      {"a long name", kOk + Http2Fields{{std::string(limits::kHeaderNameBytesMax + 1, 'a'), ""}}},
  };
  for (const auto& row : kCases) {
    const auto head = blockOf(row.fields).finish(false);
    ASSERT_FALSE(head) << row.why;
    EXPECT_EQ(head.error().reason, Reason::kUpstreamMalformed) << row.why;
  }
}

TEST(Http2ResponseHead, BoundsBytesAndFields) {
  Http2Fields fields = kOk;
  for (std::size_t i = 0; i < limits::kHeaderCountMax; ++i) fields.push_back({"x", ""});
  EXPECT_TRUE(blockOf(fields).finish(false));
  EXPECT_FALSE(blockOf(fields + Http2Fields{{"x", ""}}).finish(false));
  const std::size_t room = limits::kHeadBytesMax - (7 + 3 + 32) - (1 + 32);
  EXPECT_TRUE(blockOf(kOk + Http2Fields{{"x", std::string(room, 'a')}}).finish(false));
  EXPECT_FALSE(blockOf(kOk + Http2Fields{{"x", std::string(room + 1, 'a')}}).finish(false));
}

TEST(Http2ResponseHead, KnowsTrailersThatMayBeDropped) {
  EXPECT_TRUE(blockOf({{"server-timing", "a"}}).finishTrailers());
  EXPECT_TRUE(blockOf({}).finishTrailers());
  EXPECT_FALSE(blockOf(kOk).finishTrailers());
  EXPECT_FALSE(blockOf({{":x", "1"}}).finishTrailers());
  EXPECT_FALSE(blockOf({{"content-length", "1"}}).finishTrailers());
  EXPECT_FALSE(blockOf({{"connection", "close"}}).finishTrailers());
  EXPECT_FALSE(blockOf({{"x-a", "a\nb"}}).finishTrailers());
}

}  // namespace
}  // namespace edgehold
