// SPDX-License-Identifier: Apache-2.0
// What a request allocates once its connection, its upstream's and its memory are warm: every
// operator new between the client's bytes and the audit record is counted (libraries in C call
// malloc, and are not). The bounds are what is so; a change may lower them.
// Thread: main only.
#include <gmock/gmock.h>

#include "proxy/base/file.h"
#include "proxy/base/recycled.h"
#include "proxy/base/strings.h"
#include "proxy/crypto/hmac.h"
#include "tests/flow/flow_fixture.h"
#include "tests/support/counted_new.h"

namespace edgehold {
namespace {

using testing::StartsWith;

constexpr std::size_t kWarmUp = 300;
constexpr std::size_t kCounted = 100;
constexpr std::string_view kOk = "HTTP/1.1 200 OK\r\nServer: origin\r\nContent-Length: 2\r\n\r\nok";

constexpr std::string_view kRaw = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - {name: all, match: {path: /}, upstream: agent}
)";

// Every check that the benchmark's webhook passes, and the rule that reads its body.
constexpr std::string_view kPolicy = R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80"}}
routes:
  - name: hook
    match: {path: /hook}
    upstream: agent
    limits: {body: 64KiB}
    filters:
      - ip_access: {allow: [192.0.2.0/24]}
      - channel:
          dialect: hmac
          secrets: ["${env:HOOK}"]
          signature: {header: X-Signature}
          timestamp: {header: X-Timestamp}
          signed: "{timestamp}\n{body}"
          facts: {event_id: /event/id, event_type: /event/type, group: /group/id, sender: /sender/id}
      - replay_window: {past: 5m, future: 5m}
      - event_types: {known: [message.created, message.deleted]}
      - dedupe: {window: 10m}
      - rate_limit:
          limits:
            - {key: group, rate: 1000000/10s}
            - {key: sender, rate: 1000000/10s}
      - lua_rules: {directory: rules}
      - approval_hold: {ttl: 10m}
)";

constexpr const char* kRuleFile = EDGEHOLD_SOURCE_DIR "/tests/bench/contestants/edgehold/rule.lua";
constexpr std::string_view kSecret = "hook-secret-2f7c";

// What one request may allocate. A sanitizer sees each recycled place as an allocation: a stream, a
// parser, a slot of the idle upstream connection; a claim.
struct Bound {
  std::size_t allocations = 0;
  std::size_t recycled = 0;

  std::size_t ofAll() const {
    const bool is_recycling = Recycled<Bound>::isRecycling();
    return kCounted * (allocations + (is_recycling ? 0 : recycled));
  }
};
// The request's fields, and the room of each head that is sent.
constexpr Bound kGetMax{.allocations = 3, .recycled = 3};
// The same, the body and its reader, what is settled at the end.
constexpr Bound kWebhookMax{.allocations = 5, .recycled = 5};
// The request's fields, its body, three for the fields of the refusal, the room of its head.
constexpr Bound kForgedMax{.allocations = 6, .recycled = 2};

class AllocationTest : public FlowTest {
 protected:
  // One request and its answer; whatever the fakes keep is kept in room that they have already.
  void exchangeOnce(FakePeer& client, std::string_view request) {
    client.received.clear();
    client.feed(request);
    turn();
    if (dialer_.peers.empty() || !client.received.empty()) return;
    FakePeer& origin = *dialer_.peers.back();
    if (!origin.is_open) origin.open();
    turn();
    origin.received.clear();
    origin.feed(kOk);
    turn();
  }
  void turn() {
    for (int i = 0; i < 3; ++i) {
      loop_.turn();
      station_->endTurn();
    }
  }
  // Allocations of `kCounted` exchanges when `kWarmUp` have gone before; `request(i)` costs
  // nothing.
  template <typename Request>
  std::size_t allocationsOf(FakePeer& client, const Request& request) {
    for (std::size_t i = 0; i < kWarmUp; ++i) exchangeOnce(client, request(i));
    const std::size_t before = allocationCount();
    for (std::size_t i = kWarmUp; i < kWarmUp + kCounted; ++i) exchangeOnce(client, request(i));
    return allocationCount() - before;
  }
  // A webhook of the `number`th event.
  std::string webhook(std::size_t number, std::string_view secret) const {
    const std::string body = R"({"event":{"id":"evt_)" + std::to_string(100'000 + number) +
                             R"(","type":"message.created"},"group":{"id":"grp_1"},"sender":)" +
                             R"({"id":"usr_7","trust":57},"message":{"lang":"en","has_link":)" +
                             R"(false,"text":"please restart the staging cluster"}})";
    const std::string stamp = std::to_string(
        std::chrono::duration_cast<std::chrono::seconds>(loop_.clock().wallNow().time_since_epoch())
            .count());
    const DigestBytes mac = HmacKey(DigestKind::kSha256, secret).sign(stamp + "\n" + body);
    return "POST /hook HTTP/1.1\r\nHost: edge\r\nContent-Type: application/json\r\nX-Timestamp: " +
           stamp + "\r\nX-Signature: " + hexEncode(mac.view()) +
           "\r\nContent-Length: " + std::to_string(body.size()) + "\r\n\r\n" + body;
  }
  std::vector<std::string> webhooks(std::string_view secret) const {
    std::vector<std::string> requests;
    for (std::size_t i = 0; i < kWarmUp + kCounted; ++i) requests.push_back(webhook(i, secret));
    return requests;
  }
  void usePolicy() {
    environment_["HOOK"] = kSecret;
    std::filesystem::create_directory(path("rules"));
    write("rules/bench.lua", readFile(kRuleFile, limits::kRuleFileBytesMax).value());
    use(kPolicy);
  }
};

TEST_F(AllocationTest, AGetThatNobodyChecksTakesRoomForItsHeadsAlone) {
  use(kRaw);
  const auto client = connect();
  const std::string_view get = "GET /small HTTP/1.1\r\nHost: edge\r\nAccept: */*\r\n\r\n";
  EXPECT_LE(allocationsOf(*client, [&](std::size_t) { return get; }), kGetMax.ofAll());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
  EXPECT_EQ(dialer_.peers.size(), 1u) << "every request took the warm connection";
}

TEST_F(AllocationTest, AWebhookThroughTheWholePolicyTakesAHandful) {
  usePolicy();
  const auto client = connect();
  const std::vector<std::string> requests = webhooks(kSecret);
  const auto request = [&](std::size_t i) { return std::string_view(requests[i]); };
  EXPECT_LE(allocationsOf(*client, request), kWebhookMax.ofAll());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 200 "));
}

TEST_F(AllocationTest, ARefusedWebhookTakesAHandful) {
  usePolicy();
  const auto client = connect();
  const std::vector<std::string> requests = webhooks("another");
  const auto request = [&](std::size_t i) { return std::string_view(requests[i]); };
  EXPECT_LE(allocationsOf(*client, request), kForgedMax.ofAll());
  EXPECT_THAT(client->received, StartsWith("HTTP/1.1 401 "));
  EXPECT_TRUE(dialer_.peers.empty());
}

}  // namespace
}  // namespace edgehold
