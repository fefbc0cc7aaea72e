// SPDX-License-Identifier: Apache-2.0
// Laws of inspected WebSockets: what is denied never arrives, however bytes are cut.
// Thread: main only.
#include <random>

#include <gmock/gmock.h>

#include "proxy/http/websocket_writer.h"
#include "tests/flow/flow_fixture.h"
#include "tests/flow/websocket_opening.h"
#include "tests/support/file_size_limit.h"
#include "tests/support/heard_frames.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::StartsWith;

constexpr std::string_view kPolicy = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: claw
    match: {path: /claw}
    upstream: agent
    websocket: {inspect: true, protocol: openclaw, message_bytes: 256KiB, idle_timeout: 60s}
    filters:
      - rate_limit: {limits: [{key: event_type, rate: 4/1m}]}
      - action_class:
          deny: [danger]
          rows:
            - {action: danger, method: MESSAGE, path: /claw,
               when: {all: [{pointer: /method, op: eq, value: sessions.delete}]}}
  - name: bare
    match: {path: /bare}
    upstream: agent
    websocket: {inspect: true, message_bytes: 1KiB}
  - name: strict
    match: {path: /strict}
    upstream: agent
    websocket: {inspect: true, binary: refuse}
    filters:
      - action_class: {rows: [], otherwise: {GET: read, "*": write}, deny: [write]}
)";

constexpr std::string_view kUpgrade =
    " HTTP/1.1\r\nHost: edge\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n"
    "Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n"
    "Sec-WebSocket-Extensions: permessage-deflate\r\n\r\n";
constexpr WebSocketMaskKey kKey = {'k', 'e', 'y', '!'};

using Opcode = WebSocketOpcode;

std::string frame(Opcode opcode, std::string_view payload, bool is_client = true) {
  Buffer out;
  appendFrame(out, opcode, payload, is_client ? std::optional(kKey) : std::nullopt);
  return std::string(out.view());
}
std::string text(std::string_view payload) { return frame(Opcode::kText, payload); }
std::string said(std::string_view payload) { return frame(Opcode::kText, payload, false); }
std::string close(std::uint16_t code, bool is_client = true) {
  Buffer out;
  appendClose(out, code, {}, is_client ? std::optional(kKey) : std::nullopt);
  return std::string(out.view());
}
// `frames` of a client, with the last one's FIN taken away.
std::string unfinished(std::string frame) {
  frame[0] = static_cast<char>(frame[0] & 0x7F);
  return frame;
}

std::string request(std::string_view id, std::string_view method) {
  return R"({"type":"req","id":")" + std::string(id) + R"(","method":")" + std::string(method) +
         R"("})";
}
std::string answer(std::string_view id, bool ok) {
  return R"({"type":"res","id":")" + std::string(id) + R"(","ok":)" + (ok ? "true" : "false") + "}";
}

class RelayTest : public FlowTest {
 protected:
  void open(std::string_view path) {
    use(policy_);
    client_ = connect();
    send(*client_, "GET " + std::string(path) + std::string(kUpgrade));
    EXPECT_EQ(upstream().received.find("permessage-deflate"), std::string::npos);
    send(upstream(), kSwitch);
    ASSERT_THAT(client_->received, StartsWith("HTTP/1.1 101 "));
    client_->received.clear();
    agent_ = dialer_.peers.back();
    agent_->received.clear();
  }
  std::vector<std::string> atUpstream() const { return heard(agent_->received, true); }
  std::vector<std::string> atClient() const { return heard(client_->received, false); }
  // Past the first answer: the gateway has accepted the client.
  void authenticate() {
    send(*client_, text(request("c", "connect")));
    send(*agent_, said(answer("c", true)));
    client_->received.clear();
    agent_->received.clear();
  }

  std::string policy_{kPolicy};
  std::shared_ptr<FakePeer> client_;
  std::shared_ptr<FakePeer> agent_;
};

TEST_F(RelayTest, PassesMessagesBothWays) {
  open("/bare");
  send(*client_, text("hello") + frame(Opcode::kBinary, "\x01\x02"));
  EXPECT_THAT(atUpstream(), ElementsAre("text:hello", "binary:\x01\x02"));
  send(*agent_, said("world"));
  EXPECT_THAT(atClient(), ElementsAre("text:world"));
}

