// SPDX-License-Identifier: Apache-2.0
// The laws of event_types.
// Thread: main only.
#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "tests/support/exchange_fixture.h"

namespace edgehold {
namespace {

class EventTypesTest : public ::testing::Test {
 protected:
  Reason body(std::string_view body) { return f.send({.body = std::string(body)})->reason(); }
  ExchangeFixture f;
};

TEST_F(EventTypesTest, LetsKnownEventsPassAndNamesThem) {
  f.add("event_types", "{pointer: /event/type, known: [message, 7]}");
  const auto passage = f.send({.body = R"({"event":{"type":"message"}})"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->exchange.facts.event_type, "message");
  EXPECT_EQ(body(R"({"event":{"type":7}})"), Reason::kAllowed) << "numbers as platforms write them";
}

TEST_F(EventTypesTest, RefusesUnknownEvents) {
  f.add("event_types", "{pointer: /type, known: [message]}");
  for (const std::string_view text :
       {R"({"type":"Message"})", R"({"type":"message "})", R"({"type":"mess"})",
        R"({"type":"message\u0000"})", R"({"type":"messages"})"}) {
    EXPECT_EQ(body(text), Reason::kEventUnknown) << text;
  }
}

TEST_F(EventTypesTest, RefusesARequestWithoutAnEvent) {
  f.add("event_types", "{pointer: /type, known: [message]}");
  for (const std::string_view text :
       {"", "{}", R"({"type":null})", R"({"type":""})", R"({"type":{}})", R"({"type":["message"]})",
        R"({"type":true})", R"({"type":1.5})", "[]", R"("message")"}) {
    EXPECT_EQ(body(text), Reason::kEventMissing) << text;
  }
}

TEST_F(EventTypesTest, RefusesABodyThatIsNoJson) {
  f.add("event_types", "{pointer: /type, known: [message]}");
  for (const std::string_view text :
       {"{", R"({"type":"message"}x)", R"({"type":"a","type":"message"})",
        R"({"Type":"a","type":"message"})", "type=message"}) {
    EXPECT_EQ(body(text), Reason::kJsonInvalid) << text;
  }
}

TEST_F(EventTypesTest, TrustsTheFactBeforeThePointer) {
  f.add("event_types", "{pointer: /type, known: [verified]}");
  const auto passage = f.passage({.body = R"({"type":"other"})"});
  passage->exchange.facts.event_type = "verified";
  passage->run();
  EXPECT_TRUE(passage->isAllowed());
}

TEST_F(EventTypesTest, NeedsNoBodyWithoutAPointer) {
  f.add("event_types", "{known: [verified]}");
  EXPECT_EQ(f.chain().bodyPlan().request_body, FilterNeeds::Body::kNone);
  EXPECT_EQ(body(R"({"type":"verified"})"), Reason::kEventMissing);
}

TEST_F(EventTypesTest, ReadsKnownTypesFromAFile) {
  f.files.files["types.txt"] = "# of the platform\nmessage\r\n\n  joined  \n";
  f.add("event_types", "{pointer: /type, known: [extra], known_file: types.txt}");
  for (const std::string_view type : {"message", "joined", "extra"}) {
    EXPECT_EQ(body(R"({"type":")" + std::string(type) + "\"}"), Reason::kAllowed) << type;
  }
  EXPECT_EQ(body(R"({"type":"# of the platform"})"), Reason::kEventUnknown);
}

TEST_F(EventTypesTest, KeepsAHugeTypeBounded) {
  f.add("event_types", "{pointer: /type, known: [a]}");
  const auto passage = f.send({.body = R"({"type":")" + std::string(100'000, 'a') + "\"}"});
  EXPECT_EQ(passage->reason(), Reason::kEventUnknown);
  EXPECT_EQ(passage->exchange.facts.event_type.size(), limits::kFactBytesMax);
  EXPECT_LT(passage->verdict->why().size(), 300u);
}

TEST_F(EventTypesTest, OnlyRecordsInShadowMode) {
  f.add("event_types", "{pointer: /type, known: [a]}", FilterMode::kShadow);
  const auto passage = f.send({.body = R"({"type":"b"})"});
  EXPECT_TRUE(passage->isAllowed());
  EXPECT_EQ(passage->shadowReason(), Reason::kEventUnknown);
}

TEST_F(EventTypesTest, RefusesMistakesInItsConfiguration) {
  for (const std::string_view config :
       {"{}", "{known: []}", "{known: [a], pointer: type}", "{known_file: absent.txt}"}) {
    f.add("event_types", config);
    EXPECT_FALSE(f.mistakes.empty()) << config;
  }
  f.is_whole_body_allowed = false;
  f.add("event_types", "{known: [a], pointer: /type}");
  EXPECT_TRUE(f.hasMistake("whole body"));
}

}  // namespace
}  // namespace edgehold
