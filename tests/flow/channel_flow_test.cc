// SPDX-License-Identifier: Apache-2.0
// The laws of a platform's callback on its whole way: what the upstream is told, what the platform
// is told, and what becomes of the event's id.
// Thread: main only.
#include <gmock/gmock.h>

#include "filters/channels/platform_cipher.h"
#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndone";
constexpr std::string_view kAcknowledged = R"({"op":12,"d":0})";

class ChannelFlowTest : public FlowTest {
 protected:
  ChannelFlowTest() { environment_["QQ"] = "s3cret"; }
  void useChannel(const std::string& more = {}, const std::string& limits = "{}") {
    use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: bot
    match: {path: /bot}
    upstream: agent
    limits: )" +
        limits + R"(
    filters:
      - channel: {dialect: qq, secrets: "${env:QQ}")" +
        more + "}\n      - dedupe\n");
  }
  // What the platform sends, signed now: its body, and the head without the length of that.
  struct Signed {
    std::string head, body;
    std::string whole() const {
      return head + "Content-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
    }
  };
  Signed signedBy(std::string_view platform, const std::string& body) {
    const auto policy = station_->snapshot();
    const SampleWish wish{platform, body, "/bot", loop_.clock().wallNow(), random_};
    const auto sample = policy->routes().front()->chain().entries().front().filter->sample(wish);
    const std::string& query = (*sample)->query;
    Signed text{"POST /bot" + (query.empty() ? "" : "?" + query) + " HTTP/1.1\r\nHost: edge\r\n",
                (*sample)->body};
    for (const auto& [name, value] : (*sample)->headers) text.head += name + ": " + value + "\r\n";
    return text;
  }
  std::string event(const std::string& body = R"({"op":0,"id":"e1","t":"C2C_MESSAGE_CREATE"})") {
    return signedBy("qq", body).whole();
  }
};

TEST_F(ChannelFlowTest, TheUpstreamHearsTheBodyAsItCameAndTheFactsInOwnedFields) {
  useChannel(", name: my-bot");
  const auto client = connect();
  send(*client,
       "POST /bot HTTP/1.1\r\nHost: edge\r\nX-Edgehold-Sender: forged\r\n" + event().substr(32));
  ASSERT_EQ(dialer_.peers.size(), 1u) << client->received;
  const std::string& heard = upstream().received;
  EXPECT_THAT(heard, EndsWith("\r\n\r\n{\"op\":0,\"id\":\"e1\",\"t\":\"C2C_MESSAGE_CREATE\"}"));
  EXPECT_THAT(heard, HasSubstr("X-Edgehold-Channel: my-bot\r\n"));
  EXPECT_THAT(heard, HasSubstr("X-Edgehold-Principal: my-bot\r\n"));
  EXPECT_THAT(heard, HasSubstr("X-Edgehold-Event-Id: e1\r\n"));
  EXPECT_THAT(heard, HasSubstr("X-Edgehold-Event-Type: C2C_MESSAGE_CREATE\r\n"));
  EXPECT_THAT(heard, HasSubstr("X-Edgehold-Timestamp: 2023-11-14T22:13:20.000Z\r\n"));
  EXPECT_THAT(heard, Not(HasSubstr("forged")));
  EXPECT_THAT(heard, HasSubstr("X-Signature-Ed25519: "));  // it may verify again
}

