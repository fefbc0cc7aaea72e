// SPDX-License-Identifier: Apache-2.0
// Requests good and bad, behind request_maker.h.
// Thread: one loop.
#include "tests/simulation/request_maker.h"

#include <algorithm>
#include <cstdio>

#include "proxy/crypto/hmac.h"

namespace edgehold::simulation {
namespace {

std::string hexOf(ByteView bytes) {
  constexpr std::string_view kDigits = "0123456789abcdef";
  std::string out;
  for (const char byte : bytes) {
    out += kDigits[static_cast<unsigned char>(byte) >> 4];
    out += kDigits[static_cast<unsigned char>(byte) & 0xF];
  }
  return out;
}

const HmacKey& signingKey() {
  static const HmacKey key(DigestKind::kSha256, kSecret);
  return key;
}

}  // namespace

std::string policyText(std::string_view known_event) {
  return R"(
listen: [{address: "127.0.0.1:0", clear_text: true}]
upstreams: {agent: {url: "http://192.0.2.80:80", idle_connections: 2}}
routes:
  - {name: open, match: {path: /open}, upstream: agent, limits: {body: 4MiB}}
  - name: hook
    match: {path: /hook}
    upstream: agent
    limits: {body: 64KiB}
    filters:
      - method_path: {methods: [POST]}
      - channel:
          dialect: hmac
          secrets: "${env:SECRET}"
          signature: {header: X-Signature}
          timestamp: {header: X-Timestamp, unit: seconds}
          signed: "{timestamp}.{body}"
          facts: {event_id: /id, event_type: /type, group: /group, sender: /sender}
      - replay_window: {past: 5m, future: 1m}
      - event_types: {known: [message, broadcast, )" +
         std::string(known_event) + R"(]}
      - dedupe: {window: 2h}
      - rate_limit: {limits: [{key: group, rate: 100/1s, burst: 100}]}
      - action_class: {catalogue: actions.yaml}
      - lua_rules: {directory: rules}
      - approval_hold: {actions: [mass_send], ttl: 10m}
)";
}

std::string RequestMaker::eventId() {
  // Mostly new ones; a platform that saw no answer sends the same again.
  if (!event_ids_.empty() && below(4) == 0) return event_ids_[below(event_ids_.size())];
  event_ids_.push_back("event-" + std::to_string(event_ids_.size()));
  return event_ids_.back();
}

Request RequestMaker::make(WallTime now) {
  Request request;
  request.number = ++last_number_;
  const std::uint64_t kind = below(20);
  if (kind == 0) {
    makeMalformed(request);
  } else if (kind < 7) {
    makeOpen(request);
  } else {
    makeEvent(request, now);
  }
  return request;
}

void RequestMaker::makeOpen(Request& request) {
  request.may_pass = {true, true};
  const std::uint64_t method = below(4);
  request.is_head = method == 0;
  request.is_repeatable = method < 2;
  const std::string_view token = method == 0 ? "HEAD" : method == 1 ? "GET" : "POST";
  std::string head = std::string(token) + " /open/" + std::to_string(request.number) +
                     " HTTP/1.1\r\nHost: edge\r\n";
  std::string framed;
  if (method >= 2) {
    request.body.assign(below(8) == 0 ? below(1'500'000) : below(5'000),
                        static_cast<char>('a' + request.number % 26));
    if (below(6) == 0) head += "Expect: 100-continue\r\n";
  }
  if (method == 2) {
    head += "Content-Length: " + std::to_string(request.body.size()) + "\r\n";
    framed = request.body;
  } else if (method == 3) {
    head += "Transfer-Encoding: chunked\r\n";
    for (std::size_t at = 0; at < request.body.size();) {
      const std::size_t size = std::min<std::size_t>(request.body.size() - at, 1 + below(40'000));
      char digits[32];
      std::snprintf(digits, sizeof digits, "%zx\r\n", size);
      framed += digits + request.body.substr(at, size) + "\r\n";
      at += size;
    }
    framed += "0\r\n\r\n";
  }
  head += "\r\n";
  request.head_bytes = head.size();
  request.wire = head + framed;
}

void RequestMaker::makeEvent(Request& request, WallTime now) {
  request.needs_whole_body = true;
  request.event_id = eventId();
  constexpr std::array<std::string_view, 6> kTypes = {"message",   "message", "broadcast",
                                                      "broadcast", "alpha",   "beta"};
  const std::uint64_t kind = below(9);
  const std::string_view type = kind < kTypes.size() ? kTypes[kind] : "message";
  const bool is_forbidden = kind == 6;
  const bool is_forged = kind == 7;
  const bool is_stale = kind == 8;
  request.body = R"({"id":")" + request.event_id + R"(","type":")" + std::string(type) +
                 R"(","group":"g)" + std::to_string(below(3)) + R"(","sender":"s","text":")" +
                 (is_forbidden ? "forbidden" : std::string(below(2'000), 'x')) + R"("})";
  const std::int64_t seconds = unixSeconds(now) - (is_stale ? 1'000 : 0);
  const std::string time = std::to_string(seconds);
  std::string signature = hexOf(signingKey().sign(time + "." + request.body).view());
  if (is_forged) signature[0] = signature[0] == '0' ? '1' : '0';
  const bool is_good = !is_forbidden && !is_forged && !is_stale;
  request.may_pass = {is_good && type != "beta", is_good && type != "alpha"};
  request.needs_yes = type == "broadcast";
  const std::string head =
      "POST /hook/" + std::to_string(request.number) +
      " HTTP/1.1\r\nHost: edge\r\nX-Timestamp: " + time + "\r\nX-Signature: " + signature +
      "\r\nContent-Length: " + std::to_string(request.body.size()) + "\r\n\r\n";
  request.head_bytes = head.size();
  request.wire = head + request.body;
}

void RequestMaker::makeMalformed(Request& request) {
  constexpr std::array<std::string_view, 6> kTails = {
      "Host : edge\r\n\r\n",
      "Host: edge\r\nHost: edge\r\n\r\n",
      "Host: edge\r\nContent-Length: 3\r\nTransfer-Encoding: chunked\r\n\r\nabc",
      "Host: edge\r\nContent-Length: +3\r\n\r\nabc",
      "Host: edge\r\n X: fold\r\n\r\n",
      "Host: edge\nX: 1\r\n\r\n",
  };
  request.ends_connection = true;
  request.wire = "POST /open/" + std::to_string(request.number) + " HTTP/1.1\r\n" +
                 std::string(kTails[below(kTails.size())]);
  request.head_bytes = request.wire.size();
}

}  // namespace edgehold::simulation