TEST_F(RelayTest, PassesFragmentedMessagesWholeHoweverTheyAreCut) {
  open("/bare");
  std::string bytes = unfinished(text("hel")) + frame(Opcode::kPing, "p") +
                      frame(Opcode::kContinuation, "lo") + text("next");
  for (const char byte : bytes) send(*client_, std::string_view(&byte, 1));
  EXPECT_THAT(atUpstream(), ElementsAre("text:hello", "text:next"));
  EXPECT_THAT(atClient(), ElementsAre("pong:p")) << "each hop answers its own pings";
}

TEST_F(RelayTest, NothingOfADeniedMessageArrives) {
  const std::string denied = request("2", "sessions.delete");
  const std::string forms[] = {
      text(denied),
      unfinished(text(denied.substr(0, 9))) + frame(Opcode::kContinuation, denied.substr(9)),
  };
  for (const std::string& form : forms) {
    for (std::size_t cut = 1; cut < form.size(); ++cut) {
      loop_.advance(60s);  // the rates are not what this is about
      open("/claw");
      authenticate();
      send(*client_, form.substr(0, cut));
      send(*client_, form.substr(cut));
      ASSERT_THAT(agent_->received, IsEmpty()) << "cut at " << cut;
      ASSERT_THAT(client_->received,
                  HasSubstr(R"("id":"2","ok":false,"error":{"code":"FORBIDDEN")"));
    }
  }
}

// Frames of one message, cut into so many fragments with pings between them.
std::string fragmented(const std::string& payload, std::size_t count) {
  std::string bytes;
  const std::size_t step = payload.size() / count;
  for (std::size_t i = 0; i < count; ++i) {
    const bool is_last = i + 1 == count;
    const std::string piece = is_last ? payload.substr(i * step) : payload.substr(i * step, step);
    const std::string one = frame(i == 0 ? Opcode::kText : Opcode::kContinuation, piece);
    bytes += is_last ? one : unfinished(one) + frame(Opcode::kPing, "between");
  }
  return bytes;
}

// Whatever the mixture and the cuts: what arrives is what was allowed, once and in order, each
// message has its record, and what follows a broken frame is nothing.
TEST_F(RelayTest, AnyMixtureHoweverCutArrivesAsItWasJudged) {
  open("/claw");
  for (std::uint32_t seed = 1; seed <= 200; ++seed) {
    std::mt19937 random(seed);
    const auto pick = [&random](std::size_t below) { return random() % below; };
    loop_.advance(70s);
    open("/claw");
    authenticate();
    const std::size_t records_before = recordsWritten();
    std::string bytes;
    std::vector<std::string> allowed;
    std::size_t messages = 0;
    for (std::size_t i = 0, count = 1 + pick(12); i < count; ++i, ++messages) {
      const bool is_denied = pick(3) == 0;
      const std::string id = std::to_string(i);
      const std::string payload = request(id, is_denied ? "sessions.delete" : "m" + id);
      bytes += pick(2) == 0 ? text(payload) : fragmented(payload, 2 + pick(4));
      if (!is_denied) allowed.push_back("text:" + payload);
    }
    const bool is_broken = pick(2) == 0;
    if (is_broken) bytes += said("unmasked") + text(request("late", "late"));
    for (std::size_t at = 0; at < bytes.size();) {
      const std::size_t piece = 1 + pick(pick(2) == 0 ? 8 : 400);
      send(*client_, bytes.substr(at, piece));
      at += piece;
    }
    if (is_broken) allowed.emplace_back("close:1002");
    ASSERT_EQ(atUpstream(), allowed) << "seed " << seed;
    ASSERT_EQ(recordsWritten(), records_before + messages + (is_broken ? 1 : 0)) << "seed " << seed;
  }
}