// A form is no JSON, whatever was in it, and what told of its bytes is not true of other bytes.
TEST_F(ChannelFlowTest, WhatIsForwardedInTheBodysPlaceIsToldAsWhatItIs) {
  environment_["SLACK"] = "s3cret";
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: bot
    match: {path: /bot}
    upstream: agent
    filters:
      - channel: {dialect: slack, secrets: "${env:SLACK}", forward: decrypted}
)");
  const std::string body =
      "payload=%7B%22type%22%3A%22block_actions%22%2C%22trigger_id%22%3A%221%22%7D";
  const std::string content = R"({"type":"block_actions","trigger_id":"1"})";
  Signed said = signedBy("slack", body);
  said.head += "Digest: sha-256=AAAA\r\nContent-Digest: sha-256=:AAAA:\r\n";
  const std::string chunked =
      said.head + "Transfer-Encoding: chunked\r\n\r\n4b\r\n" + body + "\r\n0\r\n\r\n";
  ASSERT_EQ(body.size(), 0x4bu);
  for (const std::string& request : {said.whole(), chunked}) {
    const auto client = connect();
    const std::size_t before = dialer_.peers.size();
    send(*client, request);
    ASSERT_EQ(dialer_.peers.size(), before + 1) << client->received;
    const std::string& heard = upstream().received;
    EXPECT_THAT(heard, EndsWith("\r\n\r\n" + content));
    EXPECT_THAT(heard, HasSubstr("Content-Type: application/json\r\n"));
    EXPECT_THAT(heard, HasSubstr("Content-Length: " + std::to_string(content.size()) + "\r\n"));
    EXPECT_THAT(heard, Not(HasSubstr("urlencoded")));
    EXPECT_THAT(heard, Not(HasSubstr("igest")));
    EXPECT_THAT(heard, Not(HasSubstr("chunked")));
  }
}

TEST_F(ChannelFlowTest, AnEventIsForwardedOnceAndItsTwinIsToldThePlatformsSuccess) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  send(upstream(), kOk);
  client->received.clear();
  send(*client, event());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(client->received, EndsWith(kAcknowledged));
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(ChannelFlowTest, AnEventThatTheUpstreamFailedMayComeAgain) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  upstream().received.clear();
  send(*client, event());
  EXPECT_THAT(upstream().received, HasSubstr("\"e1\""));
}

TEST_F(ChannelFlowTest, AnEventThatTheUpstreamStoredIsDoneWhateverElseItAnswers) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  send(upstream(),
       "HTTP/1.1 500 Oh\r\nX-Openclaw-Delivery-Accepted: durable\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 500 "));
  client->received.clear();
  send(*client, event());
  EXPECT_THAT(client->received, EndsWith(kAcknowledged));
}

TEST_F(ChannelFlowTest, AnEventThatWasSentElsewhereMayComeAgain) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 302 Found\r\nLocation: /login\r\nContent-Length: 0\r\n\r\n");
  upstream().received.clear();
  send(*client, event());
  EXPECT_THAT(upstream().received, HasSubstr("\"e1\""));
}

// --- A platform that loses its patience leaves while the agent is at work, and sends again.

class ImpatientSenderTest : public ChannelFlowTest {
 protected:
  // The agent has the event, and nobody waits for its answer any more.
  void sendAndLeave(std::string_view route_timeouts = {}) {
    useChannel("", std::string(route_timeouts.empty() ? "{}" : route_timeouts));
    const auto client = connect();
    send(*client, event());
    ASSERT_THAT(upstream().received, HasSubstr("\"e1\""));
    client->reset();
    settle();
    ASSERT_TRUE(connections_.empty());
  }
  std::string sendAgain() {
    const auto again = connect();
    send(*again, event());
    return again->received;
  }
};

TEST_F(ImpatientSenderTest, TheAgentsAnswerIsAwaitedAllTheSame) {
  sendAndLeave();
  EXPECT_FALSE(dialer_.peers[0]->is_closed);
  EXPECT_EQ(recordsWritten(), 0u);
  send(upstream(), kOk);
  EXPECT_THAT(sendAgain(), EndsWith(kAcknowledged));
  EXPECT_EQ(dialer_.peers.size(), 1u);
  const auto records = audit();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["reason"].asString(), "client_closed");
  EXPECT_EQ(records[0]["status"].asInt(), 0);
  EXPECT_EQ(records[0]["upstream_status"].asInt(), 200);
  EXPECT_EQ(records[1]["reason"].asString(), "duplicate");
}

