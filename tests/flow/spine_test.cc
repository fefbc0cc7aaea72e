// SPDX-License-Identifier: Apache-2.0
// The laws of one request's way through the whole server.
// Thread: main only.
#include <gmock/gmock.h>

#include "tests/flow/flow_fixture.h"

namespace edgehold {
namespace {

using namespace std::chrono_literals;
using testing::EndsWith;
using testing::HasSubstr;
using testing::Not;
using testing::StartsWith;

constexpr std::string_view kOpen = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent, limits: {body: 1MiB}}
)";

// The same with a filter that needs the whole body and one that only looks at the address.
constexpr std::string_view kChecked = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
    limits: {body: 1KiB}
    filters:
      - ip_access: {allow: ["192.0.2.0/24"]}
      - event_types: {pointer: /type, known: [message]}
)";

constexpr std::string_view kGet = "GET /a?b=c HTTP/1.1\r\nHost: edge\r\n\r\n";
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";

class SpineTest : public FlowTest {};

TEST_F(SpineTest, CarriesARequestAndItsAnswer) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  EXPECT_THAT(upstream().received, StartsWith("GET /a?b=c HTTP/1.1\r\nHost: edge\r\n"));
  send(upstream(), kOk);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 OK\r\n"));
  EXPECT_THAT(client->received, EndsWith("\r\n\r\nok"));
  EXPECT_FALSE(client->is_closed);
}

TEST_F(SpineTest, CountsWhatWasDoneWithEachUpstream) {
  use(kOpen);
  const auto client = connect();
  for (int i = 0; i < 2; ++i) {
    send(*client, kGet);
    send(upstream(), kOk);
  }
  std::string text = metrics_registry_.render();
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_connections_total{upstream=\"agent\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_connections_open{upstream=\"agent\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_requests_total{upstream=\"agent\"} 2\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_reuses_total{upstream=\"agent\"} 1\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_received_bytes_total " +
                              std::to_string(2 * kOk.size()) + "\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_sent_bytes_total " +
                              std::to_string(upstream().received.size()) + "\n"));

  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 0\r\n\r\n");
  upstream().end();
  settle();
  text = metrics_registry_.render();
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_connections_open{upstream=\"agent\"} 0\n"));
  EXPECT_THAT(text, HasSubstr("edgehold_upstream_errors_total{upstream=\"agent\","
                              "reason=\"upstream_reset\"} 1\n"));
}

TEST_F(SpineTest, CountsConnectionsOfAnUpstreamThatAReloadTookAway) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  FakePeer& before = upstream();
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {other: {url: "http://192.0.2.81:80"}}
routes:
  - {name: all, match: {path: /}, upstream: other}
)");
  send(before, kOk);
  EXPECT_THAT(client->received, EndsWith("ok"));
  EXPECT_THAT(metrics_registry_.render(),
              HasSubstr("edgehold_upstream_connections_open{upstream=\"agent\"} 0\n"));
}

TEST_F(SpineTest, SendsNothingUpstreamForARefusedRequest) {
  use(kChecked);
  const auto client = connect("198.51.100.1:1");
  send(*client, kGet);
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 403 "));
  EXPECT_THAT(client->received, HasSubstr("\"reason\":\"ip_denied\""));
  EXPECT_THAT(client->received, HasSubstr("application/problem+json"));
}

TEST_F(SpineTest, SendsNothingUpstreamBeforeTheWholeBodyWasJudged) {
  use(kChecked);
  const auto client = connect();
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 18\r\n\r\n{\"type\":\"mess");
  EXPECT_TRUE(dialer_.peers.empty());
  send(*client, "age\"}");
  EXPECT_THAT(upstream().received, EndsWith("\r\n\r\n{\"type\":\"message\"}"));
}

TEST_F(SpineTest, RefusesABodyThatFailsItsCheck) {
  use(kChecked);
  const auto client = connect();
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 15\r\n\r\n{\"type\":\"other\"}");
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 422 "));
}

TEST_F(SpineTest, AnswersPipelinedRequestsInOrder) {
  use(kOpen);
  const auto client = connect();
  send(*client, std::string(kGet) + "GET /second HTTP/1.1\r\nHost: edge\r\n\r\n");
  EXPECT_THAT(upstream().received, Not(HasSubstr("/second")));
  send(upstream(), kOk);
  EXPECT_THAT(upstream().received, HasSubstr("GET /second "));
  send(upstream(), "HTTP/1.1 201 Created\r\nContent-Length: 0\r\n\r\n");
  EXPECT_LT(client->received.find("200 OK"), client->received.find("201 Created"));
  EXPECT_EQ(audit().size(), 2u);
}