TEST_F(RelayTest, AnswersADeniedRequestInTheGatewaysWordsAndStaysOpen) {
  open("/claw");
  authenticate();
  send(*client_, text(request("2", "sessions.delete")) + text(request("3", "sessions.list")));
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + request("3", "sessions.list")));
  ASSERT_EQ(atClient().size(), 1u);
  EXPECT_THAT(atClient()[0], HasSubstr(R"("reason":"action_denied")"));
  const auto records = audit();
  ASSERT_EQ(records.size(), 3u) << "connect, and each of the two";
  EXPECT_EQ(records[1]["decision"], "deny");
  EXPECT_EQ(records[1]["what"]["method"], "MESSAGE");
  EXPECT_EQ(records[1]["what"]["event_type"], "sessions.delete");
  EXPECT_EQ(records[1]["message"]["number"], 2);
  EXPECT_EQ(records[1]["message"]["direction"], "to_upstream");
  EXPECT_THAT(records[1]["request_id"].asString(),
              testing::EndsWith(records[1]["message"]["socket"].asString() + ".2"));
  EXPECT_EQ(records[2]["decision"], "allow");
  EXPECT_EQ(records[2]["upstream"], "sent");
}

TEST_F(RelayTest, CountsMessagesAsRequests) {
  open("/claw");
  authenticate();
  for (int i = 0; i < 6; ++i) send(*client_, text(request("r", "chat.send")));
  EXPECT_EQ(atUpstream().size(), 4u);
  ASSERT_EQ(atClient().size(), 2u);
  EXPECT_THAT(atClient()[0], HasSubstr(R"("code":"UNAVAILABLE")"));
  EXPECT_THAT(atClient()[0], HasSubstr(R"("retryable":true,"retryAfterMs":)"));
}

TEST_F(RelayTest, RefusesWhatIsNoRequestOfTheGateways) {
  const std::string cases[] = {
      "no json",
      R"({"type":"req","id":"1","method":"a","METHOD":"b"})",
      R"({"type":"req","id":1,"method":"a"})",
      R"({"type":"event","event":"x"})",
      R"([1])",
      "",
  };
  for (const std::string& message : cases) {
    open("/claw");
    authenticate();
    send(*client_, text(message));
    EXPECT_THAT(atUpstream(), ElementsAre("close:1008")) << message;
    EXPECT_THAT(atClient(), ElementsAre("close:1008")) << message;
    EXPECT_TRUE(agent_->is_closed);
  }
}

TEST_F(RelayTest, RefusesBinaryWhereTheRouteSaysText) {
  for (const std::string_view path : {"/claw", "/strict"}) {
    open(path);
    send(*client_, frame(Opcode::kBinary, request("1", "connect")));
    EXPECT_THAT(atClient(), ElementsAre("close:1003"));
    EXPECT_THAT(atUpstream(), ElementsAre("close:1003"));
  }
}

TEST_F(RelayTest, RefusesBinaryOfTheUpstreamToo) {
  open("/strict");
  send(*agent_, frame(Opcode::kBinary, "\x01", false));
  EXPECT_THAT(atClient(), ElementsAre("close:1003"));
  EXPECT_EQ(audit()[0]["message"]["direction"], "to_client");
}

TEST_F(RelayTest, ClosesBothWhenADenialHasNoWords) {
  open("/strict");
  send(*client_, text("anything") + text("more"));
  EXPECT_THAT(atClient(), ElementsAre("close:1008"));
  EXPECT_THAT(atUpstream(), ElementsAre("close:1008"));
  const auto records = audit();
  ASSERT_EQ(records.size(), 2u) << "the message, and the socket";
  EXPECT_EQ(records[0]["why"]["filter"], "action_class");
  EXPECT_EQ(records[1]["websocket"]["close_code"], 1008);
  EXPECT_EQ(records[1]["websocket"]["ended_by"], "edgehold");
  EXPECT_EQ(records[1]["websocket"]["messages_denied"], 1);
}

TEST_F(RelayTest, ClosesBothOnBrokenFrames) {
  const std::pair<std::string, int> cases[] = {
      {said("unmasked"), 1002},
      {frame(Opcode::kContinuation, "nothing to continue"), 1002},
      {std::string("\xF1\x80", 2) + "abcd", 1002},
      {text("\xC0\xAF"), 1007},
      {text(std::string(1025, 'x')), 1009},
      {unfinished(text(std::string(1000, 'x'))) +
           frame(Opcode::kContinuation, std::string(25, 'x')),
       1009},
  };
  for (const auto& [bytes, code] : cases) {
    open("/bare");
    send(*client_, bytes);
    const std::string wanted = "close:" + std::to_string(code);
    EXPECT_THAT(atClient(), ElementsAre(wanted)) << wanted;
    EXPECT_THAT(atUpstream(), ElementsAre(wanted)) << wanted;
    client_->end();
    settle();
    EXPECT_TRUE(client_->is_closed);
  }
  // Not those that were too long.
  EXPECT_THAT(metrics_registry_.render(),
              HasSubstr("edgehold_protocol_errors_total{kind=\"websocket_frames\"} 4\n"));
}

