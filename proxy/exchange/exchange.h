// SPDX-License-Identifier: Apache-2.0
// One request and its response (RFC 9110), with all that is known about it. It holds; it does not
// act: the chain walk, the driver and the filters read and change it in their turn. Thread: one
// loop (owned by the connection that received it, or by the release of a hold).
#pragma once

#include <array>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "proxy/base/arena.h"
#include "proxy/base/bytes.h"
#include "proxy/base/clock.h"
#include "proxy/base/ip.h"
#include "proxy/base/json.h"
#include "proxy/exchange/admission.h"
#include "proxy/exchange/decision.h"
#include "proxy/exchange/event_stream_report.h"
#include "proxy/exchange/facts.h"
#include "proxy/exchange/verdict.h"
#include "proxy/exchange/websocket_facts.h"
#include "proxy/http/message.h"

namespace edgehold {

class Exchange;
class PolicySnapshot;
class Random;
class Route;

// The transport's facts about who sent it.
struct ClientFacts {
  // The socket's other end, or whom a trusted proxy announced there (PROXY protocol).
  Endpoint peer;
  bool is_unknown = false;  // the proxy did not say who it is: nothing it claims is believed
  // The client behind trusted proxies, else peer.ip. Failed verifications are charged to it.
  IpAddress address;
  bool is_trusted_peer = false;  // the peer may set X-Forwarded-*, X-Request-Id, traceparent
  bool is_secure = false;        // TLS
  std::string_view server_name;  // SNI; lives with the connection
  std::string_view principal;    // by its certificate, verified; lives with the exchange
  std::size_t listener = 0;      // that it came by, in the policy
  bool is_surplus = false;       // its connection is over a cap: it is only told so
};

// What a rule asked for: approval_hold acts on it. The walk denies when it is left unanswered.
struct HoldWish {
  std::string_view rule;    // who asked
  std::string_view reason;  // why, for the approver
  std::optional<std::chrono::seconds> ttl;
};

// Undoes or completes at the end what a filter began on the way in (a dedupe claim, a slot).
// Filters add one; the driver calls exactly one of the two, once, when it knows what became of the
// request: before any byte of an answer that accepts it leaves.
class Settlement {
 public:
  virtual ~Settlement() = default;
  // The upstream (or the durable queue, or a hold) has accepted it.
  virtual void commit(Instant now) = 0;
  // It was refused later, failed, or its client left before it was sent.
  virtual void release(Instant now) = 0;
};

// How a platform is told that its event was accepted, in its own exact words: a duplicate is
// answered so, and what is accepted now and delivered later.
class Acknowledger {
 public:
  virtual ~Acknowledger() = default;
  // Nothing when the platform wants nothing special.
  virtual std::optional<Reply> acknowledge(const Exchange& exchange, Random& random) const = 0;
};

// The state of the rate limit that is closest to its end, for the draft RateLimit fields.
struct RateReport {
  std::uint64_t limit = 0;
  std::uint64_t remaining = 0;
  std::chrono::seconds reset{};
  std::string_view policy;  // the RateLimit-Policy field; lives with the route
};

class Exchange {
 public:
  Exchange();
  Exchange(const Exchange&) = delete;
  Exchange& operator=(const Exchange&) = delete;

  Arena arena;  // everything below that is a view lives here

  // Who and when.
  std::string_view request_id;   // 32 hexadecimal digits, or what a trusted peer sent
  std::string_view approval_id;  // of the hold that it became, or whose release it is
  Instant started{};
  WallTime started_wall{};
  ClientFacts client;

  // Under which law. Pinned when the head arrived (law 4).
  std::shared_ptr<const PolicySnapshot> snapshot;
  const Route* route = nullptr;  // lives in the snapshot; null until matched

  // What was asked.
  RequestHead request;
  Buffer body;                    // filled only when the route's body plan says so
  bool is_body_complete = false;  // `body` is the whole request body
  // What the body says, where that is not its bytes: its channel decrypted it. For the filters; the
  // upstream gets `body`. Lives in the arena.
  std::string_view content;
  bool is_release = false;  // an approved hold on its way out; filters that ran once do not again
  // The filter that is asked now is in shadow mode: what it says is only recorded, so it must not
  // claim, hold, name an action or set a wish. The chain walk sets it before every hook.
  bool is_shadow = false;

  std::optional<MessageFacts> message;            // it is one message of an inspected WebSocket
  std::optional<WebSocketReport> websocket;       // it became one
  std::optional<EventStreamReport> event_stream;  // its answer is one, and is inspected

  // What was learned, and what became of it.
  Facts facts;
  std::string_view failed_rule;  // beside an Error: which rule failed; the walk takes it
  const Acknowledger* acknowledger = nullptr;  // of the channel that verified it; in the route
  std::size_t acknowledger_key = 0;            // which of its keys fitted: it answers with the same
  // What the upstream answers when it accepts is not for the platform: the acknowledger answers.
  bool is_acknowledged_here = false;
  // A credential that its client shall use from now on; whoever made it tells it with the answer.
  std::string_view renewed_token;
  // Of whoever let an upgrade in for a time: the WebSocket ends with the first that is over.
  std::vector<std::unique_ptr<const Admission>> admissions;
  std::optional<HoldWish> hold_wish;
  std::optional<RateReport> rate_report;
  std::vector<std::unique_ptr<Settlement>> settlements;
  Decision decision;

  // `content`, or else the body, as JSON, parsed at most once; an error when it is none. REQUIRES:
  // is_body_complete, and content does not change after the first call.
  const Result<JsonDocument>& json(JsonPool& pool);
  bool isJsonParsed() const { return json_.has_value(); }

  // Copies `text` into the arena, cut to limits::kFactBytesMax at a UTF-8 boundary.
  std::string_view keepFact(std::string_view text);

 private:
  std::optional<Result<JsonDocument>> json_;  // of `body`
};

}  // namespace edgehold
