// SPDX-License-Identifier: Apache-2.0
// The laws of the exchange itself.
// Thread: main only.
#include "proxy/exchange/exchange.h"

#include <gtest/gtest.h>

#include "proxy/base/limits.h"
#include "proxy/base/utf8.h"
#include "tests/support/fake_random.h"

namespace edgehold {
namespace {

class ExchangeTest : public ::testing::Test {
 protected:
  void body(std::string_view text) {
    exchange.body.append(text);
    exchange.is_body_complete = true;
  }
  FakeRandom random;
  JsonPool pool{random};
  Exchange exchange;
};

TEST_F(ExchangeTest, ParsesItsBodyOnce) {
  body(R"({"a":1})");
  const auto& first = exchange.json(pool);
  ASSERT_TRUE(first.has_value());
  EXPECT_EQ(&first, &exchange.json(pool));
  EXPECT_EQ(first->root().member("a")->asInt(), 1);
}

TEST_F(ExchangeTest, RemembersThatItsBodyIsNoJson) {
  body("{");
  EXPECT_EQ(exchange.json(pool).error().reason, Reason::kJsonInvalid);
  EXPECT_EQ(exchange.json(pool).error().reason, Reason::kJsonInvalid);
}

TEST_F(ExchangeTest, TakesAnEmptyBodyForNoJson) {
  exchange.is_body_complete = true;
  EXPECT_FALSE(exchange.json(pool).has_value());
}

// The bytes are JSON in each of them; the fields let an upstream read something else in them.
TEST_F(ExchangeTest, TakesABodyForNoJsonThatTheUpstreamMayReadAsSomethingElse) {
  const struct {
    std::string_view name, value, body;
  } cases[] = {
      {"Content-Type", "application/json; charset=utf-7", R"({"a":"+ACI-"})"},
      {"Content-Type", "application/json;charset=UTF-16LE", "{}"},
      {"content-type", "application/json; CharSet = \"utf-7\"", "{}"},
      {"Content-Type", "application/json; charset=utf-8; charset=utf-7", "{}"},
      {"Content-Type", "application/json; a=\"charset=utf-7\"", "{}"},
      {"Content-Type", "application/json; charset*=utf-8''utf-7", "{}"},
      {"Content-Type", "application/json; charset=", "{}"},
      {"Content-Type", "application/json; charset", "{}"},
      {"Content-Type", "application/json; charset=utf-8x", "{}"},
      {"Content-Type", "application/x-www-form-urlencoded", R"({"a":"&action=x&"})"},
      {"Content-Type", "Application/X-WWW-Form-Urlencoded; charset=utf-8", R"({"a":";b=1"})"},
      {"Content-Type", "multipart/form-data; boundary=x", "{}"},
      {"Content-Encoding", "deflate", R"("abc")"},
      {"content-encoding", "identity, br", "{}"},
  };
  for (const auto& one : cases) {
    Exchange asked;
    asked.request.headers.add(one.name, one.value);
    asked.body.append(one.body);
    asked.is_body_complete = true;
    const auto& json = asked.json(pool);
    ASSERT_FALSE(json.has_value()) << one.name << ": " << one.value;
    EXPECT_EQ(json.error().reason, Reason::kJsonInvalid);
  }
}

TEST_F(ExchangeTest, TakesABodyForJsonWhateverElseIsSaidOfIt) {
  const struct {
    std::string_view name, value, body;
  } cases[] = {
      {"Content-Type", "application/json", "{}"},
      {"Content-Type", "application/json; charset=utf-8", "{}"},
      {"Content-Type", "application/json;Charset=\"UTF-8\"; a=b", "{}"},
      {"Content-Type", "application/json; charset=utf8", "{}"},
      {"Content-Type", "text/plain", R"({"a":"&"})"},
      {"Content-Type", "charse", "{}"},
      {"Content-Type", "", "{}"},
      // What curl says where nothing is said; a form of one pair, whose name is no name.
      {"Content-Type", "application/x-www-form-urlencoded", R"({"a":"b=c"})"},
      {"Content-Encoding", "identity", "{}"},
      {"Content-Encoding", "", "{}"},
      {"X-Content-Encodin", "gzip", "{}"},
  };
  for (const auto& one : cases) {
    Exchange asked;
    asked.request.headers.add(one.name, one.value);
    asked.body.append(one.body);
    asked.is_body_complete = true;
    EXPECT_TRUE(asked.json(pool).has_value()) << one.name << ": " << one.value;
  }
}

TEST_F(ExchangeTest, TakesADecryptedContentAndAMessageForWhatTheyAre) {
  exchange.request.headers.add("Content-Type", "application/x-www-form-urlencoded; charset=gbk");
  body(R"({"a":"&"})");
  exchange.content = R"({"b":1})";
  EXPECT_TRUE(exchange.json(pool).has_value());

  Exchange message;
  message.request.headers.add("Content-Type", "application/json; charset=gbk");
  message.message.emplace();
  message.body.append("{}");
  message.is_body_complete = true;
  EXPECT_TRUE(message.json(pool).has_value());
}

TEST_F(ExchangeTest, KeepsAFactThatFits) {
  std::string text(limits::kFactBytesMax, 'x');
  const std::string_view kept = exchange.keepFact(text);
  EXPECT_EQ(kept, text);
  text.assign(text.size(), 'y');
  EXPECT_EQ(kept, std::string(limits::kFactBytesMax, 'x')) << "it must be a copy";
}

TEST_F(ExchangeTest, CutsAFactThatIsOnePast) {
  EXPECT_EQ(exchange.keepFact(std::string(limits::kFactBytesMax + 1, 'x')).size(),
            limits::kFactBytesMax);
}

TEST_F(ExchangeTest, CutsAFactBetweenCharacters) {
  for (const std::string_view character : {"é", "€", "😀"}) {
    for (std::size_t lead = 0; lead < 4; ++lead) {
      std::string text(lead, 'x');
      while (text.size() <= limits::kFactBytesMax) text += character;
      const std::string_view kept = exchange.keepFact(text);
      EXPECT_TRUE(isUtf8(kept)) << character << " after " << lead;
      EXPECT_GT(kept.size(), limits::kFactBytesMax - character.size());
    }
  }
}

TEST_F(ExchangeTest, KeepsBytesThatAreNoTextBounded) {
  EXPECT_LE(exchange.keepFact(std::string(2 * limits::kFactBytesMax, '\x80')).size(),
            limits::kFactBytesMax);
}

TEST(DecisionName, IsDistinctForEveryKind) {
  EXPECT_EQ(decisionName(Decision::Kind::kAllow), "allow");
  EXPECT_EQ(decisionName(Decision::Kind::kDeny), "deny");
  EXPECT_EQ(decisionName(Decision::Kind::kHold), "hold");
  EXPECT_EQ(decisionName(Decision::Kind::kDuplicate), "duplicate");
  EXPECT_EQ(decisionName(Decision::Kind::kError), "error");
}

}  // namespace
}  // namespace edgehold