TEST_F(RelayTest, TrustsNoUpstreamEither) {
  for (const std::string& bytes : {text("masked"), std::string("\x83\x00", 2)}) {
    open("/bare");
    send(*agent_, bytes);
    EXPECT_THAT(atClient(), ElementsAre("close:1002"));
    EXPECT_THAT(atUpstream(), ElementsAre("close:1002"));
  }
}

TEST_F(RelayTest, TakesLongMessagesOnlyFromTheAuthenticated) {
  const std::string params(70 * 1024, 'x');
  const std::string big =
      R"({"type":"req","id":"b","method":"chat.send","params":{"m":")" + params + R"("}})";
  open("/claw");
  send(*client_, text(request("c", "connect")));
  send(*agent_, said(answer("other", true)) + said(answer("c", false)));
  send(*client_, text(big));
  EXPECT_THAT(atClient().back(), "close:1009");

  open("/claw");
  authenticate();
  send(*client_, text(big));
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + big));
}

TEST_F(RelayTest, AnswersPingsOnEachHop) {
  open("/bare");
  send(*client_, frame(Opcode::kPing, "a"));
  send(*agent_, frame(Opcode::kPing, "b", false));
  EXPECT_THAT(atClient(), ElementsAre("pong:a"));
  EXPECT_THAT(atUpstream(), ElementsAre("pong:b"));
}

TEST_F(RelayTest, PassesTheClientsCloseOnAndTheAnswerBack) {
  open("/bare");
  send(*client_, text("last") + close(4000));
  EXPECT_THAT(atUpstream(), ElementsAre("text:last", "close:4000"));
  send(*agent_, said("still this") + close(4000, false));
  EXPECT_THAT(atClient(), ElementsAre("text:still this", "close:4000"));
  EXPECT_TRUE(client_->has_output_ended);
  const auto records = audit();
  EXPECT_EQ(records.back()["websocket"]["close_code"], 4000);
  EXPECT_EQ(records.back()["websocket"]["ended_by"], "client");
  EXPECT_EQ(records.back()["decision"], "allow");
}

TEST_F(RelayTest, PassesTheUpstreamsCloseOnAndWaitsForTheAnswer) {
  open("/bare");
  send(*agent_, close(1012, false));
  EXPECT_THAT(atClient(), ElementsAre("close:1012"));
  EXPECT_FALSE(agent_->is_closed);
  send(*client_, close(1012));
  EXPECT_THAT(atUpstream(), ElementsAre("close:1012"));
  EXPECT_TRUE(agent_->is_closed);
}

TEST_F(RelayTest, WaitsForACloseOnlySoLong) {
  open("/bare");
  send(*agent_, close(1000, false));
  loop_.advance(6s);
  settle();
  EXPECT_TRUE(agent_->is_closed);
  EXPECT_EQ(audit().size(), 1u);
}

TEST_F(RelayTest, TellsTheUpstreamThatTheClientIsGone) {
  open("/bare");
  client_->reset();
  settle();
  EXPECT_THAT(atUpstream(), ElementsAre("close:1001"));
  EXPECT_TRUE(agent_->is_closed);
}

TEST_F(RelayTest, TellsTheClientThatTheUpstreamIsGone) {
  open("/bare");
  agent_->reset();
  settle();
  EXPECT_THAT(atClient(), ElementsAre("close:1014"));
  EXPECT_EQ(audit().back()["reason"], "upstream_reset");
}

TEST_F(RelayTest, AsksWhoIsSilentAndGivesUpOnlyThen) {
  open("/bare");
  for (int i = 0; i < 20; ++i) {
    loop_.advance(31 * 5s);
    settle();
    send(*client_, frame(Opcode::kPong, ""));
    send(*agent_, frame(Opcode::kPong, "", false));
  }
  EXPECT_FALSE(client_->is_closed);
  EXPECT_THAT(atClient()[0], "ping:");
  loop_.advance(601s);
  settle();
  EXPECT_EQ(audit().back()["reason"], "idle_timeout");
  EXPECT_THAT(atClient().back(), "close:1001");
}

