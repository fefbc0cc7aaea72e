// SPDX-License-Identifier: Apache-2.0
// The laws of what may be shown.
// Thread: main only.
#include "proxy/observe/redact.h"

#include <gtest/gtest.h>

namespace edgehold {
namespace {

TEST(Redact, ShowsKnownHarmlessHeadersInAnyCase) {
  for (const char* name : {"content-type", "Content-Type", "HOST", "user-agent"}) {
    EXPECT_EQ(shownHeaderValue(name, "v"), "v") << name;
  }
}

TEST(Redact, HidesCredentialsSignaturesAndTheUnknown) {
  for (const char* name :
       {"authorization", "Proxy-Authorization", "cookie", "set-cookie", "x-signature",
        "X-Hub-Signature-256", "x-lark-signature", "x-api-key", "x-telegram-bot-api-secret-token",
        "x-anything-new", "content-typ", "content-type2", "", "sec-websocket-key"}) {
    EXPECT_EQ(shownHeaderValue(name, "v"), kRedacted) << name;
  }
}

TEST(Redact, KnowsATokenWhenItSeesOne) {
  for (const char* text :
       {"0123456789abcdef", "AAHdqTcvCH1vGWJxfSeofSAs0K5PALDsaw",
        "bot110201543:AAHdqTcvCH1vGWJxfSe", "eyJhbGciOiJIUzI1NiJ9", "T00000000B00000000XXXX",
        "a1_b2_c3_d4_e5_f6_g7_h8", "sk-proj1234567890abcdef"}) {
    EXPECT_TRUE(isTokenLike(text)) << text;
  }
}

TEST(Redact, LeavesNamesAndNumbersAlone) {
  for (const char* text :
       {"", "messages", "v2", "0123456789abcde", "1234567890123456789", "getConversationMembers",
        "session-handler-v2-2024-01-01", "3f2504e0-4f89-11d3-9a0c-0305e82c3301", "index.html"}) {
    EXPECT_FALSE(isTokenLike(text)) << text;
  }
}

TEST(Redact, ReplacesOnlyTheTokenInAPath) {
  std::string scratch;
  EXPECT_EQ(shownPath("/bot110201543:AAHdqTcvCH1vGWJxfSeof/sendMessage", scratch),
            "/[redacted]/sendMessage");
  EXPECT_EQ(shownPath("/a//0123456789abcdef0123/", scratch), "/a//[redacted]/");
  EXPECT_EQ(shownHost("a1b2c3d4e5f6a7b8c9.example.com:8443", scratch),
            "[redacted].example.com:8443");
  EXPECT_EQ(shownHost("bot-7.example.com", scratch), "bot-7.example.com");
  EXPECT_EQ(shownPath("*", scratch), "*");
  EXPECT_EQ(shownPath("", scratch), "");
}

TEST(Redact, LeavesAnInnocentPathWhereItIs) {
  std::string scratch;
  const std::string_view path = "/v1/messages/42/";
  EXPECT_EQ(shownPath(path, scratch).data(), path.data());
}

TEST(Redact, KeepsParameterNamesWithoutTheirValues) {
  EXPECT_EQ(shownTarget("/cb", "signature=c0ffee&page=2&token&limit=0123456789abcdef0"),
            "/cb?signature=[redacted]&page=2&token&limit=[redacted]");
  EXPECT_EQ(shownTarget("/cb", "0123456789abcdef0123=x"), "/cb?[redacted]=[redacted]");
  EXPECT_EQ(shownTarget("/cb", ""), "/cb");
  EXPECT_EQ(shownTarget("/cb", "&a=1=2"), "/cb?&a=[redacted]");
}

}  // namespace
}  // namespace edgehold