TEST_F(ImpatientSenderTest, ItsNextTryWaitsForTheFirstOnesFate) {
  sendAndLeave();
  const auto again = connect();
  send(*again, event());
  EXPECT_EQ(again->received, "");
  send(upstream(), kOk);
  loop_.advance(std::chrono::milliseconds(50));
  settle();
  EXPECT_THAT(again->received, EndsWith(kAcknowledged));
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(ImpatientSenderTest, ItsNextTryIsToldToComeLaterWhileTheAgentIsAtWork) {
  sendAndLeave("{first_byte_timeout: 10m}");
  for (const auto pause : {std::chrono::seconds(1), std::chrono::seconds(300)}) {
    loop_.advance(pause);
    settle();
    const auto again = connect();
    send(*again, event());
    loop_.advance(std::chrono::seconds(5));
    settle();
    EXPECT_THAT(again->received, StartsWith("HTTP/1.1 409 "));
  }
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(ImpatientSenderTest, WhatTheAgentFailedMayComeAgain) {
  sendAndLeave();
  send(upstream(), "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  upstream().received.clear();
  sendAgain();
  EXPECT_THAT(upstream().received, HasSubstr("\"e1\""));
}

TEST_F(ImpatientSenderTest, AnAgentThatSaysNothingIsGivenUpInItsTime) {
  sendAndLeave("{total_timeout: 2s}");
  loop_.advance(std::chrono::seconds(2));
  settle();
  EXPECT_TRUE(dialer_.peers[0]->is_closed);
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["reason"].asString(), "exchange_timeout");
  EXPECT_EQ(records[0]["status"].asInt(), 0);
  sendAgain();
  EXPECT_THAT(upstream().received, HasSubstr("\"e1\""));
}

TEST_F(ImpatientSenderTest, AnAgentThatIsLostIsRecordedAsThat) {
  sendAndLeave();
  upstream().reset();
  settle();
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["reason"].asString(), "upstream_reset");
  EXPECT_EQ(records[0]["status"].asInt(), 0);
}

TEST_F(ImpatientSenderTest, WhatTheAgentHasNotWhollyIsTakenBack) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  client->reset();  // before the upstream's connection is open
  settle();
  ASSERT_EQ(audit().size(), 1u);
  sendAgain();
  EXPECT_THAT(upstream().received, HasSubstr("\"e1\""));
}

TEST_F(ImpatientSenderTest, WhoLeavesInTheMiddleOfTheAnswerDoesNotCutIt) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndo");
  client->reset();
  settle();
  EXPECT_FALSE(dialer_.peers[0]->is_closed);
  send(upstream(), "ne");
  EXPECT_FALSE(dialer_.peers[0]->is_closed) << "it is kept for the next one";
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["reason"].asString(), "client_closed");
  EXPECT_EQ(records[0]["upstream_status"].asInt(), 200);
}

// It would be read for ever.
TEST_F(ImpatientSenderTest, AStreamOfEventsThatNobodyHearsIsCutOnceItBegan) {
  sendAndLeave();
  send(upstream(),
       "HTTP/1.1 200 OK\r\nContent-Type: text/event-stream\r\nTransfer-Encoding: chunked\r\n\r\n");
  EXPECT_TRUE(dialer_.peers[0]->is_closed);
  EXPECT_THAT(sendAgain(), EndsWith(kAcknowledged));
}

TEST_F(ImpatientSenderTest, KeepsItsPlaceAmongTheExchanges) {
  capacity_.exchanges.bound(1, 1);
  sendAndLeave();
  EXPECT_THAT(sendAgain(), StartsWith("HTTP/1.1 503 "));
  send(upstream(), kOk);
  EXPECT_THAT(sendAgain(), EndsWith(kAcknowledged));
}

TEST_F(ImpatientSenderTest, WhoEndsItsSideAndWaitsOnIsAnswered) {
  useChannel();
  const auto client = connect();
  send(*client, event());
  upstream();
  client->end();
  settle();
  send(upstream(), kOk);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
}