TEST_F(SpineTest, RefusesADeclaredBodyOverTheLimitAtOnce) {
  use(kOpen);
  const auto client = connect();
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 1048577\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 413 "));
  EXPECT_TRUE(dialer_.peers.empty());
}

TEST_F(SpineTest, CutsAStreamedBodyOneBytePastTheLimit) {
  use(kOpen);
  const auto client = connect();
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n");
  upstream();
  for (int piece = 0; piece < 16; ++piece) {
    send(*client, "10000\r\n" + std::string(65536, 'x') + "\r\n");
    settle();
    client->deliver();
    settle();
  }
  EXPECT_EQ(client->received, "");
  send(*client, "1\r\nx\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 413 "));
  EXPECT_TRUE(dialer_.peers.back()->is_closed) << "the upstream must see that it is not whole";
  EXPECT_EQ(audit().at(0)["upstream"].asString(), "begun");
}

TEST_F(SpineTest, Answers503WhenTheUpstreamHasAllItsConnections) {
  std::string config(kOpen);
  config.replace(config.find("80:80\""), 6, "80:80\", max_connections: 1");
  use(config);
  const auto first = connect();
  send(*first, kGet);
  const auto second = connect();
  send(*second, kGet);
  EXPECT_THAT(second->received, StartsWith("HTTP/1.1 503 "));
  EXPECT_THAT(second->received, HasSubstr("Retry-After: "));
  EXPECT_THAT(second->received, HasSubstr("\"reason\":\"overloaded\""));
  EXPECT_FALSE(second->is_closed) << "it may ask again";
  EXPECT_THAT(metrics_registry_.render(),
              HasSubstr("edgehold_overload_refusals_total{limit=\"upstream_connections\"} 1\n"));
  EXPECT_TRUE(audit().at(0)["upstream"].isNull()) << "nothing of it was sent";
  send(upstream(), kOk);
  send(*second, kGet);
  send(upstream(), kOk);
  EXPECT_THAT(second->received, HasSubstr("HTTP/1.1 200 "));
}

TEST_F(SpineTest, CountsConnectionsWhoseSyntaxIsBroken) {
  use(kOpen);
  for (const std::string_view bytes :
       {"GET / HTTP/1.1\r\n\r\n", "get / HTTP/1.1\r\nHost: edge\r\n\r\n",
        "GET / HTTP/1.1\r\nHost : edge\r\n\r\n", "\x16\x03\x01\r\n\r\n"}) {
    send(*connect(), bytes);
  }
  const auto cut = connect();
  send(*cut, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\nh");
  cut->end();
  send(*connect(), kGet);
  EXPECT_THAT(metrics_registry_.render(),
              HasSubstr("edgehold_protocol_errors_total{kind=\"http1_syntax\"} 4\n"));
}

// Whoever reads the record must know whether the upstream may have acted on it.
TEST_F(SpineTest, RecordsHowMuchOfARequestHadLeftWhenItsClientWentAway) {
  const struct {
    const char* said;
    std::string_view request;
    std::size_t send_room;
  } kCases[] = {
      {"sent", kGet, 4096},
      {"sent", "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\nhi", 4096},
      {"sent", "POST / HTTP/1.1\r\nHost: edge\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n",
       4096},
      {"begun", "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 2\r\n\r\nh", 4096},
      {"begun", kGet, 10},
  };
  use(kOpen);
  for (std::size_t i = 0; i < std::size(kCases); ++i) {
    const auto client = connect();
    send(*client, kCases[i].request);
    ASSERT_EQ(dialer_.peers.size(), i + 1);
    dialer_.peers.back()->send_room = kCases[i].send_room;
    upstream();
    client->reset();
    const Json::Value record = audit().at(i);
    EXPECT_EQ(record["reason"].asString(), "client_closed");
    EXPECT_EQ(record["upstream"].asString(), kCases[i].said) << i;
  }
}

TEST_F(SpineTest, RecordsThatAllHadLeftWhenTheUpstreamBroke) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  upstream().reset();
  EXPECT_EQ(audit().at(0)["reason"].asString(), "upstream_reset");
  EXPECT_EQ(audit().at(0)["upstream"].asString(), "sent");
}

