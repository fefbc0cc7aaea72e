// SPDX-License-Identifier: Apache-2.0
// Signatures that do not cover the body: their first body is the only one, whoever comes how often
// and through which route.
// Thread: main only.
#include "filters/channels/single_use.h"

#include <functional>
#include <utility>

#include <gtest/gtest.h>

#include "proxy/crypto/signing_key.h"
#include "tests/support/exchange_fixture.h"
#include "tests/support/jws_signer.h"
#include "tests/support/signed_samples.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using Bound = SingleUse::Bound;

// Another worker's turn comes between any two steps: `meanwhile` is called once, behind claim
// number `at`.
class InterruptedCounters final : public Counters {
 public:
  explicit InterruptedCounters(Counters& counters)
      : Counters(counters.seed()), counters_(counters) {}

  void interrupt(int at, std::function<void()> meanwhile) {
    left_ = at;
    meanwhile_ = std::move(meanwhile);
  }
  Result<ClaimResult> claim(const CounterKey& key, Instant now, Duration ttl) override {
    auto result = counters_.claim(key, now, ttl);
    if (--left_ == 0) std::exchange(meanwhile_, nullptr)();
    return result;
  }
  Result<bool> commit(const CounterKey& key, std::uint64_t token, Instant now,
                      Duration ttl) override {
    return counters_.commit(key, token, now, ttl);
  }
  void release(const CounterKey& key, std::uint64_t token) override {
    counters_.release(key, token);
  }
  bool hasClaim(const CounterKey& key, Instant now) const override {
    return counters_.hasClaim(key, now);
  }
  Result<void> restore(const CounterKey& key, Instant now, Duration ttl) override {
    return counters_.restore(key, now, ttl);
  }
  RateResult takeTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                        Instant now) override {
    return counters_.takeTokens(key, spec, cost, now);
  }
  std::size_t takeAll(std::span<const RateDemand> demands, Instant now,
                      std::span<RateResult> results) override {
    return counters_.takeAll(demands, now, results);
  }
  RateResult peekTokens(const CounterKey& key, const GcraSpec& spec, std::uint64_t cost,
                        Instant now) const override {
    return counters_.peekTokens(key, spec, cost, now);
  }
  Result<bool> acquireSlot(const CounterKey& key, std::uint64_t limit, Instant now,
                           Duration lease) override {
    return counters_.acquireSlot(key, limit, now, lease);
  }
  void releaseSlot(const CounterKey& key, Instant now) override { counters_.releaseSlot(key, now); }

 private:
  Counters& counters_;
  int left_ = 0;
  std::function<void()> meanwhile_;
};

class SingleUseTest : public ::testing::Test {
 protected:
  Result<Bound> bind(std::string_view credential, std::string_view body) {
    auto passage = f.passage();
    passage->exchange.body.append(body);
    return once.bind(credential, passage->exchange, services);
  }
  bool isBound(std::string_view credential, std::string_view body) {
    const auto bound = bind(credential, body);
    return bound && *bound == Bound::kYes;
  }
  ExchangeFixture f;
  InterruptedCounters interrupted{f.counters};
  Services services{f.loop, f.random, f.json, interrupted, f.ledger, f.rules, f.holds, &f.calls};
  SingleUse once{"paper", 1h};
};

TEST_F(SingleUseTest, BindsASignatureToItsFirstBody) {
  EXPECT_TRUE(isBound("sig", "one"));
  EXPECT_TRUE(isBound("sig", "one"));
  EXPECT_EQ(bind("sig", "two").error().reason, Reason::kSignatureInvalid);
  EXPECT_EQ(bind("sig", "").error().reason, Reason::kSignatureInvalid);
  EXPECT_TRUE(isBound("sig", "one"));
  EXPECT_TRUE(isBound("other", "two"));
}

TEST_F(SingleUseTest, RemembersForAsLongAsTheSignatureLives) {
  EXPECT_TRUE(isBound("sig", "one"));
  f.loop.advance(1h - 1s);
  EXPECT_FALSE(isBound("sig", "two"));
  f.loop.advance(2s);
  EXPECT_TRUE(isBound("sig", "two"));
}

TEST_F(SingleUseTest, IsOfOneDialect) {
  EXPECT_TRUE(isBound("sig", "one"));
  auto passage = f.passage();
  passage->exchange.body.append("two");
  EXPECT_EQ(SingleUse("stone", 1h).bind("sig", passage->exchange, services).value(), Bound::kYes);
}

// Retries are not replays: whatever the twin of a body sees, it is not told that it was forged, and
// a moment later it passes.
TEST_F(SingleUseTest, TheTwinOfABodyOnAnotherWorkerIsNeverRefused) {
  for (int at = 1; at <= 2; ++at) {
    SCOPED_TRACE(at);
    const std::string credential = "sig" + std::to_string(at);
    bool is_asked = false;
    interrupted.interrupt(at, [&] {
      is_asked = true;
      EXPECT_EQ(bind(credential, "one").value(), Bound::kAskAgain);
    });
    EXPECT_TRUE(isBound(credential, "one"));
    EXPECT_TRUE(is_asked);
    EXPECT_TRUE(isBound(credential, "one"));
    EXPECT_FALSE(isBound(credential, "two"));
  }
}