TEST_F(ImpatientSenderTest, AProcessThatEndsCutsWhatNobodyWaitsFor) {
  sendAndLeave();
  EXPECT_FALSE(station_->orphans().empty());
  EXPECT_FALSE(station_->orphans().isSettled());
  station_->orphans().cutAll();
  EXPECT_TRUE(station_->orphans().empty());
  settle();
  EXPECT_TRUE(dialer_.peers[0]->is_closed);
  EXPECT_EQ(audit().size(), 1u);
  const auto again = connect();
  send(*again, event());
  loop_.advance(std::chrono::seconds(5));
  settle();
  EXPECT_THAT(again->received, StartsWith("HTTP/1.1 409 ")) << "nobody knows what the agent did";
}

TEST_F(ImpatientSenderTest, AProcessThatDrainsIsToldWhenTheLastIsOver) {
  sendAndLeave();
  bool is_told = false;
  station_->orphans().setOnEmpty([&] { is_told = true; });
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\n");
  EXPECT_TRUE(station_->orphans().isSettled());
  EXPECT_FALSE(is_told);
  send(upstream(), "done");
  EXPECT_TRUE(is_told);
}

TEST_F(ChannelFlowTest, AHeldEventIsToldThePlatformsSuccessAndNoAddressToAskAt) {
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: bot
    match: {path: /bot}
    upstream: agent
    filters:
      - channel: {dialect: qq, secrets: "${env:QQ}"}
      - action_class: {rows: [{action: mass_send, path: /bot}]}
      - approval_hold: {actions: [mass_send]}
)");
  const auto client = connect();
  send(*client, event());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(client->received, EndsWith(kAcknowledged));
  EXPECT_THAT(client->received, Not(HasSubstr("token")));
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_EQ(audit().back()["reason"].asString(), "held");
}

TEST_F(ChannelFlowTest, WhereThePlatformWantsItsOwnWordsTheUpstreamsAreNotSent) {
  useChannel(", reply: platform");
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 202 Accepted\r\nX-Agent: yes\r\nContent-Length: 4\r\n\r\ndo");
  EXPECT_EQ(client->received, "");  // with its end
  send(upstream(), "ne");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(client->received, EndsWith(kAcknowledged));
  EXPECT_THAT(client->received, Not(HasSubstr("X-Agent")));
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["reason"].asString(), "allowed");
}

TEST_F(ChannelFlowTest, WhatWasAcceptedIsAcknowledgedThoughTheAnswerBreaksOff) {
  useChannel(", reply: platform");
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndo");
  upstream().reset();
  settle();
  EXPECT_THAT(client->received, EndsWith(kAcknowledged));
}

TEST_F(ChannelFlowTest, ARefusalOfTheUpstreamIsNeverTurnedIntoASuccess) {
  useChannel(", reply: platform");
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 503 Later\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 503 "));
}