TEST_F(RelayTest, DrainsWithACloseAndTimeToAnswerIt) {
  open("/bare");
  station_->drain();
  for (const auto& connection : connections_) connection->drain();
  settle();
  EXPECT_THAT(atClient(), ElementsAre("close:1012"));
  EXPECT_FALSE(client_->is_closed);
  send(*client_, text("too late") + close(1012));
  EXPECT_THAT(atUpstream(), ElementsAre("close:1012"));
  client_->end();
  settle();
  EXPECT_TRUE(client_->is_closed);
  EXPECT_EQ(audit().back()["reason"], "draining");
}

TEST_F(RelayTest, RefusesMessagesWhileNoRecordCanBeWritten) {
  open("/claw");
  authenticate();
  {
    const FileSizeLimit full(1);
    send(*client_, text(request("1", "a")));  // the one whose record shows that the disk is full
    client_->received.clear();
    agent_->received.clear();
    send(*client_, text(request("2", "b")));
    EXPECT_THAT(agent_->received, IsEmpty());
    ASSERT_EQ(atClient().size(), 1u);
    EXPECT_THAT(atClient()[0], HasSubstr(R"("reason":"store_unavailable")"));
    EXPECT_THAT(atClient()[0], HasSubstr(R"("retryable":true)"));
  }
  loop_.advance(2s);
  settle();
  send(*client_, text(request("3", "c")));
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + request("3", "c")));
}

// Says what it is told to, when it is told.
class Hesitant final : public Filter {
 public:
  explicit Hesitant(std::vector<Resolver<Result<Verdict>>>& asked) : asked_(asked) {}
  FilterNeeds needs() const override { return {.ws_messages = true}; }
  Outcome onMessage(Exchange&, Services&) const override {
    auto [later, resolver] = Async<Result<Verdict>>::make();
    asked_.push_back(resolver);
    return std::move(later);
  }

 private:
  std::vector<Resolver<Result<Verdict>>>& asked_;
};

class WaitingRelayTest : public RelayTest {
 protected:
  WaitingRelayTest() {
    addFilters(registry_);
    registry_.add(
        {"hesitant", FilterRank::kRules, [this](ConfigReader& config, const FilterBuild&) {
           config.finish();
           return std::make_unique<Hesitant>(asked_);
         }});
    policy_ = std::string(kPolicy) +
              "  - {name: slow, match: {path: /slow}, upstream: agent, "
              "websocket: {inspect: true}, filters: [hesitant: {}]}\n";
  }
  std::vector<Resolver<Result<Verdict>>> asked_;
};

TEST_F(WaitingRelayTest, AMessageThatWaitsStopsTheDataBehindItAlone) {
  open("/slow");
  send(*client_, text("first") + frame(Opcode::kPing, "p") + text("second"));
  EXPECT_THAT(agent_->received, IsEmpty());
  ASSERT_EQ(asked_.size(), 1u);
  EXPECT_THAT(atClient(), ElementsAre("pong:p"));
  send(*agent_, said("event"));
  EXPECT_THAT(atClient(), ElementsAre("pong:p", "text:event"));
  asked_[0].resolve(Verdict::proceed());
  settle();
  EXPECT_THAT(atUpstream(), ElementsAre("text:first"));
  ASSERT_EQ(asked_.size(), 2u);
  asked_[1].resolve(Verdict::proceed());
  settle();
  EXPECT_THAT(atUpstream(), ElementsAre("text:first", "text:second"));
}

TEST_F(WaitingRelayTest, ACloseDoesNotOvertakeAMessageThatWaits) {
  open("/slow");
  send(*client_, text("last words") + close(1000));
  EXPECT_THAT(agent_->received, IsEmpty());
  asked_[0].resolve(Verdict::proceed());
  settle();
  EXPECT_THAT(atUpstream(), ElementsAre("text:last words", "close:1000"));
}

TEST_F(WaitingRelayTest, AFloodBehindAMessageThatWaitsIsNotRead) {
  open("/slow");
  send(*client_, text("first"));
  for (int i = 0; i < 40; ++i) send(*client_, text(std::string(8192, 'x')));
  EXPECT_FALSE(client_->is_reading);
  EXPECT_LT(station_->bufferedBytes().used(), 512 * 1024);
}