// Whatever moment they meet in, two bodies never pass both.
TEST_F(SingleUseTest, AnotherBodyOnAnotherWorkerNeverPassesBeside) {
  for (int at = 1; at <= 2; ++at) {
    SCOPED_TRACE(at);
    const std::string credential = "sig" + std::to_string(at);
    interrupted.interrupt(at, [&] { EXPECT_FALSE(isBound(credential, "two")); });
    EXPECT_TRUE(isBound(credential, "one"));
    EXPECT_FALSE(isBound(credential, "two"));
    EXPECT_EQ(bind(credential, "two").error().reason, Reason::kSignatureInvalid);
  }
}

// The one who was refused in the middle holds nobody up who comes with the right body.
TEST_F(SingleUseTest, ARefusedBodyLeavesNothingBehind) {
  EXPECT_TRUE(isBound("sig", "one"));
  interrupted.interrupt(2, [&] { EXPECT_TRUE(isBound("sig", "one")); });
  EXPECT_FALSE(isBound("sig", "two"));
  EXPECT_FALSE(isBound("sig", "two"));
  EXPECT_TRUE(isBound("sig", "one"));
}

TEST_F(SingleUseTest, AWorkerThatWasAwayTooLongDoesNotPassBesideAnother) {
  interrupted.interrupt(2, [&] {
    f.loop.advance(SingleUse::kInFlight + 1ms);
    EXPECT_TRUE(isBound("sig", "two"));
  });
  EXPECT_EQ(bind("sig", "one").value(), Bound::kAskAgain);
  EXPECT_EQ(bind("sig", "one").error().reason, Reason::kSignatureInvalid);
  EXPECT_TRUE(isBound("sig", "two"));
}

// A worker that died in the middle is waited for no longer than its claims live.
TEST_F(SingleUseTest, AClaimThatNobodyEndsRunsOut) {
  const CounterKey alone = f.counters.key({"channel.signature", "paper", "sig"});
  ASSERT_TRUE(f.counters.claim(alone, f.loop.clock().now(), SingleUse::kInFlight));
  EXPECT_EQ(bind("sig", "one").value(), Bound::kAskAgain);
  f.loop.advance(SingleUse::kInFlight + 1ms);
  EXPECT_TRUE(isBound("sig", "one"));
}

// --- through the filter

const char* const kRobot = R"(dialect: dingtalk_robot, secrets: "${env:SECRET}")";
const char* const kBot = R"(dialect: telegram, secrets: "${env:SECRET}")";
const char* const kTeams = "dialect: teams, app_id: first, jwks_file: /jwks.json";
const char* const kAccount = R"(dialect: wechat, encryption: plain, tokens: "${env:SECRET}")";

class ReuseTest : public ::testing::Test {
 protected:
  static const JwsSigner& connector() {
    static const JwsSigner kSigner(JwsAlgorithm::kRs256);
    return kSigner;
  }
  // One route of several that share what is remembered.
  struct Route {
    explicit Route(ReuseTest& test, const std::string& config, const std::string& secret = "s3cret",
                   OnError on_error = OnError::kDeny)
        : services{f.loop, f.random, f.json, test.counters_, f.ledger, f.rules, f.holds, &f.calls} {
      f.secrets.secrets["${env:SECRET}"] = {secret};
      f.files.files["/jwks.json"] = connector().jwks(R"(,"endorsements":["msteams"])");
      f.add("channel", "{" + config + "}", FilterMode::kEnforce, on_error);
      EXPECT_TRUE(f.mistakes.empty()) << f.mistakes.front();
      f.add("dedupe", "{}");
    }
    RequestText sign(std::string_view platform, const std::string& body) {
      const auto key = SigningKey::fromPem(connector().privatePem()).value();
      const auto sample = f.chain().entries().front().filter->sample(
          {platform, body, "/hook", f.loop.clock().wallNow(), f.random,
           platform == "teams" ? &key : nullptr});
      if (!sample || !*sample) {
        ADD_FAILURE() << platform;
        return {};
      }
      return requestTextOf(**sample);
    }
    std::unique_ptr<Passage> start(const RequestText& request) {
      auto passage = std::make_unique<Passage>(f.chain(), services, request);
      passage->run();
      return passage;
    }
    Reason send(const RequestText& request) {
      const auto passage = start(request);
      EXPECT_TRUE(passage->is_over);
      if (passage->isAllowed()) passage->commit(f.loop.clock().now());
      return passage->reason();
    }
    ExchangeFixture f;
    Services services;
  };

  MemoryCounters memory_{SipKey{1, 2}, {.entries_max = 4096, .shards = 2}};
  InterruptedCounters counters_{memory_};
};