TEST_F(ChannelFlowTest, AHandshakeIsAnsweredHereAndNeverForwarded) {
  useChannel();
  const auto client = connect();
  send(*client, event(R"({"op":13,"d":{"plain_token":"abc","event_ts":"1700000000"}})"));
  EXPECT_THAT(client->received, HasSubstr(R"({"plain_token":"abc","signature":")"));
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(ChannelFlowTest, WhatWasAcceptedIsAcknowledgedThoughTheAnswerHasNoEnd) {
  useChannel(", reply: platform", "{total_timeout: 2s}");
  const auto client = connect();
  send(*client, event());
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndo");
  EXPECT_EQ(client->received, "");
  loop_.advance(std::chrono::seconds(3));
  settle();
  EXPECT_THAT(client->received, EndsWith(kAcknowledged));
}

// --- DingTalk, which wants every accepted event answered by an encrypted `success`

class DingtalkFlowTest : public ChannelFlowTest {
 protected:
  static constexpr std::string_view kAesKey = "jWmYm7qr5nMoAUwZRjGtBxmz3KA1tkAj3ykkR6q2B2C";
  DingtalkFlowTest() {
    environment_["TOKEN"] = "t0ken";
    environment_["AES_KEY"] = kAesKey;
    use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: bot
    match: {path: /bot}
    upstream: agent
    filters:
      - channel: {dialect: dingtalk_event, tokens: "${env:TOKEN}", aes_keys: "${env:AES_KEY}",
                  receive_id: suite1}
      - dedupe
)");
  }
  std::string said(const std::string& text = R"({"EventType":"user_add_org","eventId":"1"})") {
    return signedBy("dingtalk_event", text).whole();
  }
  // What the client was told, decrypted as the platform does; empty when it was told otherwise.
  std::string told(const FakePeer& client) {
    const std::string_view text = client.received;
    const auto tree = parseJsonTree(text.substr(text.find("\r\n\r\n") + 4));
    if (!text.starts_with("HTTP/1.1 200 ") || !tree) return {};
    Tokens tokens;
    tokens.push_back({std::make_shared<const SecretString>("t0ken"), {}});
    Credentials<AesCbcKey> keys;
    keys.push_back({decodeAesKey(kAesKey).value(), {}});
    const PlatformCipher cipher(std::move(tokens), std::move(keys), "suite1");
    const std::string query = "msg_signature=" + textMember(*tree, "msg_signature") +
                              "&timestamp=" + textMember(*tree, "timeStamp") +
                              "&nonce=" + textMember(*tree, "nonce");
    const auto read =
        readSignedQuery(query, {.signature = "msg_signature", .unit = TimeUnit::kMilliseconds});
    if (!read) return {};
    const auto opened = cipher.open(*read, textMember(*tree, "encrypt"), {}, arena_);
    return opened ? std::string(opened->text) : std::string();
  }

 private:
  Arena arena_;
};

TEST_F(DingtalkFlowTest, WhatTheUpstreamAcceptedIsAnsweredByAnEncryptedSuccess) {
  const auto client = connect();
  send(*client, said());
  send(upstream(), kOk);
  EXPECT_EQ(told(*client), "success");
  EXPECT_THAT(client->received, Not(HasSubstr("done")));
  EXPECT_THAT(client->received, HasSubstr("Content-Type: application/json\r\n"));
}

TEST_F(DingtalkFlowTest, WhatTheUpstreamFailedIsNoSuccessAndMayComeAgain) {
  const auto client = connect();
  send(*client, said());
  send(upstream(), "HTTP/1.1 500 Oh\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 500 "));
  client->received.clear();
  send(*client, said());
  upstream().reset();
  settle();
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
  const auto again = connect();
  send(*again, said());
  send(upstream(), kOk);
  EXPECT_EQ(told(*again), "success");
}

TEST_F(DingtalkFlowTest, AnAnswerThatIsCutInItsMiddleWasAnAcceptance) {
  const auto client = connect();
  send(*client, said());
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 4\r\n\r\ndo");
  upstream().reset();
  settle();
  EXPECT_EQ(told(*client), "success");
  const std::size_t connections = dialer_.peers.size();
  client->received.clear();
  send(*client, said());
  EXPECT_EQ(told(*client), "success") << "a duplicate";
  EXPECT_EQ(dialer_.peers.size(), connections);
}

TEST_F(DingtalkFlowTest, ADuplicateIsToldTheSuccessAndGoesNoFurther) {
  const auto client = connect();
  send(*client, said());
  send(upstream(), kOk);
  const std::string first = std::exchange(client->received, {});
  send(*client, said());
  EXPECT_EQ(told(*client), "success");
  EXPECT_NE(client->received, first) << "never the same twice";
  EXPECT_EQ(dialer_.peers.size(), 1u);
}

TEST_F(DingtalkFlowTest, TheSetUpIsAnsweredWithoutTheUpstream) {
  const auto client = connect();
  send(*client, said(R"({"EventType":"check_url"})"));
  EXPECT_EQ(told(*client), "success");
  EXPECT_TRUE(dialer_.peers.empty());
}

}  // namespace
}  // namespace edgehold