TEST_F(WaitingRelayTest, AVerdictThatDoesNotComeIsADenial) {
  open("/slow");
  send(*client_, text("first"));
  loop_.advance(6s);
  settle();
  EXPECT_THAT(atUpstream(), ElementsAre("close:1008"));
  EXPECT_EQ(audit()[0]["reason"], "filter_failed");
}

TEST_F(WaitingRelayTest, AMessageWhoseSocketEndedIsDecidedAndNeverSent) {
  open("/slow");
  send(*client_, text("first"));
  client_->reset();
  settle();
  const auto records = audit();
  ASSERT_EQ(records.size(), 2u);
  EXPECT_EQ(records[0]["message"]["number"], 1);
  EXPECT_EQ(records[0]["reason"], "client_closed");
  EXPECT_THAT(atUpstream(), ElementsAre("close:1001"));
}

TEST_F(RelayTest, FollowsTheRulesOfTheMoment) {
  open("/claw");
  authenticate();
  std::string stricter(kPolicy);
  stricter.replace(stricter.find("value: sessions.delete"), 22, "value: sessions.list");
  use(stricter);
  send(*client_, text(request("1", "sessions.list")) + text(request("2", "sessions.delete")));
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + request("2", "sessions.delete")));
  const auto records = audit();
  EXPECT_NE(records[0]["policy"], records[1]["policy"]);
}

class BoundRelayTest : public WaitingRelayTest {
 protected:
  // Both routes take messages of at most 16 bytes from now on.
  void lowerTheBounds() {
    std::string lower = policy_;
    for (const std::string_view old : {"inspect: true, message_bytes: 1KiB}", "inspect: true}"}) {
      lower.replace(lower.find(old), old.size(), "inspect: true, message_bytes: 16B}");
    }
    use(lower);
  }
  const std::string most_ = std::string(16, 'x');
  const std::string more_ = std::string(17, 'x');
};

TEST_F(BoundRelayTest, HoldsForTheNextMessageThatBegins) {
  open("/bare");
  lowerTheBounds();
  EXPECT_THAT(client_->received, IsEmpty());
  send(*client_, text(most_) + text(more_));
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + most_, "close:1009"));
  EXPECT_THAT(atClient(), ElementsAre("close:1009"));

  open("/bare");
  lowerTheBounds();
  send(*client_, text(more_));
  EXPECT_THAT(atUpstream(), ElementsAre("close:1009")) << "the first after the reload";
}

TEST_F(BoundRelayTest, HoldsForTheUpstreamsNextMessage) {
  open("/bare");
  lowerTheBounds();
  send(*agent_, said(more_));
  EXPECT_THAT(atClient(), ElementsAre("close:1009"));
}

TEST_F(BoundRelayTest, DoesNotCutTheMessageUnderWay) {
  open("/bare");
  send(*client_, unfinished(text("begun before, ")));
  lowerTheBounds();
  send(*client_, frame(Opcode::kContinuation, "whole after"));
  EXPECT_THAT(atUpstream(), ElementsAre("text:begun before, whole after"));
  send(*client_, text(more_));
  EXPECT_THAT(atClient(), ElementsAre("close:1009"));
}

TEST_F(BoundRelayTest, HoldsForWhatWaitsBehindAVerdict) {
  open("/slow");
  send(*client_, text(more_) + text(more_));
  lowerTheBounds();
  asked_[0].resolve(Verdict::proceed());
  settle();
  EXPECT_THAT(atUpstream(), ElementsAre("text:" + more_, "close:1009"));
}

TEST_F(RelayTest, SendsTheClientAwayWhenItsRouteIsGone) {
  open("/bare");
  std::string other(kPolicy);
  other.replace(other.find("name: bare"), 10, "name: gone");
  use(other);
  EXPECT_THAT(client_->received, IsEmpty()) << "a reload by itself touches no socket";
  send(*client_, text("hello"));
  EXPECT_THAT(atClient(), ElementsAre("close:1012"));
  EXPECT_THAT(atUpstream(), ElementsAre("close:1012"));
}

}  // namespace
}  // namespace edgehold