TEST_F(SpineTest, ReadsNoMoreOfABodyThanTheUpstreamTakes) {
  use(kOpen);
  const auto client = connect();
  const std::string body(900'000, 'x');
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 900000\r\n\r\n");
  upstream().send_room = 0;
  send(*client, body);
  EXPECT_FALSE(client->is_reading);
  EXPECT_GT(client->to_send.size(), 700'000u) << "the rest stays with the kernel";
  for (int turns = 0; turns < 100; ++turns) {
    upstream().makeRoom(50'000);
    settle();
    client->deliver();
    settle();
  }
  EXPECT_THAT(upstream().received, EndsWith(body));
}

TEST_F(SpineTest, ReadsNoMoreOfAnAnswerThanTheClientTakes) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  client->send_room = 0;
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 10000000\r\n\r\n");
  for (int i = 0; i < 100 && upstream().is_reading; ++i) {
    send(upstream(), std::string(100'000, 'x'));
  }
  EXPECT_FALSE(upstream().is_reading);
  client->makeRoom(100'000'000);
  settle();
  upstream().deliver();
  settle();
  EXPECT_TRUE(upstream().is_reading);
}

TEST_F(SpineTest, AnswersABadGatewayWhenTheUpstreamIsDead) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  dialer_.peers.back()->refuse();
  settle();
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 502 "));
  EXPECT_THAT(client->received, HasSubstr("upstream_unreachable"));
}

TEST_F(SpineTest, AnswersAGatewayTimeoutWhenTheUpstreamIsSilent) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  upstream();
  loop_.advance(61s);
  settle();
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 504 "));
}

TEST_F(SpineTest, CutsAnAnswerThatTheUpstreamCut) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(), "HTTP/1.1 200 OK\r\nContent-Length: 10\r\n\r\nhalf");
  upstream().reset();
  settle();
  EXPECT_THAT(client->received, EndsWith("half"));
  EXPECT_TRUE(client->is_closed);
}

TEST_F(SpineTest, LetsTheUpstreamKnowThatTheClientLeft) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  upstream();
  client->reset();
  settle();
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  EXPECT_EQ(records[0]["reason"].asString(), "client_closed");
}

TEST_F(SpineTest, AnswersAClientThatOnlyEndedItsSide) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  client->end();
  settle();
  send(upstream(), kOk);
  EXPECT_THAT(client->received, EndsWith("ok"));
  EXPECT_TRUE(client->is_closed);
}

