// SPDX-License-Identifier: Apache-2.0
// One check or change. A filter is const: one instance serves all workers at once, and what it
// needs to remember about a request lies in the Exchange. Every hook has a default, so a filter
// overrides only what it is about. Thread: any (immutable).
#pragma once

#include <cstdint>
#include <optional>
#include <string_view>

#include "proxy/exchange/exchange.h"
#include "proxy/exchange/sample.h"
#include "proxy/exchange/services.h"
#include "proxy/exchange/verdict.h"
#include "proxy/http/sse.h"

namespace edgehold {

// Declared, never returned: the sum over a route's filters is its body plan.
struct FilterNeeds {
  enum class Body : std::uint8_t { kNone, kChunks, kWhole };
  Body request_body = Body::kNone;
  Body response_body = Body::kNone;
  bool sse_events = false;
  bool ws_messages = false;         // what clients ask on inspected WebSockets
  bool ws_answers = false;          // what upstreams say on them
  bool event = false;               // a request that brings none is refused
  bool client_certificate = false;  // so is one without
  // The filter is asked again when an approved hold is released (law 4). Filters that count, claim
  // or check freshness are not: they have had their say.
  bool on_release = false;

  bool wantsMessage(MessageFacts::Direction direction) const {
    return direction == MessageFacts::Direction::kToUpstream ? ws_messages : ws_answers;
  }
  FilterNeeds& operator|=(const FilterNeeds& other);
};

class Filter {
 public:
  virtual ~Filter() = default;

  virtual FilterNeeds needs() const { return {}; }
  // A request that this filter takes for the platform's own; nothing when it verifies nobody of
  // that platform. The error says why none can be made.
  virtual std::optional<Result<SampleRequest>> sample(const SampleWish& /*wish*/) const {
    return std::nullopt;
  }

  // The head is here, nothing of the body has been read.
  virtual Outcome onRequestHead(Exchange& /*exchange*/, Services& /*services*/) const {
    return Verdict::proceed();
  }
  // A piece of the body passes by (needs().request_body is kChunks), whether it is collected or
  // streamed. Must decide at once. exchange.decision.request_body_bytes counts this piece already.
  virtual Verdict onChunk(Exchange& /*exchange*/, std::string_view /*chunk*/) const {
    return Verdict::proceed();
  }
  // exchange.body is whole if any filter of the route needs it so; else nothing of it has been
  // read.
  virtual Outcome onRequestBody(Exchange& /*exchange*/, Services& /*services*/) const {
    return Verdict::proceed();
  }
  // One message of an inspected WebSocket (needs().ws_messages, ws_answers): exchange.message says
  // which, exchange.body is its payload, head and facts are those of the request that opened the
  // socket. A message that waits for its verdict stops the data behind it in its direction.
  virtual Outcome onMessage(Exchange& /*exchange*/, Services& /*services*/) const {
    return Verdict::proceed();
  }
  // One event of an answer that is an event stream (needs().sse_events), before it is sent on. Must
  // decide at once: proceed() passes it as it came, deny() drops it, abort() cuts the stream. An
  // error cuts it as well, unless `on_error` is allow. Nothing may be kept of it.
  virtual Result<Verdict> onSseEvent(Exchange& /*exchange*/, Services& /*services*/,
                                     const SseEvent& /*event*/) const {
    return Verdict::proceed();
  }
  // The upstream's head, before it is sent on; fields may be changed. Not for our own replies.
  virtual void onResponseHead(Exchange& /*exchange*/, ResponseHead& /*head*/) const {}
  // The decision stands and will be recorded. Called once, for every filter that was asked.
  virtual void onDone(const Exchange& /*exchange*/, Services& /*services*/) const {}
};

}  // namespace edgehold