struct Platform {
  const char* name;
  const char* config;
  const char* body;
  const char* other;
};
const Platform kPlatforms[] = {
    {"dingtalk_robot", kRobot, R"({"msgId":"1","msgtype":"text"})",
     R"({"msgId":"2","msgtype":"text"})"},
    {"telegram", kBot, R"({"update_id":1,"message":{"text":"a"}})",
     R"({"update_id":1,"message":{"text":"b"}})"},
    {"wechat", kAccount,
     "<xml><FromUserName>u</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType>"
     "<MsgId>1</MsgId></xml>",
     "<xml><FromUserName>u</FromUserName><CreateTime>1</CreateTime><MsgType>text</MsgType>"
     "<MsgId>2</MsgId></xml>"},
    {"teams", kTeams,
     R"({"type":"message","id":"1","channelId":"msteams","serviceUrl":"https://s/","text":"a"})",
     R"({"type":"message","id":"1","channelId":"msteams","serviceUrl":"https://s/","text":"b"})"},
};

TEST_F(ReuseTest, TwoChannelsOfOneSecretTakeOneBodyBetweenThem) {
  for (const Platform& one : kPlatforms) {
    SCOPED_TRACE(one.name);
    Route first(*this, std::string(one.config) + ", name: first-" + one.name);
    Route second(*this, std::string(one.config) + ", name: second-" + one.name);
    const RequestText genuine = first.sign(one.name, one.body);
    RequestText forged = genuine;
    forged.body = one.other;
    EXPECT_EQ(first.send(genuine), Reason::kAllowed);
    EXPECT_EQ(second.send(forged), Reason::kSignatureInvalid);
    EXPECT_EQ(first.send(forged), Reason::kSignatureInvalid);
    EXPECT_EQ(second.send(genuine), Reason::kAllowed) << "a mirror of the first";
    EXPECT_EQ(second.send(genuine), Reason::kDuplicate);
  }
}

TEST_F(ReuseTest, TwoBotsOfDifferentSecretsDoNotMeet) {
  for (const Platform& one : kPlatforms) {
    SCOPED_TRACE(one.name);
    std::string config = one.config;
    Route first(*this, config + ", name: one-" + one.name);
    const std::size_t at = config.find("first");  // of Teams a bot's name is no secret
    if (at != std::string::npos) config.replace(at, 5, "other");
    Route second(*this, config + ", name: two-" + one.name, "another");
    EXPECT_EQ(first.send(first.sign(one.name, one.body)), Reason::kAllowed);
    EXPECT_EQ(second.send(second.sign(one.name, one.other)), Reason::kAllowed);
  }
}

TEST_F(ReuseTest, ATwinOnAnotherWorkerWaitsAndIsADuplicate) {
  for (const Platform& one : kPlatforms) {
    SCOPED_TRACE(one.name);
    Route route(*this, one.config);
    const RequestText genuine = route.sign(one.name, one.body);
    std::unique_ptr<Passage> twin;
    counters_.interrupt(1, [&] { twin = route.start(genuine); });
    const auto first = route.start(genuine);
    ASSERT_TRUE(twin != nullptr && first->isAllowed());
    EXPECT_FALSE(twin->is_over) << reasonCode(twin->reason());
    first->commit(route.f.loop.clock().now());
    route.f.loop.advance(50ms);
    ASSERT_TRUE(twin->is_over);
    EXPECT_EQ(twin->reason(), Reason::kDuplicate);
  }
}

// Whoever could keep it undecided must not be let in by what `on_error` opens.
TEST_F(ReuseTest, WhatStaysUndecidedIsRefusedAndMayComeAgain) {
  Route route(*this, kRobot, "s3cret", OnError::kAllow);
  const RequestText genuine = route.sign("dingtalk_robot", kPlatforms[0].body);
  const std::string_view sign = genuine.headers.back().second;
  const CounterKey alone = memory_.key({"channel.signature", "dingtalk_robot", sign});
  const auto claim = memory_.claim(alone, route.f.loop.clock().now(), 10s);
  const auto passage = route.start(genuine);
  EXPECT_FALSE(passage->is_over);
  route.f.loop.advance(1s);
  EXPECT_FALSE(passage->is_over) << "claims live so long";
  route.f.loop.advance(1s);
  ASSERT_TRUE(passage->is_over);
  EXPECT_EQ(passage->reason(), Reason::kStoreUnavailable);
  memory_.release(alone, claim->token);
  EXPECT_EQ(route.send(genuine), Reason::kAllowed);
}

TEST_F(ReuseTest, ATwinThatLeavesIsForgotten) {
  Route route(*this, kRobot);
  const RequestText genuine = route.sign("dingtalk_robot", kPlatforms[0].body);
  counters_.interrupt(1, [&] { route.start(genuine).reset(); });
  EXPECT_EQ(route.send(genuine), Reason::kAllowed);
  route.f.loop.advance(5s);
}

}  // namespace
}  // namespace edgehold