// RFC 9112 8: nothing but the way it closes tells an HTTP/1.0 client that the answer is not whole.
TEST_F(SpineTest, ResetsAnHttp10ClientWhoseAnswerBrokeOff) {
  use(kOpen);
  const auto client = connect();
  send(*client, "GET / HTTP/1.0\r\nHost: edge\r\n\r\n");
  send(upstream(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n4\r\npart\r\n");
  dialer_.peers.back()->reset();
  settle();
  EXPECT_THAT(client->received, EndsWith("part"));
  EXPECT_TRUE(client->is_closed);
  EXPECT_TRUE(client->was_reset);
}

TEST_F(SpineTest, ClosesProperlyAfterAWholeAnswerToAnHttp10Client) {
  use(kOpen);
  const auto client = connect();
  send(*client, "GET / HTTP/1.0\r\nHost: edge\r\n\r\n");
  send(upstream(), "HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\nwhole\r\n0\r\n\r\n");
  EXPECT_THAT(client->received, EndsWith("whole"));
  EXPECT_TRUE(client->is_closed);
  EXPECT_FALSE(client->was_reset);
}

TEST_F(SpineTest, GivesUpOnAClientThatEndedItsSideAndWaits) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  upstream();
  client->end();
  settle();
  loop_.advance(2s);
  settle();
  EXPECT_TRUE(dialer_.peers.back()->is_closed);
}

TEST_F(SpineTest, AnswersAndRecordsWhatItCannotUnderstand) {
  use(kOpen);
  const auto client = connect();
  send(*client, "GET / HTTP/1.1\r\nHost : edge\r\n\r\nGET / HTTP/1.1\r\nHost: edge\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(client->has_output_ended);
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_EQ(audit().size(), 1u);
}

// RFC 9112 9.6: closed at once, a client that still sends would get a reset and lose the answer.
TEST_F(SpineTest, ReadsOnForAMomentAfterARefusal) {
  use(kOpen);
  const auto client = connect();
  send(*client, "GET / HTTP/1.1\r\nHost : edge\r\n\r\n");
  EXPECT_TRUE(client->has_output_ended);
  EXPECT_FALSE(client->is_closed);
  send(*client, "GET / HTTP/1.1\r\nHost: edge\r\n\r\n");
  EXPECT_EQ(audit().size(), 1u) << "what it sends is not a request";
  loop_.advance(limits::kLingerTimeout);
  settle();
  EXPECT_TRUE(client->is_closed);
}

TEST_F(SpineTest, ReadsOnAfterARefusalOnlySoMuch) {
  use(kOpen);
  const auto client = connect();
  send(*client, "BAD\r\n\r\n");
  send(*client, std::string(limits::kLingerBytesMax, 'x'));
  EXPECT_FALSE(client->is_closed);
  send(*client, "x");
  EXPECT_TRUE(client->is_closed);
}

TEST_F(SpineTest, ClosesAfterARefusalAsSoonAsTheClientDoes) {
  use(kOpen);
  const auto client = connect();
  send(*client, "BAD\r\n\r\n");
  client->end();
  settle();
  EXPECT_TRUE(client->is_closed);
}

TEST_F(SpineTest, EndsAHeadThatTakesTooLong) {
  use(kOpen);
  const auto client = connect();
  for (int i = 0; i < 11 && !client->is_closed; ++i) {
    send(*client, i == 0 ? "GET / HTTP/1.1\r\nX: " : "x");
    loop_.advance(1s);
    settle();
  }
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 408 "));
  EXPECT_TRUE(client->is_closed);
}

TEST_F(SpineTest, EndsABodyThatStops) {
  use(kChecked);
  const auto client = connect();
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 10\r\n\r\n{");
  loop_.advance(31s);
  settle();
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 408 "));
}

TEST_F(SpineTest, ClosesAnIdleConnectionSilently) {
  use(kOpen);
  const auto client = connect();
  loop_.advance(76s);
  settle();
  EXPECT_TRUE(client->is_closed);
  EXPECT_EQ(client->received, "");
  EXPECT_TRUE(audit().empty());
}

TEST_F(SpineTest, AsksForTheBodyOnlyAfterTheHeadPassed) {
  use(kChecked);
  const auto stranger = connect("198.51.100.1:1");
  constexpr std::string_view kExpecting =
      "POST / HTTP/1.1\r\nHost: edge\r\nExpect: 100-continue\r\nContent-Length: 18\r\n\r\n";
  send(*stranger, kExpecting);
  EXPECT_THAT(stranger->received, StartsWith("HTTP/1.1 403 "));
  const auto client = connect();
  send(*client, kExpecting);
  EXPECT_EQ(client->received, "HTTP/1.1 100 Continue\r\n\r\n");
}

TEST_F(SpineTest, StripsWhatOnlyEdgeholdMaySay) {
  use(kOpen);
  const auto client = connect();
  send(*client,
       "GET / HTTP/1.1\r\nHost: edge\r\nConnection: x-hop\r\nX-Hop: 1\r\nX-Forwarded-For: "
       "1.1.1.1\r\n"
       "X-Edgehold-Principal: admin\r\nTailscale-User-Login: admin\r\nremote_user: admin\r\n"
       "x-openclaw-scopes: all\r\nX-Request-Id: mine\r\n"
       "Forwarded: for=1.1.1.1\r\nX-Keep: yes\r\n\r\n");
  const std::string& sent = upstream().received;
  EXPECT_THAT(sent, HasSubstr("X-Forwarded-For: 192.0.2.7\r\n"));
  EXPECT_THAT(sent, HasSubstr("X-Keep: yes\r\n"));
  for (const std::string_view gone :
       {"1.1.1.1", "X-Hop", "x-hop", "admin", "openclaw", "mine", "Forwarded: for"}) {
    EXPECT_THAT(sent, Not(HasSubstr(std::string(gone))));
  }
}

TEST_F(SpineTest, StripsWhatOnlyEdgeholdMaySayToClients) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(),
       "HTTP/1.1 200 OK\r\nX-Edgehold-Principal: forged\r\nx_edgehold_group: forged\r\n"
       "X-Request-Id: forged\r\nX-Keep: yes\r\nContent-Length: 0\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  EXPECT_THAT(client->received, HasSubstr("X-Keep: yes\r\n"));
  EXPECT_THAT(client->received, Not(HasSubstr("forged")));
}

// Or a sender could show a filter a field that the upstream never sees.
TEST_F(SpineTest, DecidesNothingByAFieldThatConnectionTakesAway) {
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: all
    match: {path: /}
    upstream: agent
    filters:
      - dedupe: {id: "header:Idempotency-Key", required: true}
)");
  const auto client = connect();
  send(*client,
       "GET / HTTP/1.1\r\nHost: edge\r\nConnection: idempotency-key\r\nIdempotency-Key: 1\r\n\r\n");
  EXPECT_TRUE(dialer_.peers.empty());
  EXPECT_THAT(client->received, HasSubstr("event_missing"));
}

TEST_F(SpineTest, NamesTheSameRequestToClientUpstreamAndAudit) {
  use(kOpen);
  const auto client = connect();
  send(*client, kGet);
  send(upstream(), kOk);
  const auto records = audit();
  ASSERT_EQ(records.size(), 1u);
  const std::string id = records[0]["request_id"].asString();
  EXPECT_EQ(id.size(), 32u);
  EXPECT_THAT(upstream().received, HasSubstr("X-Request-Id: " + id + "\r\n"));
  EXPECT_THAT(client->received, HasSubstr("X-Request-Id: " + id + "\r\n"));
}

TEST_F(SpineTest, RecordsADecisionBeforeItsAnswerLeaves) {
  use(kChecked);
  const auto client = connect("198.51.100.1:1");
  client->send_room = 0;  // the answer cannot have left
  send(*client, kGet);
  EXPECT_EQ(client->received, "");
  EXPECT_EQ(audit().size(), 1u);
}

TEST_F(SpineTest, RecordsEachPipelinedDecisionBeforeItsAnswerLeaves) {
  use(kChecked);
  const auto client = connect("198.51.100.1:1");
  std::size_t answers = 0;
  client->on_send = [&](ByteView bytes) {
    for (std::size_t at = 0; (at = bytes.find("HTTP/1.1 403 ", at)) != ByteView::npos; ++at) {
      ++answers;
    }
    EXPECT_GE(recordsWritten(), answers);
    return true;
  };
  send(*client, std::string(kGet) + std::string(kGet) + std::string(kGet));
  EXPECT_EQ(answers, 3u);
}

TEST_F(SpineTest, FinishesUnderThePolicyItBeganUnder) {
  use(kChecked);
  const auto client = connect();
  send(*client, "POST / HTTP/1.1\r\nHost: edge\r\nContent-Length: 18\r\n\r\n{\"type\":");
  use(R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {other: {url: "http://192.0.2.81:80"}}
routes: [{name: none, match: {path: /none}, upstream: other}]
)");
  send(*client, "\"message\"}");
  ASSERT_FALSE(dialer_.peers.empty());
  EXPECT_THAT(upstream().received, EndsWith("{\"type\":\"message\"}"));
  send(upstream(), kOk);
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  send(*client, kGet);
  EXPECT_THAT(client->received, HasSubstr("HTTP/1.1 404 "));
}

TEST_F(SpineTest, DrainsAfterTheAnswerThatIsUnderWay) {
  use(kOpen);
  const auto idle = connect();
  send(*idle, kGet);
  send(upstream(), kOk);
  const auto busy = connect();
  send(*busy, kGet);
  upstream();
  station_->drain();
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->drain();
  settle();
  EXPECT_TRUE(idle->is_closed);
  EXPECT_FALSE(busy->is_closed);
  send(upstream(), kOk);
  EXPECT_THAT(busy->received, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(busy->is_closed);
}

TEST_F(SpineTest, AnswersWhoHasConnectedJustBeforeTheDrain) {
  use(kOpen);
  const auto client = connect();
  station_->drain();
  for (std::size_t i = connections_.size(); i-- > 0;) connections_[i]->drain();
  settle();
  send(*client, kGet);
  send(upstream(), kOk);
  EXPECT_THAT(client->received, HasSubstr("Connection: close\r\n"));
  EXPECT_TRUE(client->is_closed);
}

TEST_F(SpineTest, NeverPassesAnUpgradeThatNobodyAskedFor) {
  use(kOpen);
  const auto client = connect();
  send(*client,
       "GET / HTTP/1.1\r\nHost: edge\r\nConnection: upgrade\r\nUpgrade: websocket\r\n\r\n");
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 400 "));
  EXPECT_TRUE(dialer_.peers.empty());
}

}  // namespace
}  // namespace edgehold
